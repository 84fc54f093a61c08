/**
 * What clients notice of background work: three real processes under open-loop load at a quarter of their peak, alone and
 * then while a fourth node joins and copies its share of the keys.
 *
 *   node tools/setup.mjs test/integration/background-share.ts --keys 100000 --seconds 20
 *
 * In one run: the keys are stored; the peak is measured by a closed loop of 50 connections, half writes, half reads; then,
 * at a quarter of it, a span of the three nodes; the join, until a second after the process answers (its start, with a core
 * to itself until its code is loaded, and the change of the members); a span until it has copied all it is to hold; one
 * until the others have handed over what is not theirs any more; all settled, one of the four; and, half as many keys more
 * having been deleted, one while these are collected. Passed when the 99th percentiles while copying, handing over and
 * collecting are within the greater of twice that of the four and 5 ms more: the same processes, less the background
 * work. Figures: docs/performance.md.
 */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  deleteRequest,
  getRequest,
  KeepAliveConnection,
  putRequest,
} from "../support/keep-alive-client.ts";
import { keyOf, OpenLoop, type Span } from "../support/open-loop.ts";
import { RealCluster } from "./real-cluster.ts";

const NODES = 3;
const CONNECTIONS = 50;
const PEAK_MS = 5_000;
const WARM_UP_MS = 5_000;
const MARGIN_MS = 5;
const STARTED_MS = 1_000;
const SETTLED_MS = 3_000;
const VALUE = "0".repeat(100);
/** Long enough that all is deleted before the first of it is collected. */
const GRACE_MS = 15_000;

const { values: flags } = parseArgs({
  options: {
    keys: { type: "string", default: "100000" },
    seconds: { type: "string", default: "20" },
    rate: { type: "string" },
  },
});
const keyCount = Number(flags.keys);
const spanMs = 1_000 * Number(flags.seconds);

/** Sends what `next` makes, each connection one request after another, until there is none; tells how many. */
async function closedLoop(
  ports: readonly number[],
  next: (port: number) => string | undefined,
): Promise<number> {
  let answered = 0;
  const lanes = Array.from({ length: CONNECTIONS }, async (_, index) => {
    const port = ports[index % ports.length] ?? 0;
    const connection = new KeepAliveConnection(port);
    for (let request = next(port); request !== undefined; request = next(port)) {
      const sent = request;
      const status = await new Promise<number>((resolve) => connection.send(sent, resolve));
      if (status !== 200 && status !== 204 && status !== 404)
        throw new Error(`${sent.split("\r\n")[0]}: ${status}`);
      answered += 1;
    }
    connection.close();
  });
  await Promise.all(lanes);
  return answered;
}

/** Until a node answers, whatever it says. */
async function answers(port: number): Promise<void> {
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/ready`);
      return;
    } catch {
      await wait(20);
    }
  }
}

/** Slots that the nodes at these ports have still to exchange or hand over. */
async function slotsLeft(all: readonly number[]): Promise<number> {
  let left = 0;
  for (const port of all) {
    const response = await fetch(`http://127.0.0.1:${port}/cluster`);
    const { gauges } = (await response.json()) as { gauges: Record<string, number> };
    left += gauges["change-slots-left"] ?? 0;
  }
  return left;
}

/** Whether a node says within `ms` that it holds all it is to hold. */
async function isFilled(port: number, ms: number): Promise<boolean> {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) {
    const { ok } = await fetch(`http://127.0.0.1:${port}/ready`);
    if (ok) return true;
    await wait(100);
  }
  return false;
}

/** Cells that the nodes at these ports have dropped because they were deleted. */
async function cellsCollected(all: readonly number[]): Promise<number> {
  let collected = 0;
  for (const port of all) {
    const response = await fetch(`http://127.0.0.1:${port}/cluster`);
    const { counters } = (await response.json()) as { counters: Record<string, number> };
    collected += counters["cells-collected"] ?? 0;
  }
  return collected;
}

function say(name: string, span: Span, seconds: number): void {
  const { requests, failed, latencyMsP99, latencyMsMax, ownStallMsMax } = span;
  console.log(
    `${name.padEnd(8)} ${seconds.toFixed(1)} s, ${requests} requests, ${failed} failed, ` +
      `p99 ${latencyMsP99.toFixed(1)} ms, max ${latencyMsMax.toFixed(0)} ms ` +
      `(the load generator itself stood still for ${ownStallMsMax.toFixed(0)} ms at most)`,
  );
}

