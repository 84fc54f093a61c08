/** The release before and the working tree, side by side under the same loads, in pairs. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Generators } from "../load/generators.ts";
import type { Load } from "../load/load.ts";
import { baseLoad } from "../plan/base.ts";
import type { Row, Side } from "../plan/row.ts";
import { Filler } from "../run/fill.ts";
import { measureTurn, type Turn } from "../run/turn.ts";
import { openDnd } from "../systems/dnd-system.ts";
import type { System, SystemName } from "../systems/system.ts";
import type { Pair } from "./verdict.ts";

const KEY_COUNT = 10_000;
const WARM_UP_MS = 1_500;

/** What is compared: the shortest and the longest way of a request. */
interface Subject {
  readonly name: string;
  readonly nodeCount: number;
  readonly durability: "fsync" | "memory";
}

const SUBJECTS: readonly Subject[] = [
  { name: "one node, memory", nodeCount: 1, durability: "memory" },
  { name: "three nodes, W=2, synced", nodeCount: 3, durability: "fsync" },
];

const LOADS: readonly (readonly [name: string, change: Partial<Load>])[] = [
  ["set", {}],
  ["get", { operation: "get" }],
  ["set, 16 in flight", { inFlight: 16 }],
];

export interface PairsOptions {
  /** Source trees. */
  readonly before: string;
  readonly now: string;
  readonly directory: string;
  readonly pairs: number;
  readonly ms: number;
  readonly generators: Generators;
  readonly generatorCount: number;
  readonly note: (text: string) => void;
}

export interface Compared {
  readonly name: string;
  readonly pairs: readonly Pair[];
}

export async function comparePairs(options: PairsOptions): Promise<Compared[]> {
  const compared: Compared[] = [];
  for (const subject of SUBJECTS) {
    const rows = LOADS.map(([name, change]) => rowOf(subject, name, change));
    const pairs = rows.map((): Pair[] => []);
    for (let round = 1; round <= options.pairs; round += 1) {
      options.note(`${subject.name}: pair ${round} of ${options.pairs}`);
      const found = await pairOf(subject, rows, round, options);
      for (const [index, pair] of found.entries()) pairs[index]?.push(pair);
    }
    for (const [index, { name }] of rows.entries()) {
      compared.push({ name, pairs: pairs[index] ?? [] });
    }
  }
  return compared;
}

/**
 * One pair of each row, by nodes of their own: one start of the same code differs from the next by up to 15 %, by what its compiler
 * takes up first, and pairs between two starts would show that as a difference of the code.
 */
async function pairOf(
  subject: Subject,
  rows: readonly Row[],
  round: number,
  options: PairsOptions,
): Promise<Pair[]> {
  // Who is first alternates: what the one leaves to be done falls on the other.
  const trees = round % 2 === 1 ? (["before", "now"] as const) : (["now", "before"] as const);
  const systems: System[] = [];
  try {
    for (const tree of trees) {
      const directory = join(options.directory, subject.name, String(round), tree);
      await mkdir(directory, { recursive: true });
      systems.push(await openDnd({ ...subject, directory, tree: options[tree] }));
    }
    const [first] = rows;
    if (first === undefined) return [];
    for (const system of systems) {
      const filler = new Filler(options.generators, options.generatorCount);
      await filler.fillFor([first], new Map([[sideOf(subject).system, system]]));
    }
    const pairs: Pair[] = [];
    for (const row of rows) pairs.push(await pairOfRow(row, trees, systems, round, options));
    return pairs;
  } finally {
    await Promise.all(systems.map((system) => system.close()));
  }
}

async function pairOfRow(
  row: Row,
  trees: readonly ("before" | "now")[],
  systems: readonly System[],
  round: number,
  options: PairsOptions,
): Promise<Pair> {
  for (const system of systems) await costOf(row, system, 0, { ...options, ms: WARM_UP_MS });
  const costs = { before: 0, now: 0 };
  for (const [index, system] of systems.entries()) {
    costs[trees[index] ?? "now"] = await costOf(row, system, round, options);
  }
  return costs;
}

/** CPU seconds per request, of all nodes together. */
async function costOf(
  row: Row,
  system: System,
  round: number,
  { generators, generatorCount, ms }: PairsOptions,
): Promise<number> {
  const [side] = row.sides;
  if (side === undefined) throw new Error("a row without a system");
  const turn = await measureTurn(generators, { row, side, system, round, ms, generatorCount });
  return costPerRequest(turn);
}

function costPerRequest({ cpuSeconds, measured, row }: Turn): number {
  const { requests, failed, problem } = measured;
  if (failed > 0) throw new Error(`${row}: ${failed} requests failed: ${problem ?? ""}`);
  return cpuSeconds.reduce((sum, { seconds }) => sum + seconds, 0) / requests;
}

function sideOf({ nodeCount, durability }: Subject): Side {
  const system: SystemName = `dnd-${nodeCount}-${durability}`;
  return { label: "dnd", system, protocol: "resp" };
}

function rowOf(subject: Subject, name: string, change: Partial<Load>): Row {
  return {
    name: `${subject.name}: ${name}`,
    group: "guard",
    tier: "default",
    load: { ...baseLoad(KEY_COUNT), ...change },
    sides: [sideOf(subject)],
    stage: 0,
    isSynced: false,
  };
}
