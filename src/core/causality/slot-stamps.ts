/**
 * A stamp for each slot. One look costs one line of memory: a write has one of them, anywhere in the table, and objects would be
 * two lines more, and keep the collector busy.
 */
import { SLOT_COUNT } from "../../model/limits.ts";
import type { Slot } from "../../model/slot.ts";
import { compareStamps, type Stamp } from "../../model/stamp.ts";

const NUMBERS = 3;

export class SlotStamps {
  /** Time, counter and boot of each; no stamp above what a clock has read has time 0. */
  readonly #numbers = new Float64Array(NUMBERS * SLOT_COUNT);

  /** `undefined` where none was set. */
  at(slot: Slot): Stamp | undefined {
    const first = NUMBERS * slot;
    const ms = this.#numbers[first] as number;
    if (ms === 0) return undefined;
    const counter = this.#numbers[first + 1] as number;
    const boot = this.#numbers[first + 2] as number;
    return { ms, counter, boot };
  }

  /** Whether the stamp of the slot, or `otherwise` where none was set, is below this one. */
  isBelow(slot: Slot, stamp: Stamp, otherwise: Stamp): boolean {
    const first = NUMBERS * slot;
    const ms = this.#numbers[first] as number;
    if (ms === 0) return compareStamps(otherwise, stamp) < 0;
    if (ms !== stamp.ms) return ms < stamp.ms;
    const counter = this.#numbers[first + 1] as number;
    if (counter !== stamp.counter) return counter < stamp.counter;
    return (this.#numbers[first + 2] as number) < stamp.boot;
  }

  set(slot: Slot, { ms, counter, boot }: Stamp): void {
    const first = NUMBERS * slot;
    this.#numbers[first] = ms;
    this.#numbers[first + 1] = counter;
    this.#numbers[first + 2] = boot;
  }
}
