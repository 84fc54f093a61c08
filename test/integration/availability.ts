/**
 * What clients of the survivors notice when one of three nodes is killed or stands still: three real processes under
 * open-loop load, half writes, half reads, without client retries.
 *
 *   node tools/setup.mjs test/integration/availability.ts --runs 5                  both faults, figures as a table
 *   node tools/setup.mjs test/integration/availability.ts --fault stop --rate 2000 --seconds 30
 *
 * In one run: warm-up; a span of so many seconds; the fault; as long a span again. A killed node is then started
 * again, and with no load and no read in between its own disk must come to hold what it missed: all three dumps are
 * compared, cell by cell. At the end every acknowledged write is read back from it. Figures: docs/availability.md.
 */

import { get } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ask, getRequest, KeepAliveConnection } from "../support/keep-alive-client.ts";
import { countOf, OpenLoop, type Span } from "../support/open-loop.ts";
import { eventually, RealCluster, type UpNode } from "./real-cluster.ts";

export type Fault = "kill" | "stop";

export interface AvailabilityOptions {
  readonly fault: Fault;
  /** Which of the three nodes, 0..2. */
  readonly victim: number;
  readonly ratePerSecond: number;
  readonly warmUpMs: number;
  readonly spanMs: number;
}

export interface AvailabilityReport {
  readonly options: AvailabilityOptions;
  readonly before: Span;
  readonly after: Span;
  /** Of the whole run, warm-up and the last answers included. */
  readonly whole: Span;
  readonly failures: readonly string[];
  /** From the restart's being ready, or the load's end, to equal dumps. */
  readonly caughtUpMs: number;
  readonly cells: number;
  /** Acknowledged writes that the victim did not return at the end. */
  readonly lost: number;
}

const KEY_COUNT = 4_000;
/** The design's bound is minutes; a few thousand cells are a matter of seconds. */
const CATCH_UP_MS_MAX = 60_000;

export async function runAvailability(options: AvailabilityOptions): Promise<AvailabilityReport> {
  const { fault, victim: victimIndex, ratePerSecond, warmUpMs, spanMs } = options;
  const cluster = await RealCluster.create();
  let stopped: number | undefined;
  try {
    const { nodes } = await cluster.up();
    const victim = nodes[victimIndex];
    if (victim === undefined) throw new Error(`there is no node ${victimIndex}`);
    const ports = nodes.filter((node) => node !== victim).map(portOf);
    const load = new OpenLoop({ ports, ratePerSecond, keyCount: KEY_COUNT });
    const beginMs = performance.now();
    const running = load.run();
    // Awaited below; should it fail before that, the cluster must still be closed.
    running.catch(() => undefined);

    await wait(warmUpMs + spanMs);
    const faultMs = performance.now();
    if (fault === "stop") stopped = victim.pid;
    process.kill(victim.pid, fault === "kill" ? "SIGKILL" : "SIGSTOP");
    // A stopped node goes on before the span ends: that it wakes up must not be felt either.
    await wait(spanMs * (2 / 3));
    if (fault === "stop") process.kill(victim.pid, "SIGCONT");
    stopped = undefined;
    await wait(spanMs / 3);
    const endMs = performance.now();
    load.stop();
    await running;

    if (fault === "kill") await startAgain(cluster, victim, victimIndex);
    const { caughtUpMs, cells } = await untilEqual(nodes);
    return {
      options,
      before: load.span(faultMs - spanMs, faultMs),
      after: load.span(faultMs, endMs),
      whole: load.span(beginMs, Number.POSITIVE_INFINITY),
      failures: load.failures,
      caughtUpMs,
      cells,
      lost: await countLost(victim, load.acknowledged()),
    };
  } finally {
    if (stopped !== undefined) process.kill(stopped, "SIGCONT");
    await cluster.close();
  }
}

async function startAgain(cluster: RealCluster, victim: UpNode, index: number): Promise<void> {
  const flags = [...cluster.portFlags(index), "--data-dir", victim.data];
  const again = cluster.run(["start", ...flags, "--json"]);
  await again.said(/"event":"ready"/);
}

/** Every node's own cells, with their stamps and checksums, until they are the same. */
async function untilEqual(
  nodes: readonly UpNode[],
): Promise<{ readonly caughtUpMs: number; readonly cells: number }> {
  const beginMs = performance.now();
  return await eventually("three equal dumps", CATCH_UP_MS_MAX, async () => {
    const dumps = await Promise.all(nodes.map((node) => dumpOf(portOf(node))));
    const [first = ""] = dumps;
    if (!dumps.every((dump) => dump === first)) return undefined;
    const cells = first.split("\n").filter((line) => line !== "").length;
    return { caughtUpMs: performance.now() - beginMs, cells };
  });
}

