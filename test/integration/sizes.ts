/**
 * Clusters of several sizes on one machine, as real processes: what every node says of the cluster, how soon a crash
 * and a graceful stop are seen by all, and what strangers' bytes on the peer port do while requests run.
 *
 *   node tools/setup.mjs test/integration/sizes.ts              3, 5 and 9 nodes, figures as a table
 *   node tools/setup.mjs test/integration/sizes.ts --sizes 9 --runs 5
 *
 * Figures: docs/availability.md.
 */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ask, getRequest, KeepAliveConnection } from "../support/keep-alive-client.ts";
import { countOf, OpenLoop } from "../support/open-loop.ts";
import { eventually, isRunning, RealCluster, type UpNode } from "./real-cluster.ts";

export interface SizeReport {
  readonly nodeCount: number;
  readonly startMs: number;
  readonly epoch: string;
  /** Slots held as first primary, of each member in order of id: the same on every node. */
  readonly firstSlots: readonly number[];
  readonly primarySlots: readonly number[];
  readonly noise: NoiseReport;
  /** From the signal until the last of the others calls the node dead. */
  readonly stopSeenMs: number;
  readonly crashSeenMs: number;
}

export interface NoiseReport {
  readonly requests: number;
  readonly failures: readonly string[];
  readonly stale: number;
  readonly lost: number;
  readonly connections: number;
  readonly datagrams: number;
}

interface Member {
  readonly id: string;
  readonly address: string;
  readonly intent: string;
  readonly liveness: string;
  /** Slots with writes it has not been handed. */
  readonly dirtySlots: number;
  readonly firstSlots: number;
  readonly primarySlots: number;
}

interface View {
  readonly epoch: string;
  readonly members: readonly Member[];
}

const AGREE_MS_MAX = 30_000;
/** Beyond any bound that is promised: what took longer is reported as never seen. */
const SEEN_MS_MAX = 30_000;
const NOISE_RATE_PER_SECOND = 200;
const NOISE_KEY_COUNT = 1_000;
const DATAGRAM_BYTES_MAX = 1_400;

export async function runSize(nodeCount: number, noiseMs: number): Promise<SizeReport> {
  const cluster = await RealCluster.create(nodeCount);
  try {
    const beginMs = performance.now();
    const { nodes } = await cluster.up("--nodes", String(nodeCount));
    const startMs = performance.now() - beginMs;
    const view = await agreed(nodes);
    const noise = await underNoise(nodes, noiseMs);
    const crashed = nodes[nodeCount - 1];
    const stopped = nodes[nodeCount - 2];
    if (crashed === undefined || stopped === undefined) throw new Error("there are too few nodes");

    const crashSeenMs = await seenBy(nodes.slice(0, -1), crashed, "SIGKILL");
    // What it still has to hand on is worth a wait to a node that stops.
    await handedOn(nodes.slice(0, -1));
    const stopSeenMs = await seenBy(nodes.slice(0, -2), stopped, "SIGTERM");
    return {
      nodeCount,
      startMs,
      epoch: view.epoch,
      firstSlots: view.members.map(({ firstSlots }) => firstSlots),
      primarySlots: view.members.map(({ primarySlots }) => primarySlots),
      noise,
      stopSeenMs,
      crashSeenMs,
    };
  } finally {
    await cluster.close();
  }
}

/** The view of the cluster, once all nodes have the same and call everybody active and alive. */
async function agreed(nodes: readonly UpNode[]): Promise<View> {
  return await eventually("all nodes to agree", AGREE_MS_MAX, async () => {
    const views = await Promise.all(nodes.map(viewOf));
    const [first] = views;
    if (first?.members.length !== nodes.length) return undefined;
    const texts = views.map(({ epoch, members }) => JSON.stringify([epoch, ...members.map(share)]));
    const isSettled = views.every(({ members }) =>
      members.every(({ intent, liveness }) => intent === "active" && liveness === "alive"),
    );
    return isSettled && texts.every((text) => text === texts[0]) ? first : undefined;
  });
}

/** Waits until no node keeps writes for another that is alive. */
async function handedOn(nodes: readonly UpNode[]): Promise<void> {
  await eventually("all to be handed on", AGREE_MS_MAX, async () => {
    const members = (await Promise.all(nodes.map(viewOf))).flatMap((view) => view.members);
    const isOwed = members.some((each) => each.liveness === "alive" && each.dirtySlots > 0);
    return isOwed ? undefined : true;
  });
}

function share({ id, address, intent, firstSlots, primarySlots }: Member): readonly unknown[] {
  return [id, address, intent, firstSlots, primarySlots];
}

async function viewOf(node: UpNode): Promise<View> {
  const port = portOf(node);
  const connection = new KeepAliveConnection(port);
  const { status, body } = await ask(connection, getRequest(port, "/cluster"));
  connection.close();
  if (status !== 200) throw new Error(`GET /cluster of ${node.http}: ${status}`);
  return JSON.parse(body.toString("utf8")) as View;
}

