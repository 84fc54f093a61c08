/**
 * Cells: the unit of storage, replication and merge. A key is a root cell and, for a container, one cell per
 * field. See docs/ARCHITECTURE.md, "Data".
 */
import type { Field } from "./key.ts";
import type { Stamp } from "./stamp.ts";

/** What a key or a field holds. Plain keys are strings. */
export type CellType = "string" | "hash" | "set" | "counter";

/** Root kinds, in the order that settles equal stamps: a tombstone loses to a container, that to a value. */
export type RootKind = "tombstone" | "container" | "value";

/** The cell of the key itself. */
export interface RootCell {
  readonly kind: RootKind;
  readonly stamp: Stamp;
  readonly type: CellType;
  /** Wall-clock milliseconds; 0 is never. */
  readonly expiresAtMs: number;
  /** Fields up to this stamp are gone. `NO_STAMP` where nothing was ever cleared. */
  readonly cleared: Stamp;
  /** Media type of the value, at most 255 bytes of ASCII; empty when unknown. */
  readonly contentType: string;
  readonly payload: Uint8Array;
}

/** A cell of one field, member or counting node. */
export interface FieldCell {
  readonly kind: "field-tombstone" | "field";
  readonly stamp: Stamp;
  readonly type: CellType;
  /** Wall-clock milliseconds; 0 is never. */
  readonly expiresAtMs: number;
  /** Counter cells: the root's `cleared` they were begun under. `NO_STAMP` for all others. */
  readonly since: Stamp;
  readonly payload: Uint8Array;
}

export type Cell = RootCell | FieldCell;

/** Where in its key a cell stands: `undefined` is the root. */
export type CellAddress = Field | undefined;

/** A cell as it stands on disk and travels: encoded, with its checksum. */
export interface EncodedCell {
  readonly field: CellAddress;
  readonly bytes: Uint8Array;
}
