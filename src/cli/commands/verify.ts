/** `dnd verify DIR`: whether a backup is whole, without a node. */
import type { Command } from "commander";
import { cellsOf, readManifest } from "../backup/backup-directory.ts";
import { grouped, printJson, printLine } from "../output.ts";
import { Progress } from "../progress.ts";

interface VerifyFlags {
  readonly json?: boolean;
}

export function addVerify(program: Command): void {
  program
    .command("verify")
    .argument("<directory>", "a backup")
    .description("check every hash and every cell of a backup; asks no node")
    .option("--json", "answer in JSON")
    .action(verify);
}

async function verify(directory: string, flags: VerifyFlags): Promise<void> {
  const facts = await readManifest(directory);
  const bytes = facts.files.reduce((sum, file) => sum + file.bytes, 0);
  const progress = new Progress("verified");
  let keys = 0;
  let bytesRead = 0;
  const chunks = cellsOf(directory, facts, (read) => {
    bytesRead = read;
  });
  for await (const cells of chunks) {
    for (const { cell } of cells) if (cell.kind === "value" || cell.kind === "container") keys += 1;
    progress.update(keys, bytesRead / bytes);
  }
  progress.end(keys);
  const { cluster, begun, cells, greatestStamp } = facts;
  const slots = facts.thin.reduce((sum, one) => sum + one.lastSlot - one.firstSlot + 1, 0);
  const files = facts.files.length;
  if (flags.json === true) {
    printJson({
      directory,
      cluster,
      begun,
      files,
      bytes,
      cells,
      greatestStamp,
      thinSlots: slots,
    });
    return;
  }
  const thin = slots === 0 ? "" : `; ${grouped(slots)} slots are thin`;
  printLine(`${directory} is whole: cluster ${cluster}, begun ${begun}${thin}`);
}
