/** `dnd top`: what every node does, as it does it. */
import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "commander";
import { usageError } from "../cli-error.ts";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { askCluster, type ClusterView } from "../cluster-view.ts";
import { askEveryMember, type MemberReport } from "../every-member.ts";
import { LiveScreen } from "../live-screen.ts";
import type { NodeClient } from "../node-client.ts";
import { printJson, printPainted, readable } from "../output.ts";
import { paintFor } from "../paint.ts";
import { type TopRow, topRows } from "../top-rates.ts";
import { topLines } from "../top-text.ts";

interface TopFlags extends ClientFlags {
  readonly interval: string;
  readonly count?: string;
  readonly once?: boolean;
}

interface Look {
  readonly view: ClusterView;
  readonly reports: readonly MemberReport[];
}

const INTERVAL_S_MIN = 0.2;
const INTERVAL_S_MAX = 3_600;

export function addTop(program: Command): void {
  const command = program
    .command("top")
    .description("watch requests, latency, CPU and memory of every node; q quits")
    .option("--interval <seconds>", "between two looks", "2")
    .option("--count <looks>", "end after so many; without a terminal the default is 1")
    .option("--once", "the same as --count 1");
  addClientFlags(command).action(top);
}

async function top(flags: TopFlags): Promise<void> {
  const intervalMs = 1_000 * parseInterval(flags.interval);
  const count = parseCount(flags);
  await withClient(flags, async (client) => {
    if (flags.json === true || count !== undefined || !process.stdout.isTTY) {
      await watch(client, intervalMs, count ?? 1, (_look, rows) => {
        if (flags.json === true) printJson({ nodes: rows });
        else printPainted(...topLines(rows, paintFor(process.stdout)));
      });
      return;
    }
    const screen = new LiveScreen();
    try {
      screen.draw(["dnd top: looking ..."]);
      const watching = watch(client, intervalMs, Number.POSITIVE_INFINITY, (look, rows) =>
        screen.draw([
          headline(look),
          "",
          ...topLines(rows, paintFor(process.stdout)),
          "",
          "q quits",
        ]),
      );
      await Promise.race([screen.quit, watching]);
    } finally {
      screen.close();
    }
    // What is still being asked for is of no more use to anybody.
    process.exit(0);
  });
}

/** Shows what happened between each two looks, `count` times. */
async function watch(
  client: NodeClient,
  intervalMs: number,
  count: number,
  show: (look: Look, rows: readonly TopRow[]) => void,
): Promise<void> {
  let before = await look(client);
  for (let shown = 0; shown < count; shown += 1) {
    await wait(intervalMs);
    const now = await look(client);
    show(now, topRows(before.reports, now.reports));
    before = now;
  }
}

async function look(client: NodeClient): Promise<Look> {
  const view = await askCluster(client);
  return { view: readable(view), reports: await askEveryMember(view) };
}

function headline({ view, reports }: Look): string {
  const answering = reports.filter(({ answer }) => typeof answer !== "string").length;
  const time = new Date().toTimeString().slice(0, 8);
  return `cluster ${view.cluster ?? "none yet"}, ${answering} of ${reports.length} members answer, ${time}`;
}

function parseInterval(text: string): number {
  const seconds = /^\d{1,4}(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= INTERVAL_S_MIN && seconds <= INTERVAL_S_MAX) return seconds;
  throw usageError(
    `--interval is ${text}: must be seconds from ${INTERVAL_S_MIN} to ${INTERVAL_S_MAX}`,
  );
}

function parseCount({ count, once }: TopFlags): number | undefined {
  if (count === undefined) return once === true ? 1 : undefined;
  if (once === true) throw usageError("--once and --count exclude each other");
  if (/^[1-9]\d{0,8}$/.test(count)) return Number(count);
  throw usageError(`--count is ${count}: must be an integer from 1`);
}