const cluster = await RealCluster.create(NODES + 1);
try {
  const { nodes } = await cluster.up(`--grace-ms=${GRACE_MS}`);
  const ports = nodes.map(({ http }) => Number(new URL(http).port));
  const doomedCount = Math.floor(keyCount / 2);
  const doomedAt = (index: number): string => `/kv/doomed-${index}`;
  let stored = 0;
  await closedLoop(ports, (port) => {
    if (stored >= keyCount + doomedCount) return undefined;
    stored += 1;
    const index = stored - 1;
    const target = index < keyCount ? `/kv/${keyOf(index)}` : doomedAt(index - keyCount);
    return putRequest(port, target, VALUE);
  });

  const peakEndMs = performance.now() + PEAK_MS;
  let sent = 0;
  const answered = await closedLoop(ports, (port) => {
    if (performance.now() >= peakEndMs) return undefined;
    sent += 1;
    const target = `/kv/${keyOf((sent * 7_919) % keyCount)}`;
    return sent % 2 === 0 ? putRequest(port, target, VALUE) : getRequest(port, target);
  });
  const peak = (1_000 * answered) / PEAK_MS;
  const ratePerSecond = Math.round(flags.rate === undefined ? peak / 4 : Number(flags.rate));
  console.log(`peak     ${Math.round(peak)} requests/s; load ${ratePerSecond}/s, ${keyCount} keys`);

  const load = new OpenLoop({ ports, ratePerSecond, keyCount });
  const running = load.run();
  await wait(WARM_UP_MS);
  const idleMs = performance.now();
  await wait(spanMs);
  const joinMs = performance.now();
  const { port, serverPort } = cluster.ports;
  cluster.run([
    "join",
    `127.0.0.1:${port}`,
    ...cluster.portFlags(NODES),
    `--data-dir=${join(cluster.folder, "joiner")}`,
    "--json",
  ]);
  await answers(serverPort + NODES);
  await wait(STARTED_MS);
  const copyMs = performance.now();
  const isReady = await isFilled(serverPort + NODES, 10 * spanMs);
  const copiedMs = performance.now();
  const all = [...ports, serverPort + NODES];
  while (performance.now() < copiedMs + 10 * spanMs && (await slotsLeft(all)) > 0) await wait(500);
  const handedMs = performance.now();
  await wait(SETTLED_MS);
  const afterMs = performance.now();
  await wait(spanMs);
  const endMs = performance.now();
  let deleted = 0;
  await closedLoop(ports, (port) => {
    if (deleted >= doomedCount) return undefined;
    deleted += 1;
    return deleteRequest(port, doomedAt(deleted - 1));
  });
  let collected = 0;
  while ((collected = await cellsCollected(all)) === 0) await wait(100);
  const collectMs = performance.now();
  const collectedBefore = collected;
  while (performance.now() < collectMs + 10 * spanMs && collected < NODES * doomedCount) {
    await wait(500);
    collected = await cellsCollected(all);
  }
  const collectedMs = performance.now();
  load.stop();
  await running;

  const tell = (name: string, fromMs: number, toMs: number): Span => {
    const span = load.span(fromMs, toMs);
    say(name, span, (toMs - fromMs) / 1_000);
    return span;
  };
  tell("three", idleMs, joinMs);
  tell("joining", joinMs, copyMs);
  const copying = tell("copying", copyMs, copiedMs);
  const handing = tell("handing", copiedMs, handedMs);
  const idle = tell("four", afterMs, endMs);
  const boundMs = Math.max(2 * idle.latencyMsP99, idle.latencyMsP99 + MARGIN_MS);
  const collecting = tell("collect", collectMs, collectedMs);
  console.log(
    `collected ${collected - collectedBefore} of ${NODES * doomedCount} cells in that span, deleted within ` +
      `${((collectMs - endMs) / 1_000).toFixed(1)} s before`,
  );
  const beside = [copying, handing, collecting].map(({ latencyMsP99 }) => latencyMsP99);
  const isWithin = Math.max(...beside) <= boundMs;
  console.log(
    `${isWithin ? "within" : "BEYOND"} the bound of ${boundMs.toFixed(1)} ms; ` +
      (isReady ? "the node has its share" : "the node was still copying"),
  );
  for (const failure of load.failures) console.log(failure);
  if (!isWithin || !isReady || load.failures.length > 0) process.exitCode = 1;
} finally {
  await cluster.close();
}
