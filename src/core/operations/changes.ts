/** What an operation may leave in a key, and what it may answer: the words that all of them share. */
import type { Cell, CellAddress, CellType, FieldCell, RootCell } from "../../model/cell.ts";
import type { Field } from "../../model/key.ts";
import { EXPIRES_AT_MS_MAX } from "../../model/limits.ts";
import type { Expiry, OperationFault, OperationResult } from "../../model/operation.ts";
import { beforeStamp, maxStamp, NO_STAMP, type Stamp } from "../../model/stamp.ts";
import type { KeyView } from "./key-view.ts";

/** A cell to be, but for its stamp. */
export interface CellChange {
  /** `undefined` is the root. */
  readonly field: CellAddress;
  cellAt(stamp: Stamp): Cell;
  /** The cell in which this node counts, and what it comes to with this change. */
  readonly count?: OwnCount;
  /** The root written beside it clears what stands there, which nobody has read: it builds on anything below the write. */
  readonly isOverCleared?: true;
}

export interface Applied {
  readonly result: OperationResult;
  /** Written together, under one stamp; empty: nothing is written. */
  readonly changes: readonly CellChange[];
}

export interface ApplyContext {
  /** Longest value of the cluster. */
  readonly valueBytesMax: number;
  /** Where this node counts, and what it has there. */
  readonly ownCell: (of: CountedOver) => OwnCell;
  /** An integer from 0 to below `limit`. */
  readonly below: (limit: number) => number;
}

/** What a node is about to add to. */
export interface CountedOver {
  /** Where the holder of an id counts for this. */
  readonly addressOf: (id: string) => Field;
  readonly epoch: Stamp;
  /** Stamp of the cell with the number that is counted over; `undefined`: this addition begins it. */
  readonly base: Stamp | undefined;
}

/** The cell in which this node counts: nobody else writes it. */
export interface OwnCell {
  readonly address: Field;
  /** What this node itself put there last over the epoch, where a quorum may not know that. */
  readonly sum: bigint | undefined;
}

/** What a node has counted into one cell: under the epoch it was begun over, and beside which cell with a number. */
export interface OwnCount {
  readonly epoch: Stamp;
  /** As in `CountedOver`: `undefined` has the stamp of the write. */
  readonly base: Stamp | undefined;
  readonly sum: bigint;
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

/** The same of a list, which may be too long to be spread over arguments. */
export function changedAll(result: OperationResult, changes: readonly CellChange[]): Applied {
  return { result, changes };
}

export function unchanged(result: OperationResult): Applied {
  return { result, changes: [] };
}

/** A value that takes the place of whatever the key held. */
export function value(payload: Uint8Array, expiresAtMs: number, contentType = ""): CellChange {
  return new ValueChange(payload, expiresAtMs, contentType);
}

/** Of all changes the most frequent one, and so a single object. */
class ValueChange implements CellChange {
  readonly field = undefined;
  readonly #payload: Uint8Array;
  readonly #expiresAtMs: number;
  readonly #contentType: string;

  constructor(payload: Uint8Array, expiresAtMs: number, contentType: string) {
    this.#payload = payload;
    this.#expiresAtMs = expiresAtMs;
    this.#contentType = contentType;
  }

  cellAt(stamp: Stamp): RootCell {
    return {
      kind: "value",
      stamp,
      type: "string",
      expiresAtMs: this.#expiresAtMs,
      cleared: stamp,
      contentType: this.#contentType,
      payload: this.#payload,
    };
  }
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

/** A container that takes the place of whatever the key held, with the fields that are written beside it. */
export function replacingContainer(type: "hash" | "set", expiresAtMs: number): CellChange {
  // Fields of the same stamp are above what is cleared, and all that was there before is not.
  return rootChange((stamp) => containerRoot(stamp, type, expiresAtMs, beforeStamp(stamp)));
}

/** The container as it is, or a new one, stated anew: what is later than it, wins. */
export function restated(view: KeyView, type: "hash" | "set"): CellChange {
  const expiresAtMs = view.current?.expiresAtMs ?? 0;
  const cleared = clearedUnder(view, type);
  return rootChange((stamp) => containerRoot(stamp, type, expiresAtMs, cleared));
}

/**
 * What the root of a key that becomes, or goes on as, this type clears: what was cleared, and, where an emptied container
 * of another type gives way, all that came before that: fields of this type that it had hidden do not come back.
 */
export function clearedUnder({ root, cleared, current }: KeyView, type: CellType): Stamp {
  const isOther = current === undefined && root?.kind === "container" && root.type !== type;
  return isOther ? maxStamp(cleared, root.stamp) : cleared;
}

/** A cell just as it was read, for whoever does not hold it. */
export function asRead(field: CellAddress, cell: Cell): CellChange {
  return { field, cellAt: () => cell };
}

export function fieldChange(
  field: Field,
  content: Pick<FieldCell, "type" | "payload"> & { readonly since?: Stamp },
): CellChange {
  const { type, payload, since = NO_STAMP } = content;
  return {
    field,
    cellAt: (stamp) => ({ kind: "field", stamp, type, expiresAtMs: 0, since, payload }),
  };
}

/** A field of a container that takes the place of whatever the key held. */
export function replacingField(
  field: Field,
  content: Pick<FieldCell, "type" | "payload">,
): CellChange {
  return { ...fieldChange(field, content), isOverCleared: true };
}

export function fieldTombstone(field: Field, type: CellType): CellChange {
  return {
    field,
    cellAt: (stamp) => ({
      kind: "field-tombstone",
      stamp,
      type,
      expiresAtMs: 0,
      since: NO_STAMP,
      payload: NO_BYTES,
    }),
  };
}

export function fault(of: OperationFault): Applied {
  return unchanged({ kind: "fault", fault: of });
}

export function bytesResult(bytes: Uint8Array): OperationResult {
  return { kind: "bytes", bytes };
}

function containerRoot(
  stamp: Stamp,
  type: "hash" | "set",
  expiresAtMs: number,
  cleared: Stamp,
): RootCell {
  return {
    kind: "container",
    stamp,
    type,
    expiresAtMs,
    cleared,
    contentType: "",
    payload: NO_BYTES,
  };
}

export function rootChange(cellAt: (stamp: Stamp) => RootCell): CellChange {
  return { field: undefined, cellAt };
}
