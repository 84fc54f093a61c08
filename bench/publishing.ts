/**
 * Publishing through three nodes: how many messages a second, and how long one is on its way.
 *
 *   node bench/publishing.ts [--seconds 2]
 *
 * Three nodes are processes of their own; publishers are Redis clients of the first, and one
 * subscriber listens at each. Each row is a number of publishers, and of messages that each of them
 * has under way: with one, a publisher waits for the answer, which comes when all three nodes have
 * the message. Messages carry the time they were sent, in 100 bytes; their way is measured at the
 * third node's subscriber. Times are this process's, which publishes, listens and measures, so it
 * is the first to be busy.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { build } from "hdr-histogram-js";
import { RealCluster, type UpNode } from "../test/integration/real-cluster.ts";
import { requestBytes } from "../test/support/resp-client.ts";

const MESSAGE_BYTES = 100;
const CHANNEL = "bench";
const PUSH_HEAD = `*3\r\n$7\r\nmessage\r\n$5\r\n${CHANNEL}\r\n$${MESSAGE_BYTES}\r\n`;
const PUSH_BYTES = PUSH_HEAD.length + MESSAGE_BYTES + 2;
const REQUEST = requestBytes(["PUBLISH", CHANNEL, Buffer.alloc(MESSAGE_BYTES)]);
const STAMP_AT = REQUEST.length - MESSAGE_BYTES - 2;
/** `:3` and the end of the line. */
const REPLY_BYTES = 4;
const REPLY_FULL = 0x33;
const SETTLE_MS = 300;
const TICKS_PER_SECOND = 100;

const ROWS = [
  { publishers: 1, window: 1 },
  { publishers: 8, window: 1 },
  { publishers: 1, window: 100 },
  { publishers: 8, window: 100 },
] as const;

/** Counts what comes to a subscriber, and measures its way where asked to. */
class Subscriber {
  received = 0;
  readonly histogram = build({
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });
  #rest: Buffer = Buffer.alloc(0);
  #isConfirmed = false;
  readonly #measures: boolean;

  constructor(socket: Socket, measures: boolean) {
    this.#measures = measures;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.write(requestBytes(["SUBSCRIBE", CHANNEL]));
  }

  #onData(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (!this.#isConfirmed) {
      bytes = bytes.subarray(bytes.indexOf(":1\r\n") + REPLY_BYTES);
      this.#isConfirmed = true;
    }
    const nowMs = performance.now();
    let at = 0;
    for (; bytes.length - at >= PUSH_BYTES; at += PUSH_BYTES) {
      this.received += 1;
      if (!this.#measures) continue;
      const sentMs = bytes.readDoubleBE(at + PUSH_HEAD.length);
      this.histogram.recordValue(Math.max(1, Math.round((nowMs - sentMs) * 1_000)));
    }
    this.#rest = bytes.subarray(at);
  }
}

/** Keeps so many messages under way until it is told to stop. */
class Publisher {
  answered = 0;
  sent = 0;
  /** Answers other than that all three have it. */
  short = 0;
  isOver = false;
  readonly #socket: Socket;
  #rest = 0;

  constructor(socket: Socket, window: number) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    this.#send(window);
  }

  #send(count: number): void {
    const bytes = Buffer.allocUnsafe(REQUEST.length * count);
    const nowMs = performance.now();
    for (let index = 0; index < count; index += 1) {
      REQUEST.copy(bytes, index * REQUEST.length);
      bytes.writeDoubleBE(nowMs, index * REQUEST.length + STAMP_AT);
    }
    this.sent += count;
    this.#socket.write(bytes);
  }

  #onData(chunk: Buffer): void {
    for (let at = REPLY_BYTES - 3 - this.#rest; at < chunk.length; at += REPLY_BYTES) {
      if (at >= 0 && chunk[at] !== REPLY_FULL) this.short += 1;
    }
    const bytes = this.#rest + chunk.length;
    const count = Math.floor(bytes / REPLY_BYTES);
    this.#rest = bytes % REPLY_BYTES;
    this.answered += count;
    if (!this.isOver && count > 0) this.#send(count);
  }
}

function open(address: string): Promise<Socket> {
  const [host = "", port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), noDelay: true }, () => resolve(socket));
    socket.on("error", reject);
  });
}

function cpuSeconds({ pid }: UpNode): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

async function runRow(
  nodes: readonly UpNode[],
  { publishers, window }: (typeof ROWS)[number],
  seconds: number,
): Promise<string> {
  const sockets: Socket[] = [];
  const openAt = async (index: number): Promise<Socket> => {
    const socket = await open((nodes[index] as UpNode).redis);
    sockets.push(socket);
    return socket;
  };
  const subscribers: Subscriber[] = [];
  for (const index of [0, 1, 2]) subscribers.push(new Subscriber(await openAt(index), index === 2));
  await wait(SETTLE_MS);
  const cpuBefore = nodes.map(cpuSeconds);
  const ownBefore = process.cpuUsage();
  const startMs = performance.now();
  const running: Publisher[] = [];
  for (let index = 0; index < publishers; index += 1) {
    running.push(new Publisher(await openAt(0), window));
  }
  await wait(seconds * 1_000);
  for (const publisher of running) publisher.isOver = true;
  while (running.some(({ sent, answered }) => answered < sent)) await wait(1);
  const tookSeconds = (performance.now() - startMs) / 1_000;
  const answered = running.reduce((sum, publisher) => sum + publisher.answered, 0);
  const own = process.cpuUsage(ownBefore);
  const cpu = nodes.map((node, index) => cpuSeconds(node) - (cpuBefore[index] ?? 0));
  cpu.push((own.user + own.system) / 1e6);
  await wait(SETTLE_MS);
  const short = running.reduce((sum, publisher) => sum + publisher.short, 0);
  assert.deepEqual(
    subscribers.map(({ received }) => received),
    [answered, answered, answered],
    "every subscriber got every message",
  );
  for (const socket of sockets) socket.destroy();
  const { histogram } = subscribers[2] as Subscriber;
  const ms = (percentile: number): string =>
    (histogram.getValueAtPercentile(percentile) / 1_000).toFixed(2);
  const perMillion = cpu.map((used) => ((used / answered) * 1e6).toFixed(0)).join(", ");
  return [
    String(publishers).padStart(10),
    String(window).padStart(10),
    Math.round(answered / tookSeconds)
      .toString()
      .padStart(12),
    ms(50).padStart(8),
    ms(99).padStart(8),
    String(short).padStart(8),
    `  ${perMillion}`,
  ].join("");
}

const { values } = parseArgs({ options: { seconds: { type: "string", default: "2" } } });
const cluster = await RealCluster.create();
try {
  const { nodes } = await cluster.up("--durability", "memory");
  await wait(2_000);
  console.log(
    "publishers under way  messages/s  p50 ms  p99 ms   short  CPU s per million: node 1, 2, 3, client",
  );
  for (const row of ROWS) console.log(await runRow(nodes, row, Number(values.seconds)));
} finally {
  await cluster.close();
}
