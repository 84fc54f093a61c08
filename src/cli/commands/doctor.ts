/** `dnd doctor`: asks every member, looks for what is wrong, and says what to do. */
import type { Command } from "commander";
import { CliError, EXIT } from "../cli-error.ts";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { askCluster } from "../cluster-view.ts";
import { printJson, printPainted } from "../output.ts";
import { type Paint, paintFor } from "../paint.ts";

const LEVELS = {
  ok: { glyph: "✔", style: "green" },
  warn: { glyph: "!", style: "yellow" },
  bad: { glyph: "✖", style: "red" },
} as const;
const CHECK_WIDTH = 11;
const TEXT_WIDTH = 66;

export function addDoctor(program: Command): void {
  const command = program
    .command("doctor")
    .description(
      "ask every member, look for what is wrong, say what to do; exit status 1 if anything is",
    )
    .addHelpText(
      "after",
      "\nLooks at ports, gossip, members, slots, versions, clocks, disks, memory, changes, damage.",
    );
  addClientFlags(command).action(doctor);
}

async function doctor(flags: ClientFlags): Promise<void> {
  const view = await withClient(flags, askCluster);
  const [{ askEveryMember }, { tryDoors }, { diagnose }, { slotHealths }] = await Promise.all([
    import("../every-member.ts"),
    import("../doors.ts"),
    import("../diagnosis.ts"),
    import("../slot-health.ts"),
  ]);
  const reports = await askEveryMember(view);
  const doors = await tryDoors(reports.map(({ member }) => member));
  const findings = diagnose({ reports, doors, healths: slotHealths(view) });
  const badCount = findings.filter(({ level }) => level === "bad").length;
  if (flags.json === true) {
    printJson({ healthy: badCount === 0, findings });
  } else {
    const paint = paintFor(process.stdout);
    for (const { check, level, says, advice } of findings) {
      const { glyph, style } = LEVELS[level];
      printPainted(
        ...folded(`${paint(style, glyph)} ${check.padEnd(CHECK_WIDTH)}`, says),
        ...(advice === undefined ? [] : folded(" ".repeat(CHECK_WIDTH + 2), `→ ${advice}`, paint)),
      );
    }
  }
  if (badCount === 0) return;
  throw new CliError(
    `${badCount} of the findings need${badCount === 1 ? "s" : ""} somebody to act`,
    {
      exit: EXIT.failed,
      code: "unhealthy",
    },
  );
}

/** Text behind a head, in lines that fit a terminal. */
function folded(head: string, text: string, paint?: Paint): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > TEXT_WIDTH) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  lines.push(line);
  const indent = " ".repeat(CHECK_WIDTH + 2);
  return lines.map((each, index) => {
    const shown = paint === undefined ? each : paint("bold", each);
    return (index === 0 ? head : indent) + shown;
  });
}
