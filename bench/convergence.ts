/**
 * `npm run bench:convergence`: what anti-entropy costs between three nodes on this machine, and how fast it is.
 *
 *   npm run bench:convergence                     100 000 keys of 100 bytes
 *   npm run bench:convergence -- --keys 1000000
 *
 * Node 1 runs in this process, the others are processes of their own; all keep their data on disk, synced. In turn: two
 * nodes are filled, a third joins with an empty directory; all restart and compare; one key is taken from the third
 * node's disk, and one in a hundred, the latter under foreground writes; a fourth joins under foreground writes.
 * Bytes are what all three sent on their sockets, gossip included. Figures: docs/performance.md.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LEVEL_TUNING, openLevel } from "../src/adapters/leveldb/level-database.ts";
import type { EmbeddedNode } from "../src/embedded-node.ts";
import { openNode } from "../src/open-node.ts";
import { countSocketBytes, socketBytes } from "./processes/socket-bytes.ts";
import { cpuSeconds, usageOf } from "./processes/usage.ts";
import { BenchNode } from "./systems/bench-node.ts";

const RESULTS = fileURLToPath(new URL("results/", import.meta.url));
const POLL_MS = 50;
const WAIT_MS_MAX = 600_000;
const IDLE_MS = 10_000;
/** Foreground writes a second: about a quarter of what the three nodes take. */
const FOREGROUND_RATE = 2_000;
const VALUE_BYTES = 100;

interface Status {
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
}

/** The nodes of a run; node 1 is embedded. */
class Bench {
  readonly #directory: string;
  readonly #children = new Map<number, BenchNode>();
  readonly #ports = new Map<number, number>();
  #first: EmbeddedNode | undefined;
  /** What this process had sent by then. */
  #bytesBefore = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  get first(): EmbeddedNode {
    if (this.#first === undefined) throw new Error("node 1 is not open");
    return this.#first;
  }

