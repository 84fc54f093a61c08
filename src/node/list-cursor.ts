/**
 * Where a listing goes on: cursors of `Store.list`, which are the storage key of the root last
 * looked at, or `slot:` and the number of a slot, to begin with its first key.
 */
import { parseCellKey } from "../core/causality/storage-key.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { Slot } from "../model/slot.ts";

/**
 * A place between two keys: in `slot`, after the storage key `after`; empty where the slot begins.
 */
export interface ListPlace {
  readonly slot: Slot;
  readonly after: string;
}

/** Where a cursor points, or `undefined` for what cannot have been the `next` of a page. */
export function placeOfCursor(cursor: string | undefined): ListPlace | undefined {
  if (cursor === undefined) return { slot: 0 as Slot, after: "" };
  const place = parseCellKey(cursor);
  if (place !== undefined) return { slot: place.slot, after: cursor };
  const slot = Number(/^slot:([0-9]{1,5})$/.exec(cursor)?.[1]);
  return Number.isInteger(slot) && slot < SLOT_COUNT
    ? { slot: slot as Slot, after: "" }
    : undefined;
}

/** The cursor of a listing that begins with the first key of `slot`. */
export function cursorAtSlot(slot: Slot): string {
  return `slot:${slot}`;
}
