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
  | { readonly kind: "persist" };

export type OperationKind = Operation["kind"];

/** Why an operation does nothing to what the key holds. */
export type OperationFault =
  | "wrong-type"
  | "not-an-integer"
  | "overflow"
  | "not-a-float"
  | "not-finite"
  | "too-long";

export type OperationResult =
  | { readonly kind: "done" }
  | { readonly kind: "none" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "integer"; readonly value: bigint }
  /** `current` is `undefined` when the key is absent. */
  | { readonly kind: "condition-failed"; readonly current: Stamp | undefined }
  | { readonly kind: "fault"; readonly fault: OperationFault };

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
