/** The release before and the working tree, side by side under the same loads, in interleaved pairs. */
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
    const systems: System[] = [];
    try {
      for (const tree of ["before", "now"] as const) {
        const directory = join(options.directory, subject.name, tree);
        await mkdir(directory, { recursive: true });
        options.note(`${subject.name}: starting ${tree}`);
        systems.push(await openDnd({ ...subject, directory, tree: options[tree] }));
      }
      compared.push(...(await compareSystems(subject, systems, options)));
    } finally {
      await Promise.all(systems.map((system) => system.close()));
    }
  }
  return compared;
}

async function compareSystems(
  subject: Subject,
  systems: readonly System[],
  options: PairsOptions,
): Promise<Compared[]> {
  const rows = LOADS.map(([name, change]) => rowOf(subject, name, change));
  const [first] = rows;
  const [before, now] = systems;
  if (first === undefined || before === undefined || now === undefined) return [];
  for (const system of systems) {
    const filler = new Filler(options.generators, options.generatorCount);
    await filler.fillFor([first], new Map([[sideOf(subject).system, system]]));
  }
  const compared: Compared[] = [];
  for (const row of rows) {
    for (const system of systems) await costOf(row, system, 0, { ...options, ms: WARM_UP_MS });
    const pairs: Pair[] = [];
    for (let round = 1; round <= options.pairs; round += 1) {
      options.note(`${row.name}: pair ${round} of ${options.pairs}`);
      // Who is first alternates: what the one leaves to be done falls on the other.
      const isForward = round % 2 === 1;
      const early = await costOf(row, isForward ? before : now, round, options);
      const late = await costOf(row, isForward ? now : before, round, options);
      pairs.push(isForward ? { before: early, now: late } : { before: late, now: early });
    }
    compared.push({ name: row.name, pairs });
  }
  return compared;
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
