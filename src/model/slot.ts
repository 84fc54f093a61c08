/** Slots: the unit of placement and transfer. */
import { assert } from "../base/assert.ts";
import type { Brand } from "./brand.ts";
import { SLOT_COUNT } from "./limits.ts";

/** An integer in 0..SLOT_COUNT-1. */
export type Slot = Brand<number, "Slot">;

/** Inside the boundary: a slot outside the range is our own arithmetic gone wrong. */
export function slotFrom(index: number): Slot {
  assert(Number.isInteger(index), "slot is an integer");
  assert(index >= 0 && index < SLOT_COUNT, "slot is in range");
  return index as Slot;
}

/** Trust boundary: the slot, or `undefined` when out of range. */
export function parseSlot(index: number): Slot | undefined {
  return Number.isInteger(index) && index >= 0 && index < SLOT_COUNT ? (index as Slot) : undefined;
}