/** What `dnd dump` prints, without a process for each look: they would take the time that is measured. */
async function dumpOf(port: number): Promise<string> {
  let text = "";
  let cursor: string | undefined;
  do {
    const from: string = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await lines(port, `/cluster/dump?limit=1000${from}`);
    text += page.text;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return text;
}

function lines(
  port: number,
  path: string,
): Promise<{ readonly text: string; readonly cursor: string | undefined }> {
  const headers = { Accept: "application/x-ndjson" };
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port, path, headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => {
        const cursor = answer.headers["dnd-cursor"];
        if (answer.statusCode === 200) resolve({ text, cursor: cursor?.toString() });
        else reject(new Error(`GET ${path}: ${answer.statusCode} ${text}`));
      });
    });
    request.on("error", reject);
  });
}

async function countLost(node: UpNode, acked: ReadonlyMap<string, number>): Promise<number> {
  const port = portOf(node);
  const connection = new KeepAliveConnection(port);
  let lost = 0;
  for (const [key, count] of acked) {
    const { status, body } = await ask(connection, getRequest(port, `/kv/${key}`));
    if (status !== 200 || countOf(body) < count) lost += 1;
  }
  connection.close();
  return lost;
}

function portOf({ http }: UpNode): number {
  return Number(new URL(http).port);
}

/** What is wrong with a run; empty if nothing is. */
export function faultsOf(report: AvailabilityReport, gapMsAllowed: number): string[] {
  const { before, after, whole, failures, lost, cells } = report;
  const wrong: string[] = [];
  if (whole.failed > 0) wrong.push(`${whole.failed} requests failed: ${failures.join("; ")}`);
  if (whole.stale > 0) wrong.push(`${whole.stale} reads were older than an acknowledged write`);
  if (lost > 0) wrong.push(`${lost} acknowledged writes are gone`);
  if (cells === 0 || before.requests === 0 || after.requests === 0) wrong.push("there was no load");
  if (after.gapMs > before.gapMs + gapMsAllowed) {
    wrong.push(`a gap of ${after.gapMs.toFixed(0)} ms, before ${before.gapMs.toFixed(0)} ms`);
  }
  return wrong;
}

const GAP_MS_ALLOWED = 50;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "5" },
      fault: { type: "string", default: "both" },
      rate: { type: "string", default: "1000" },
      seconds: { type: "string", default: "15" },
    },
  });
  const faults: Fault[] = (["kill", "stop"] as const).filter(
    (fault) => values.fault === "both" || values.fault === fault,
  );
  console.log(
    "| fault | node | requests | failed | stale | lost | gap ms before / after | of writes | of reads | latency p99 ms | max | own stall ms | caught up s | cells |\n" +
      "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
  );
  for (let run = 0; run < Number(values.runs); run += 1) {
    for (const fault of faults) {
      const spanMs = Number(values.seconds) * 1_000;
      const report = await runAvailability({
        fault,
        victim: run % 3,
        ratePerSecond: Number(values.rate),
        warmUpMs: 5_000,
        spanMs,
      });
      console.log(line(report));
      for (const wrong of faultsOf(report, GAP_MS_ALLOWED)) {
        console.log(`  WRONG: ${wrong}`);
        process.exitCode = 1;
      }
    }
  }
}

function line({
  options,
  before,
  after,
  whole,
  caughtUpMs,
  cells,
  lost,
}: AvailabilityReport): string {
  const pair = (of: (span: Span) => number): string =>
    `${of(before).toFixed(0)} / ${of(after).toFixed(0)}`;
  const cellsOfLine = [
    options.fault,
    options.victim + 1,
    whole.requests,
    whole.failed,
    whole.stale,
    lost,
    pair(({ gapMs }) => gapMs),
    pair(({ gapMsPut }) => gapMsPut),
    pair(({ gapMsGet }) => gapMsGet),
    pair(({ latencyMsP99 }) => latencyMsP99),
    pair(({ latencyMsMax }) => latencyMsMax),
    pair(({ ownStallMsMax }) => ownStallMsMax),
    (caughtUpMs / 1_000).toFixed(1),
    cells,
  ];
  return `| ${cellsOfLine.join(" | ")} |`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
