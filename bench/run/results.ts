/** What a run has found, before it is summed up. */
import type { Percentiles } from "../load/latencies.ts";
import type { Turn } from "./turn.ts";

/** What the machine can do, in one round of one group. */
export interface Calibration {
  readonly group: string;
  readonly round: number;
  readonly syncsPerSecond: number;
  readonly syncMs: Percentiles;
  readonly echoesPerSecond: number;
  readonly echoMs: Percentiles;
}

/** Calls of fdatasync and fsync in a turn of their own. */
export interface SyncSample {
  readonly row: string;
  readonly label: string;
  readonly calls: number;
  readonly requests: number;
  readonly tool: "perf" | "strace";
}

/** A system's memory, all its processes together, when it held so many keys. */
export interface MemorySample {
  readonly group: string;
  readonly label: string;
  readonly keyCount: number;
  readonly rssBytes: number;
  readonly anonymousBytes: number;
}

export interface Results {
  readonly turns: Turn[];
  readonly calibrations: Calibration[];
  readonly syncs: SyncSample[];
  readonly memory: MemorySample[];
  /** What was left out, and why. */
  readonly missing: Set<string>;
}

export function emptyResults(): Results {
  return { turns: [], calibrations: [], syncs: [], memory: [], missing: new Set() };
}