/** Milliseconds from the signal until every one of `others` calls the node dead. */
async function seenBy(
  others: readonly UpNode[],
  node: UpNode,
  signal: "SIGKILL" | "SIGTERM",
): Promise<number> {
  const beginMs = performance.now();
  process.kill(node.pid, signal);
  const isDeadTo = async (other: UpNode): Promise<boolean> => {
    const { members } = await viewOf(other);
    return members.some(({ address, liveness }) => address === node.peers && liveness === "dead");
  };
  return await eventually(`all to see ${signal} of ${node.peers}`, SEEN_MS_MAX, async () => {
    const seen = await Promise.all(others.map(isDeadTo));
    return seen.every((isSeen) => isSeen) ? performance.now() - beginMs : undefined;
  });
}

/** Garbage on every node's peer port, TCP and UDP, while requests run. */
async function underNoise(nodes: readonly UpNode[], ms: number): Promise<NoiseReport> {
  const load = new OpenLoop({
    ports: nodes.map(portOf),
    ratePerSecond: NOISE_RATE_PER_SECOND,
    keyCount: NOISE_KEY_COUNT,
  });
  const running = load.run();
  running.catch(() => undefined);
  const endMs = performance.now() + ms;
  const socket = createSocket("udp4");
  let connections = 0;
  let datagrams = 0;
  while (performance.now() < endMs) {
    for (const node of nodes) {
      const port = Number(node.peers.split(":").at(-1));
      shout(port, connections);
      connections += 1;
      for (let count = 0; count < 5; count += 1) {
        const size = 1 + Math.floor(Math.random() * DATAGRAM_BYTES_MAX);
        socket.send(randomBytes(size), port, "127.0.0.1");
        datagrams += 1;
      }
    }
    await wait(20);
  }
  load.stop();
  await running;
  socket.close();
  const dead = nodes.filter(({ pid }) => !isRunning(pid));
  if (dead.length > 0) throw new Error(`noise ended ${dead.map(({ peers }) => peers).join(", ")}`);
  const whole = load.span(0, Number.POSITIVE_INFINITY);
  return {
    requests: whole.requests,
    failures: load.failures,
    stale: whole.stale,
    lost: await countLost(nodes, load.acknowledged()),
    connections,
    datagrams,
  };
}

/** A stranger: random bytes, another protocol, a frame that claims to be huge, or nothing at all. */
function shout(port: number, count: number): void {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => socket.destroy());
  socket.on("data", () => undefined);
  const kinds = [
    randomBytes(4_096),
    Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    Buffer.alloc(64, 0xff),
    Buffer.alloc(0),
  ];
  socket.write(kinds[count % kinds.length] ?? "");
  setTimeout(() => socket.destroy(), 100);
}

async function countLost(
  nodes: readonly UpNode[],
  acked: ReadonlyMap<string, number>,
): Promise<number> {
  const ports = nodes.map(portOf);
  const connections = ports.map((port) => new KeepAliveConnection(port));
  let lost = 0;
  let turn = 0;
  for (const [key, count] of acked) {
    const index = turn % nodes.length;
    turn += 1;
    const connection = connections[index];
    if (connection === undefined) throw new Error("there is no node to ask");
    const request = getRequest(ports[index] ?? 0, `/kv/${key}`);
    const { status, body } = await ask(connection, request);
    if (status !== 200 || countOf(body) < count) lost += 1;
  }
  for (const connection of connections) connection.close();
  return lost;
}

function portOf({ http }: UpNode): number {
  return Number(new URL(http).port);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sizes: { type: "string", default: "3,5,9" },
      runs: { type: "string", default: "1" },
    },
  });
  console.log(
    "| nodes | ready s | first primary, slots | copies, slots | crash seen by all s | stop seen by all s | under noise: requests | failed | stale | lost |\n" +
      "|---|---|---|---|---|---|---|---|---|---|",
  );
  for (let run = 0; run < Number(values.runs); run += 1) {
    for (const size of values.sizes.split(","))
      console.log(line(await runSize(Number(size), 5_000)));
  }
}

function line(report: SizeReport): string {
  const { nodeCount, startMs, firstSlots, primarySlots, noise, stopSeenMs, crashSeenMs } = report;
  const range = (slots: readonly number[]): string =>
    `${Math.min(...slots)}..${Math.max(...slots)}`;
  const seconds = (ms: number): string => (ms / 1_000).toFixed(2);
  const { requests, failures, stale, lost } = noise;
  const parts = [nodeCount, seconds(startMs), range(firstSlots), range(primarySlots)];
  parts.push(seconds(crashSeenMs), seconds(stopSeenMs), requests, failures.length, stale, lost);
  return `| ${parts.join(" | ")} |`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
