/** What a request came to: every way it can end, with the numbers that explain it. */
import type { RootCell } from "./cell.ts";
import type { Key } from "./key.ts";
import type { Stamp } from "./stamp.ts";

/** How many copies a write got when it was answered, or how many replicas a read heard. */
export interface QuorumReport {
  /** Primaries that acknowledged (write) or answered (read). */
  readonly acks: number;
  /** Effective N: min(replicas, members). */
  readonly of: number;
  /** Fallbacks that hold a copy for a primary (write) or answered with a cell (read). */
  readonly hinted: number;
}

/** Why a request ended without doing what it was asked. Codes are stable. */
export type FailureCode =
  | "quorum-unreachable" // fewer copies or replies than demanded
  | "timed-out" // the deadline passed
  | "overloaded" // shed before anything was done
  | "too-new" // a read could not reach the stamp it must not be older than
  | "damaged" // every copy that answered failed its checksum
  | "storage-failed" // this node's disk refused
  | "not-ready" // this node is not serving (starting, stopping, placement disputed)
  | "shutting-down"
  | "contended"; // a conditional write was overtaken by others after somebody may have stored it

/** A request that failed. `stored` tells the truth about its effect: `no` is never happened. */
export interface Failure {
  readonly kind: "failed";
  readonly code: FailureCode;
  /** One sentence for people, with the limit and the value. */
  readonly detail: string;
  readonly stored: "no" | "maybe";
  readonly quorum: QuorumReport;
  /** `too-new`: the newest stamp found. */
  readonly newest?: Stamp;
}

export type WriteOutcome =
  | { readonly kind: "written"; readonly stamp: Stamp; readonly quorum: QuorumReport }
  /** A condition did not hold; nothing was stored. `current` is `undefined` when the key is absent. */
  | { readonly kind: "condition-failed"; readonly current: Stamp | undefined }
  | Failure;

export type ReadOutcome =
  | { readonly kind: "found"; readonly root: RootCell; readonly quorum: QuorumReport }
  /** `stamp` of the tombstone where one was seen; where it is collected, the stamp up to which its slot is. */
  | { readonly kind: "absent"; readonly stamp: Stamp | undefined; readonly quorum: QuorumReport }
  | Failure;

export type FlushOutcome =
  /** `quorum` is the least of any slot's; of nothing, `of` is 0. */
  { readonly kind: "flushed"; readonly slots: number; readonly quorum: QuorumReport } | Failure;

export interface ListEntry {
  readonly key: Key;
  readonly root: RootCell;
}

export type ListOutcome =
  /** `next` continues after the last slot and key looked at; `undefined` at the end. A page may be empty. */
  | {
      readonly kind: "page";
      readonly entries: readonly ListEntry[];
      readonly next: string | undefined;
      /** Of some slots fewer have looked than a read quorum: what they lack, others may hold. */
      readonly isPartial?: boolean;
    }
  | Failure;
