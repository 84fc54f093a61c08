/**
 * Read-modify-writes: what is done to a key depending on what it holds. Each runs at the key's first live primary, one
 * at a time per key; what becomes of it there is decided by `core/operations/`. Shapes travel between nodes.
 *
 * Whoever builds one has checked its values against the cluster's limits; times are absolute, so that a forwarded
 * operation means the same wherever it runs.
 */

import type { Condition } from "./condition.ts";
import type { Failure, QuorumReport } from "./outcome.ts";
import type { Stamp } from "./stamp.ts";

/** Wall-clock milliseconds; 0 is never, `keep` leaves what the key has. */
export type Expiry = number | "keep";

/**
 * When an expiry is set: as `EXPIRE` has them; no expiry counts as one that is infinitely far. `some-earlier` is both: a key
 * that has none is left alone.
 */
export type ExpireWhen = "always" | "none" | "some" | "later" | "earlier" | "some-earlier";

export type Operation =
  /** A write under a condition on the stamp held. Answers `done`, or `condition-failed`. */
  | {
      readonly kind: "put-if";
      readonly value: Uint8Array;
      readonly contentType: string;
      readonly expiresAtMs: number;
      readonly condition: Condition;
    }
  | { readonly kind: "delete-if"; readonly condition: Condition }
  /** Answers `done` or, not allowed to, `none`; with `wantsOld` the former value, or `none` where there was none. */
  | {
      readonly kind: "set";
      readonly value: Uint8Array;
      readonly expiry: Expiry;
      readonly when: "always" | "exists" | "absent";
      readonly wantsOld: boolean;
    }
  /** Answers the value, which is gone then; or `none`. */
  | { readonly kind: "take" }
  /** Answers the value, whose expiry is set; or `none`. */
  | { readonly kind: "get-expire"; readonly expiry: Expiry }
  /** Answers the length. */
  | { readonly kind: "append"; readonly bytes: Uint8Array }
  /** Answers the length. What lies between the end and `offset` is filled with zeros. */
  | { readonly kind: "set-range"; readonly offset: number; readonly bytes: Uint8Array }
  /** Answers the former bit. Bit 0 is the most significant of the first byte. */
  | { readonly kind: "set-bit"; readonly offset: number; readonly bit: 0 | 1 }
  /** Answers the sum. */
  | { readonly kind: "add"; readonly delta: bigint }
  /** Answers the sum, as text. `delta` is decimal text. */
  | { readonly kind: "add-float"; readonly delta: string }
  /** Answers 1 if it was set, 0 if not. A time that has passed deletes the key. */
  | { readonly kind: "expire"; readonly expiresAtMs: number; readonly when: ExpireWhen }
  /** Answers 1 if there was an expiry, 0 if not. */
  | { readonly kind: "persist" }
  /** Answers how many fields are new. `absent`: only those that the hash lacks are set. */
  | {
      readonly kind: "hash-set";
      readonly entries: readonly HashEntry[];
      readonly when: "always" | "absent";
    }
  /** Answers how many there were. */
  | { readonly kind: "hash-delete"; readonly names: readonly string[] }
  /** Answers the sum. */
  | { readonly kind: "hash-add"; readonly name: string; readonly delta: bigint }
  /** Answers the sum, as text. */
  | { readonly kind: "hash-add-float"; readonly name: string; readonly delta: string }
  /**
   * A hash that takes the place of whatever the key held; without entries, nothing. Answers how many. `absent`: only if the
   * key does not exist, else `none`.
   */
  | {
      readonly kind: "hash-replace";
      readonly entries: readonly HashEntry[];
      readonly expiresAtMs: number;
      readonly when: "always" | "absent";
    }
  /** Answers how many members are new. */
  | { readonly kind: "set-add"; readonly members: readonly string[] }
  /** Answers how many there were. */
  | { readonly kind: "set-remove"; readonly members: readonly string[] }
  /** Answers members that are gone then, chosen by chance: fewer than asked for where one write cannot hold them. */
  | { readonly kind: "set-pop"; readonly count: number }
  /** As `hash-replace`. */
  | {
      readonly kind: "set-replace";
      readonly members: readonly string[];
      readonly expiresAtMs: number;
      readonly when: "always" | "absent";
    };

/** Names are binary strings of at most NAME_BYTES_MAX. */
export type HashEntry = readonly [name: string, value: Uint8Array];

/** What is asked of a key without changing it. Answered by whichever node is asked, from a read quorum. */
export type Query =
  /** Answers `summary`, or `none`. */
  | { readonly kind: "summary" }
  /** Answers `bytes` of a string or a counter, or `none`. */
  | { readonly kind: "value" }
  /** Answers `values`, one for each name. */
  | { readonly kind: "hash-get"; readonly names: readonly string[] }
  /** Answers `values`, one for each member: empty bytes for those that are there. */
  | { readonly kind: "set-has"; readonly members: readonly string[] }
  /** Answers `page`: of a hash with values, of a set with empty ones. */
  | {
      readonly kind: "page";
      readonly type: "hash" | "set";
      /** Name after which it begins; `undefined` for the beginning. */
      readonly after: string | undefined;
      readonly limit: number;
      /** What has been counted for fields is not looked up: their values are not asked for. */
      readonly isForNames?: boolean;
    }
  /** As `page`, all of it. */
  | { readonly kind: "whole"; readonly type: "hash" | "set" | "either" };

export type OperationKind = Operation["kind"];

/** Why an operation does nothing to what the key holds. */
export type OperationFault =
  | "wrong-type"
  | "not-an-integer"
  | "field-not-an-integer"
  | "field-not-a-float"
  /** More fields, or bytes, than one operation may look at. */
  | "too-many"
  | "overflow"
  | "not-a-float"
  | "not-finite"
  | "too-long";

export type OperationResult =
  | { readonly kind: "done" }
  | { readonly kind: "none" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "integer"; readonly value: bigint }
  /** Binary strings. */
  | { readonly kind: "names"; readonly names: readonly string[] }
  /** `current` is `undefined` when the key is absent. */
  | { readonly kind: "condition-failed"; readonly current: Stamp | undefined }
  | { readonly kind: "fault"; readonly fault: OperationFault };

export type QueryResult =
  | Extract<OperationResult, { kind: "none" | "bytes" | "fault" }>
  | {
      readonly kind: "summary";
      readonly type: "string" | "hash" | "set";
      /** 0 is never. */
      readonly expiresAtMs: number;
      /** Greatest of the cells that were looked at. */
      readonly stamp: Stamp;
      readonly contentType: string;
    }
  | { readonly kind: "values"; readonly values: readonly (Uint8Array | undefined)[] }
  | {
      readonly kind: "page";
      readonly type: "hash" | "set";
      readonly entries: readonly HashEntry[];
      /** `after` of the next page; `undefined` at the end. A page may be empty. */
      readonly next: string | undefined;
      readonly expiresAtMs: number;
      readonly stamp: Stamp;
    };

export type QueryOutcome =
  | {
      readonly kind: "answered";
      readonly result: QueryResult;
      readonly quorum: QuorumReport;
    }
  | Failure;

export type OperationOutcome =
  | {
      readonly kind: "applied";
      readonly result: OperationResult;
      /** Of what was written; `undefined` where nothing was. */
      readonly stamp: Stamp | undefined;
      /** Of the write, or of the read where nothing was written. */
      readonly quorum: QuorumReport;
    }
  | Failure;
