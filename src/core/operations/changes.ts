/** What an operation may leave in a key, and what it may answer: the words that all of them share. */
import type { Cell, CellAddress, RootCell } from "../../model/cell.ts";
import { EXPIRES_AT_MS_MAX } from "../../model/limits.ts";
import type { Expiry, OperationResult } from "../../model/operation.ts";
import type { Stamp } from "../../model/stamp.ts";

/** A cell to be, but for its stamp. */
export interface CellChange {
  /** `undefined` is the root. */
  readonly field: CellAddress;
  readonly cellAt: (stamp: Stamp) => Cell;
}

export interface Applied {
  readonly result: OperationResult;
  /** Written together, under one stamp; empty: nothing is written. */
  readonly changes: readonly CellChange[];
}

export interface ApplyContext {
  /** Wall clock, by which expiry is judged. */
  readonly nowMs: number;
  /** Longest value of the cluster. */
  readonly valueBytesMax: number;
}

const NO_BYTES = new Uint8Array(0);
export const NONE: OperationResult = { kind: "none" };
export const DONE: OperationResult = { kind: "done" };
export const WRONG_TYPE: OperationResult = { kind: "fault", fault: "wrong-type" };

export function integer(of: number | bigint): OperationResult {
  return { kind: "integer", value: BigInt(of) };
}

export function changed(result: OperationResult, ...changes: CellChange[]): Applied {
  return { result, changes };
}

export function unchanged(result: OperationResult): Applied {
  return { result, changes: [] };
}

/** A value that takes the place of whatever the key held. */
export function value(payload: Uint8Array, expiresAtMs: number, contentType = ""): CellChange {
  return rootChange((stamp) => ({
    kind: "value",
    stamp,
    type: "string",
    expiresAtMs,
    cleared: stamp,
    contentType,
    payload,
  }));
}

/** The end of a key. */
export const TOMBSTONE: CellChange = rootChange((stamp) => ({
  kind: "tombstone",
  stamp,
  type: "string",
  expiresAtMs: 0,
  cleared: stamp,
  contentType: "",
  payload: NO_BYTES,
}));

/** The key as it is, to end at another time: fields stay, as does what others add to them meanwhile. */
export function withExpiry(root: RootCell, expiresAtMs: number): CellChange {
  return rootChange((stamp) => ({ ...root, stamp, expiresAtMs }));
}

/** What an expiry comes to for a key that has, or had, `held`. */
export function expiryAfter(expiry: Expiry, held: RootCell | undefined): number {
  if (expiry === "keep") return held?.expiresAtMs ?? 0;
  return Math.min(expiry, EXPIRES_AT_MS_MAX);
}

export function isPast(expiresAtMs: number, nowMs: number): boolean {
  return expiresAtMs !== 0 && expiresAtMs <= nowMs;
}

function rootChange(cellAt: (stamp: Stamp) => RootCell): CellChange {
  return { field: undefined, cellAt };
}
