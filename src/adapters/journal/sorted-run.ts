/**
 * Operations of one stretch of the journal in the order of their keys, sorted when somebody first asks for that: most stretches
 * come and go without a scan.
 */
import type { StorageKey } from "../../ports/storage.ts";
import { compareKeyAt, compareKeysAt, keyPrefixAt, type Ring } from "./journal-record.ts";

const OFFSETS_AT_FIRST = 256;
/** So many that came since the last scan are put in their places one by one; more are sorted with all others. */
const INSERTED_MAX = 128;

/** More than a run has operations, so that a prefix and an index are one exact number. */
const INDEXES: number = 2 ** 21;

export class SortedRun {
  /** Position where the first record is, or behind the one before it. */
  readonly start: number;
  readonly #ring: Ring;
  #offsets = new Uint32Array(OFFSETS_AT_FIRST);
  #size = 0;
  /** So many from the first on are in order. */
  #sorted = 0;

  constructor(ring: Ring, start: number) {
    this.#ring = ring;
    this.start = start;
  }

  get size(): number {
    return this.#size;
  }

  /** An operation of a key that the run does not have. */
  add(offset: number): void {
    if (this.#size === this.#offsets.length) {
      const larger = new Uint32Array(2 * this.#offsets.length);
      larger.set(this.#offsets);
      this.#offsets = larger;
    }
    this.#offsets[this.#size] = offset;
    this.#size += 1;
  }

  /** The index of the first operation whose key is not below `key`; `size` if there is none. */
  indexOf(key: StorageKey): number {
    this.#sort();
    return this.#lowerBound(this.#size, (offset) => compareKeyAt(this.#ring, offset, key) < 0);
  }

  /** The offset of the operation at an index below `size`, in order after `indexOf`. */
  at(index: number): number {
    return this.#offsets[index] as number;
  }

  #sort(): void {
    if (this.#size - this.#sorted > INSERTED_MAX) this.#sortAll();
    for (; this.#sorted < this.#size; this.#sorted += 1) {
      const added = this.#offsets[this.#sorted] as number;
      const index = this.#lowerBound(
        this.#sorted,
        (offset) => compareKeysAt(this.#ring, offset, added) < 0,
      );
      this.#offsets.copyWithin(index + 1, index, this.#sorted);
      this.#offsets[index] = added;
    }
  }

  /** By the first bytes of the keys, as numbers, which the runtime sorts five times as fast; then what is equal by those. */
  #sortAll(): void {
    const ranks = new Float64Array(this.#size);
    for (let index = 0; index < this.#size; index += 1) {
      const prefix = keyPrefixAt(this.#ring, this.#offsets[index] as number);
      ranks[index] = prefix * INDEXES + index;
    }
    ranks.sort();
    const sorted = new Uint32Array(this.#offsets.length);
    let start = 0;
    for (let index = 0; index < this.#size; index += 1) {
      const rank = ranks[index] as number;
      sorted[index] = this.#offsets[rank % INDEXES] as number;
      const next = ranks[index + 1];
      if (next !== undefined && Math.floor(next / INDEXES) === Math.floor(rank / INDEXES)) continue;
      if (index > start) {
        sorted
          .subarray(start, index + 1)
          .sort((first, second) => compareKeysAt(this.#ring, first, second));
      }
      start = index + 1;
    }
    this.#offsets = sorted;
    this.#sorted = this.#size;
  }

  /** Of the first `count`, the index of the first that is not below. */
  #lowerBound(count: number, isBelow: (offset: number) => boolean): number {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBelow(this.#offsets[middle] as number)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
