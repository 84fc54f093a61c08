/**
 * Where a listing with values goes on: at a place between two keys, as `Store.list` has them, or between two fields of a
 * hash or set. Positions are binary strings, which clients carry as cursors.
 */
import { cellKey, parseCellKey } from "../../core/causality/storage-key.ts";
import { slotOfKey } from "../../core/placement/slot-of-key.ts";
import type { Key } from "../../model/key.ts";
import { NAME_BYTES_MAX } from "../../model/limits.ts";

/** Between two fields. */
export interface FieldPlace {
  readonly key: Key;
  readonly type: "hash" | "set";
  /** Name after which it goes on; `undefined` for the first. */
  readonly after: string | undefined;
  /** A part of it has been listed: what follows continues that. */
  readonly isBegun: boolean;
}

/** No storage key begins so, nor does `slot:`. */
const FIELD_POSITION = /^field (hash|set) ([01]) (\d{1,5}) /;

/** After all that `key` holds. */
export function positionAfterKey(key: Key): string {
  return cellKey(slotOfKey(key), key, undefined);
}

export function positionOfField(place: FieldPlace): string {
  const { key, type, after = "", isBegun } = place;
  const position = positionAfterKey(key);
  return `field ${type} ${isBegun ? 1 : 0} ${position.length} ${position}${after}`;
}

/** The place between two fields that `positionOfField` wrote, or `undefined` for any other position. */
export function fieldPlaceOf(position: string): FieldPlace | undefined {
  const match = FIELD_POSITION.exec(position);
  if (match === null) return undefined;
  const [head, type, isBegun, length] = match;
  const end = head.length + Number(length);
  const key = parseCellKey(position.slice(head.length, end))?.key;
  const after = position.slice(end);
  if (key === undefined || after.length > NAME_BYTES_MAX) return undefined;
  return { key, type: type as FieldPlace["type"], after, isBegun: isBegun === "1" };
}
