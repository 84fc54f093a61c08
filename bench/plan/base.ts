/** The base row, and what changes one thing about it. */
import type { Load } from "../load/load.ts";
import type { Group, Row, Side, Tier } from "./row.ts";

const KIB = 1_024;

/** 100-byte values, 50 connections, one request under way on each, uniform keys. */
export function baseLoad(keyCount: number): Load {
  return {
    operation: "set",
    prefix: "k100",
    valueBytes: [100],
    keyCount,
    keys: "uniform",
    connections: 50,
    inFlight: 1,
  };
}

/** Values of other sizes have keys of their own; the largest so few that they fit in memory several times. */
export function kibibyte(keyCount: number): Partial<Load> {
  return { prefix: "k1ki", valueBytes: [KIB], keyCount };
}

export const LARGE: Partial<Load> = { prefix: "k64k", valueBytes: [64 * KIB], keyCount: 1_000 };
export const UP_TO_LARGE: Partial<Load> = {
  prefix: "kmix",
  valueBytes: [100, KIB, 64 * KIB],
  keyCount: 1_000,
};
const COUNTERS: Partial<Load> = { operation: "incr", prefix: "cntr" };
const HASHES: Partial<Load> = { operation: "hset", prefix: "hash" };

/** What is different from the base, and the runs it is part of. */
export interface Variation {
  /** Words after the group's name, joined by slashes. */
  readonly name: string;
  readonly change: Partial<Load>;
  readonly tier?: Tier;
  readonly sides?: readonly Side[];
  readonly stage?: number;
  readonly rateOf?: Row["rateOf"];
}

/** One factor at a time. */
export function oneFactorAtATime(keyCount: number): Variation[] {
  return [
    { name: "set", change: {}, tier: "quick" },
    { name: "set/16 in flight", change: { inFlight: 16 } },
    { name: "set/64 in flight", change: { inFlight: 64 } },
    { name: "get", change: { operation: "get" } },
    { name: "get/16 in flight", change: { operation: "get", inFlight: 16 } },
    { name: "half", change: { operation: "half" } },
    { name: "incr", change: COUNTERS },
    { name: "hset", change: HASHES },
    { name: "set/1 KiB", change: kibibyte(keyCount) },
    { name: "set/zipf", change: { keys: "zipf" } },
    { name: "set/1 connection", change: { connections: 1 } },
    { name: "set/500 connections", change: { connections: 500 } },
    // Last: what it leaves to be compacted would be written in other rows' turns.
    { name: "set/64 KiB", change: LARGE },
  ];
}

/** Two factors at a time: what only `--full` measures. */
export function crossed(keyCount: number): Variation[] {
  const operations = { get: { operation: "get" }, half: { operation: "half" } } as const;
  const inEach = Object.entries(operations).flatMap(([name, change]): Variation[] => [
    { name: `${name}/1 KiB`, change: { ...change, ...kibibyte(keyCount) } },
    { name: `${name}/64 KiB`, change: { ...change, ...LARGE } },
    { name: `${name}/zipf`, change: { ...change, keys: "zipf" } },
    { name: `${name}/1 connection`, change: { ...change, connections: 1 } },
    { name: `${name}/500 connections`, change: { ...change, connections: 500 } },
    { name: `${name}/64 in flight`, change: { ...change, inFlight: 64 } },
  ]);
  const more: Variation[] = [
    { name: "half/16 in flight", change: { operation: "half", inFlight: 16 } },
    { name: "incr/16 in flight", change: { ...COUNTERS, inFlight: 16 } },
    { name: "incr/zipf", change: { ...COUNTERS, keys: "zipf" } },
    { name: "hset/16 in flight", change: { ...HASHES, inFlight: 16 } },
    { name: "hset/zipf", change: { ...HASHES, keys: "zipf" } },
    { name: "set/1 KiB/16 in flight", change: { ...kibibyte(keyCount), inFlight: 16 } },
    { name: "set/zipf/16 in flight", change: { keys: "zipf", inFlight: 16 } },
    { name: "set/500 connections/16 in flight", change: { connections: 500, inFlight: 16 } },
  ];
  return [...inEach, ...more].map((variation) => ({ ...variation, tier: "full" }));
}

export interface GroupOptions {
  readonly name: string;
  readonly title: string;
  readonly base: Load;
  readonly sides: readonly Side[];
  readonly isSynced: boolean;
}

export function groupOf(options: GroupOptions, variations: readonly Variation[]): Group {
  const { name: group, title, base, isSynced } = options;
  const rows = variations.map(
    ({ name, change, tier = "default", sides = options.sides, stage = 0, rateOf }): Row => ({
      name: `${group}/${name}`,
      group,
      tier,
      load: { ...base, ...change },
      sides,
      stage,
      isSynced,
      ...(rateOf === undefined ? {} : { rateOf }),
    }),
  );
  return { name: group, title, rows };
}
