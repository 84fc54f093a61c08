/** Rows of the benchmark: one load, and the systems it is given to in turn. */
import type { Load, Protocol } from "../load/load.ts";
import type { SystemName } from "../systems/system.ts";

/** One system in one row. */
export interface Side {
  /** As tables show it; within a row no two are the same. */
  readonly label: string;
  readonly system: SystemName;
  /** `embedded`: callers in the first node's own process, as many as the load has connections. */
  readonly protocol: Protocol | "embedded";
}

/** Which runs a row is part of: `--quick` and all, all but `--quick`, or `--full` alone. */
export type Tier = "quick" | "default" | "full";

export interface Row {
  /** Its group, then what it varies: `b/set/16 in flight`. */
  readonly name: string;
  readonly group: string;
  readonly tier: Tier;
  readonly load: Load;
  /** dnd's first: ratios are its rate by each of the others'. */
  readonly sides: readonly Side[];
  /** Rows of a later stage begin when those before are through all their rounds. */
  readonly stage: number;
  /** Open loop: at this share of what the first side reached in another row of its group. */
  readonly rateOf?: { readonly row: string; readonly share: number };
  /** Calls of fdatasync are counted. */
  readonly isSynced: boolean;
}

export interface Group {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
}
