/**
 * When there may next be something to collect in a slot: the least moment, over its cells, from which on a cell is a
 * tombstone out of time or a value past its expiry.
 *
 * Invariant: never later than the truth. It may be earlier, because a cell that is replaced leaves its moment behind;
 * a pass over the slot says anew. A field that its root hides has the moment at which it was hidden.
 */
import { SLOT_COUNT } from "../../model/limits.ts";
import type { Slot } from "../../model/slot.ts";

export class DueTimes {
  /** Wall-clock milliseconds; infinite where there is nothing. */
  readonly #dueMs = new Float64Array(SLOT_COUNT).fill(Number.POSITIVE_INFINITY);

  /** A cell of the slot may be collected from `dueMs` on. */
  note(slot: Slot, dueMs: number): void {
    // Of most cells, and it spares them a look at memory far away.
    if (dueMs === Number.POSITIVE_INFINITY) return;
    if (dueMs < (this.#dueMs[slot] as number)) this.#dueMs[slot] = dueMs;
  }

  at(slot: Slot): number {
    return this.#dueMs[slot] as number;
  }

  /** A pass over the slot begins: what it leaves, and what is written meanwhile, is noted anew. */
  clear(slot: Slot): void {
    this.#dueMs[slot] = Number.POSITIVE_INFINITY;
  }

  /** Slots with something to collect at or before `nowMs`, ascending. */
  due(nowMs: number, isWanted: (slot: Slot) => boolean): Slot[] {
    const slots: Slot[] = [];
    for (let index = 0; index < SLOT_COUNT; index += 1) {
      if ((this.#dueMs[index] as number) <= nowMs && isWanted(index as Slot)) {
        slots.push(index as Slot);
      }
    }
    return slots;
  }
}
