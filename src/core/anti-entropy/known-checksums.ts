/**
 * Checksums of cells that were written of late: what the hash tree has to be told of a cell that is replaced, without
 * reading it.
 *
 * Grows with the cells that are noted, part by part so that no single growth takes long, up to a bound. Invariant: may
 * forget anything at any time; never answers with the checksum of another key but by a collision of 64-bit hashes,
 * against which the hash tree is no safer.
 */
import type { Hash64 } from "../../base/hash.ts";

/** Places of a set. A cell stands in either of two sets; where both are full one of the first moves to its other, or is forgotten. */
export const WAYS = 4;
/** The hash's halves and the checksum, side by side: one look at a set costs a line of the processor's cache, or two. */
const PLACE = 3;
const SET = WAYS * PLACE;
/** A hash tells its part by these bits, and its sets by others. */
const PART_BITS = 8;
export const PARTS = 2 ** PART_BITS;
/** Parts fill alike. They begin with sizes that differ, so that they do not all grow in the same moment, then or ever after. */
const SETS_AT_FIRST = 64;
const SIZES_AT_FIRST = 16;
/** All parts together then know 16 million cells, in 200 MB. */
export const SETS_MAX = 2 ** 14;
/** Of places in use. Hardly a cell is forgotten by then. */
const LOAD_MAX = 0.8;

export class KnownChecksums {
  readonly #parts: Uint32Array[] = [];
  /** Sets of each part. */
  readonly #sets = new Uint32Array(PARTS);
  /** Cells known in each part. */
  readonly #used = new Uint32Array(PARTS);

  constructor() {
    this.clear();
  }

  /** Bytes that it takes. */
  get bytes(): number {
    return this.#parts.reduce((bytes, { byteLength }) => bytes + byteLength, 0);
  }

  /** A cell stands at the storage key with this hash. */
  note(address: Hash64, checksum: number): void {
    if (checksum === 0) return this.forget(address);
    const { high, low } = address;
    const part = partOf(high);
    if (!this.#put(part, high, low, checksum)) return;
    const used = (this.#used[part] ?? 0) + 1;
    this.#used[part] = used;
    const sets = this.#sets[part] ?? 0;
    if (used > sets * WAYS * LOAD_MAX && sets < SETS_MAX) this.#grow(part, sets);
  }

  /** The checksum of the cell there; `undefined` when it is not known, or is 0. */
  get({ high, low }: Hash64): number | undefined {
    const part = partOf(high);
    const place = this.#find(part, high, low);
    return place < 0 ? undefined : this.#parts[part]?.[place + 2];
  }

  forget({ high, low }: Hash64): void {
    const part = partOf(high);
    const place = this.#find(part, high, low);
    if (place < 0) return;
    (this.#parts[part] as Uint32Array)[place + 2] = 0;
    this.#used[part] = (this.#used[part] ?? 0) - 1;
  }

  clear(): void {
    for (let part = 0; part < PARTS; part += 1) {
      this.#resize(part, SETS_AT_FIRST + (part % SIZES_AT_FIRST));
    }
  }

  /** Whether a cell more is known by it. */
  #put(part: number, high: number, low: number, checksum: number): boolean {
    const places = this.#parts[part] as Uint32Array;
    const found = this.#find(part, high, low);
    if (found >= 0) {
      places[found + 2] = checksum;
      return false;
    }
    const sets = this.#sets[part] as number;
    const first = firstOf(low, sets);
    let at = freeIn(places, first);
    if (at < 0) at = freeIn(places, secondOf(high, sets));
    if (at < 0) at = freedIn(places, first, sets);
    const isMore = at >= 0;
    if (!isMore) at = first + PLACE * (checksum & (WAYS - 1));
    places[at] = high;
    places[at + 1] = low;
    places[at + 2] = checksum;
    return isMore;
  }

  /** Where a cell is noted; negative where it is not. */
  #find(part: number, high: number, low: number): number {
    const places = this.#parts[part] as Uint32Array;
    const sets = this.#sets[part] as number;
    const place = placeIn(places, firstOf(low, sets), high, low);
    return place >= 0 ? place : placeIn(places, secondOf(high, sets), high, low);
  }

  #resize(part: number, sets: number): void {
    this.#parts[part] = new Uint32Array(sets * SET);
    this.#sets[part] = sets;
    this.#used[part] = 0;
  }

  #grow(part: number, sets: number): void {
    const before = this.#parts[part] as Uint32Array;
    this.#resize(part, Math.min(sets + (sets >>> 2), SETS_MAX));
    let used = 0;
    for (let place = 0; place < before.length; place += PLACE) {
      const checksum = before[place + 2] as number;
      if (checksum === 0) continue;
      const isMore = this.#put(
        part,
        before[place] as number,
        before[place + 1] as number,
        checksum,
      );
      if (isMore) used += 1;
    }
    this.#used[part] = used;
  }
}

function partOf(high: number): number {
  return high >>> (32 - PART_BITS);
}

/** The upper half of `low` spread over the sets, which need not be a power of two. */
function firstOf(low: number, sets: number): number {
  return (Math.imul(low >>> 16, sets) >>> 16) * SET;
}

/** The same of bits of `high` that do not tell the part. */
function secondOf(high: number, sets: number): number {
  return (Math.imul(high & 0xffff, sets) >>> 16) * SET;
}

function placeIn(places: Uint32Array, first: number, high: number, low: number): number {
  for (let place = first; place < first + SET; place += PLACE) {
    if (places[place] !== high || places[place + 1] !== low) continue;
    if (places[place + 2] !== 0) return place;
  }
  return -1;
}

/** A place without a checksum is free. */
function freeIn(places: Uint32Array, first: number): number {
  for (let place = first; place < first + SET; place += PLACE) {
    if (places[place + 2] === 0) return place;
  }
  return -1;
}

/** As `freeIn`, of a set that is full: the place of a cell that has moved to its other set. */
function freedIn(places: Uint32Array, first: number, sets: number): number {
  for (let place = first; place < first + SET; place += PLACE) {
    const high = places[place] as number;
    const low = places[place + 1] as number;
    const itsFirst = firstOf(low, sets);
    const free = freeIn(places, itsFirst === first ? secondOf(high, sets) : itsFirst);
    if (free < 0) continue;
    places.copyWithin(free, place, place + PLACE);
    return place;
  }
  return -1;
}