  folder(node: number): string {
    return join(this.#directory, String(node));
  }

  async open(node: number): Promise<void> {
    const options = {
      durability: "fsync" as const,
      port: this.#ports.get(node) ?? 0,
      dataDir: this.folder(node),
      peers: node === 1 ? [] : [`127.0.0.1:${this.#ports.get(1)}`],
    };
    if (node === 1) {
      this.#first = await openNode(options);
      this.#ports.set(1, portOf(this.#first.address));
      return;
    }
    const child = new BenchNode(`node ${node}`);
    this.#children.set(node, child);
    await child.open(options);
    this.#ports.set(node, portOf(child.address));
  }

  async close(node: number): Promise<void> {
    if (node === 1) await this.#first?.close();
    else await this.#children.get(node)?.close();
    this.#children.delete(node);
  }

  async closeAll(): Promise<void> {
    for (const node of this.#children.keys()) await this.close(node);
    await this.close(1);
    this.#bytesBefore = socketBytes();
  }

  async status(node: number): Promise<Status> {
    if (node === 1) return this.first.status();
    const child = this.#children.get(node);
    if (child === undefined) throw new Error(`node ${node} is not open`);
    return await child.status();
  }

  /** Since the last time all were closed. */
  async bytes(): Promise<number> {
    let bytes = socketBytes() - this.#bytesBefore;
    for (const child of this.#children.values()) {
      bytes += await child.socketBytes();
    }
    return bytes;
  }

  cpuSeconds(node: number): number {
    const child = this.#children.get(node);
    return child === undefined ? cpuSeconds() : usageOf(child.pid).cpuSeconds;
  }

  async cells(node: number): Promise<number> {
    return (await this.status(node)).gauges["cells"] ?? 0;
  }

  /** All of these nodes have found each of the others equal since they were opened. */
  async allEqual(nodes: readonly number[]): Promise<void> {
    for (const node of nodes) {
      await until(async () => {
        const { counters } = await this.status(node);
        return (counters["comparisons-equal"] ?? 0) >= nodes.length - 1;
      });
    }
  }

  async settled(count: number): Promise<void> {
    await until(() => {
      const { members } = this.first.status();
      const active = members.filter(({ record }) => record.intent === "active");
      return Promise.resolve(active.length === count);
    });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { keys: { type: "string", default: "100000" } } });
  const keys = Number(values.keys);
  if (!Number.isInteger(keys) || keys < 1_000) throw new Error("--keys is a number, 1000 or more");
  countSocketBytes();
  await mkdir(RESULTS, { recursive: true });
  const directory = await mkdtemp(join(RESULTS, "convergence-"));
  const bench = new Bench(directory);
  try {
    await run(bench, keys);
  } finally {
    await bench.closeAll();
    await rm(directory, { recursive: true, force: true });
  }
}

async function run(bench: Bench, keys: number): Promise<void> {
  await bench.open(1);
  await bench.open(2);
  await bench.settled(2);
  await fillAll(bench.first, keys);
  let startMs = performance.now();
  await bench.open(3);
  await until(async () => (await bench.cells(3)) > 0);
  const firstMs = performance.now();
  const first = await bench.cells(3);
  await until(async () => (await bench.cells(3)) >= keys);
  say("an empty node refilled, from its first cells on", firstMs, keys - first);
  say("... from its start on", startMs, keys);
  const cpu = bench.cpuSeconds(3);
  console.log(`  CPU of the refilled node: ${cpu.toFixed(1)} s, its start included`);
  await bench.settled(3);
  say("... and declared active", startMs, keys);
  await bench.closeAll();

  const equalMs = await reopen(bench);
  const equalBytes = await bench.bytes();
  say(`found equal after a restart, ${equalBytes} bytes on all sockets`);
  await wait(IDLE_MS);
  const idleRate = ((await bench.bytes()) - equalBytes) / IDLE_MS;
  console.log(`  at rest ${Math.round(idleRate * 1_000)} bytes/s, gossip and comparisons`);
  await bench.closeAll();

  await takeAway(bench.folder(3), 1);
  const oneMs = await reopen(bench, keys);
  const longer = Math.max(0, oneMs - equalMs) * idleRate;
  const more = (await bench.bytes()) - equalBytes;
  say(`one key mended, ${more} bytes more, ${Math.round(longer)} of them for the longer time`);
  await bench.closeAll();

  const taken = await takeAway(bench.folder(3), Math.floor(keys / 100));
  for (const node of [1, 2, 3]) await bench.open(node);
  startMs = performance.now();
  const stop = foreground(bench.first, keys);
  await until(async () => (await bench.cells(3)) >= keys);
  say(`1 % mended under ${FOREGROUND_RATE} writes/s`, startMs, taken);

  startMs = performance.now();
  await bench.open(4);
  await bench.settled(4);
  const joined = await bench.cells(4);
  say(`a joining node filled under ${FOREGROUND_RATE} writes/s`, startMs, joined);
  await stop();
}

/** Whatever it takes: how fast is measured elsewhere. */
async function fillAll(node: EmbeddedNode, keys: number): Promise<void> {
  const CALLERS = 400;
  let next = 0;
  const call = async (): Promise<void> => {
    while (next < keys) {
      const index = next;
      next += 1;
      while (!(await isPut(node, index)));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
}

async function isPut(node: EmbeddedNode, index: number): Promise<boolean> {
  try {
    await node.put(keyOf(index), valueOf(0));
    return true;
  } catch {
    return false;
  }
}

async function reopen(bench: Bench, cells = 0): Promise<number> {
  const startMs = performance.now();
  await Promise.all([bench.open(1), bench.open(2), bench.open(3)]);
  await until(async () => (await bench.cells(3)) >= cells);
  await bench.allEqual([1, 2, 3]);
  const ms = performance.now() - startMs;
  console.log(`  restarted and compared in ${(ms / 1_000).toFixed(1)} s`);
  return ms;
}

/** Takes cells off a stopped node's disk, as damage would, and the mark that says its hashes are right. */
async function takeAway(folder: string, count: number): Promise<number> {
  const level = await openLevel(join(folder, "db"), LEVEL_TUNING);
  const keys = await level.keys({ gte: Buffer.from("d"), lt: Buffer.from("e") }).all();
  const step = Math.floor(keys.length / count);
  const taken = keys.filter((_, index) => index % step === 0).slice(0, count);
  await level.batch(
    [...taken, Buffer.from("mclean")].map((key) => ({ type: "del" as const, key })),
  );
  await level.close();
  return taken.length;
}

/** Overwrites keys at a steady rate until told to stop. */
function foreground(node: EmbeddedNode, keys: number): () => Promise<void> {
  let isOver = false;
  let failed = 0;
  const running = (async () => {
    const startMs = performance.now();
    for (let count = 0; !isOver; ) {
      const due = ((performance.now() - startMs) / 1_000) * FOREGROUND_RATE;
      for (; count < due; count += 1) {
        node.put(keyOf(Math.floor(Math.random() * keys)), valueOf(count)).catch(() => {
          failed += 1;
        });
      }
      await wait(5);
    }
  })();
  return async () => {
    isOver = true;
    await running;
    console.log(`  of the foreground writes ${failed} failed`);
  };
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + WAIT_MS_MAX;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`waited ${WAIT_MS_MAX} ms in vain`);
    await wait(POLL_MS);
  }
}

function say(what: string, startMs?: number, keys = 1): void {
  if (startMs === undefined) {
    console.log(what);
    return;
  }
  const seconds = (performance.now() - startMs) / 1_000;
  const rate = Math.round(keys / seconds);
  console.log(`${what}: ${keys} keys in ${seconds.toFixed(1)} s, ${rate} keys/s`);
}

function keyOf(index: number): string {
  return `bench:${index}`;
}

/** Differs from one write to the next, so that nothing is spared by being equal. */
function valueOf(count: number): string {
  return `${count}:`.padEnd(VALUE_BYTES, "x");
}

function portOf(address: string): number {
  return Number(address.split(":").at(-1));
}

await main();
