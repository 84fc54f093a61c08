/**
 * Room for many records of a few bytes to a few kilobytes, outside the collected heap: a store of a million small values that
 * change all the time would keep a collector busy with nothing else.
 *
 * Invariant: a record that was taken is nobody else's until it is given back. Sizes are rounded up to classes at most an eighth
 * apart, and what is given back serves the same class again: so much is lost at most, beside what a workload leaves behind whose
 * sizes change for good.
 * Source: Bonwick, "The Slab Allocator" (1994), for classes with free lists.
 */
import { assert } from "../../base/assert.ts";

/** Unit of addresses and sizes. */
const UNIT_BYTES = 16;
const CHUNK_BYTES: number = 256 * 1024;
const CHUNK_UNITS: number = CHUNK_BYTES / UNIT_BYTES;
/** Larger records are arrays of their own. */
const SHARED_BYTES_MAX: number = CHUNK_BYTES / 16;
/** Of addresses: those from here on are of records that are arrays of their own. */
const OWN_FIRST = 2 ** 31;
/** Classes up to here are one unit apart, above it an eighth. */
const FINE_UNITS_MAX = 16;
const STEPS = 8;

export interface Chunk {
  readonly bytes: Buffer;
  /** The same memory, in the machine's order. */
  readonly words: Uint32Array;
}

export class RecordArena {
  readonly #chunks: Chunk[] = [];
  /** Units of the last chunk that are given out. */
  #filled = CHUNK_UNITS;
  /** Addresses given back, by class. */
  readonly #free: number[][] = [];
  readonly #own: (Chunk | undefined)[] = [];
  readonly #ownFree: number[] = [];

  /** The address of a record of at least so many bytes: 0 to below 2^32 − 1, the same until `give`. What is in it is anything. */
  take(bytes: number): number {
    const units = classUnits(bytes);
    if (units * UNIT_BYTES > SHARED_BYTES_MAX) return this.#takeOwn(bytes);
    const free = this.#free[units]?.pop();
    if (free !== undefined) return free;
    if (this.#filled + units > CHUNK_UNITS) {
      this.#chunks.push(chunkOf(new ArrayBuffer(CHUNK_BYTES)));
      this.#filled = 0;
    }
    const address = (this.#chunks.length - 1) * CHUNK_UNITS + this.#filled;
    assert(address < OWN_FIRST, "an arena holds less than 32 GiB");
    this.#filled += units;
    return address;
  }

  /** Gives a record back that was taken for so many bytes, or for others of the same class. */
  give(address: number, bytes: number): void {
    if (address >= OWN_FIRST) {
      this.#own[address - OWN_FIRST] = undefined;
      this.#ownFree.push(address - OWN_FIRST);
      return;
    }
    const units = classUnits(bytes);
    const free = this.#free[units];
    if (free === undefined) this.#free[units] = [address];
    else free.push(address);
  }

  /** Whether a record that was taken for so many bytes has room for, and would be no smaller for, so many others. */
  fits(former: number, bytes: number): boolean {
    const units = classUnits(bytes);
    return units === classUnits(former) && units * UNIT_BYTES <= SHARED_BYTES_MAX;
  }

  /** The chunk a record is in. */
  chunkAt(address: number): Chunk {
    const index = address >= OWN_FIRST ? address - OWN_FIRST : Math.floor(address / CHUNK_UNITS);
    const chunk = address >= OWN_FIRST ? this.#own[index] : this.#chunks[index];
    assert(chunk !== undefined, "a record that was taken is there");
    return chunk;
  }

  /** The first word of a record; 0 where there is none. */
  firstWord(address: number): number {
    const chunk =
      address >= OWN_FIRST
        ? this.#own[address - OWN_FIRST]
        : this.#chunks[Math.floor(address / CHUNK_UNITS)];
    return chunk === undefined ? 0 : (chunk.words[this.offsetOf(address) / 4] as number);
  }

  /** Where in its chunk it begins, in bytes: a multiple of four. */
  offsetOf(address: number): number {
    return address >= OWN_FIRST ? 0 : (address % CHUNK_UNITS) * UNIT_BYTES;
  }

  #takeOwn(bytes: number): number {
    const chunk = chunkOf(new ArrayBuffer(Math.ceil(bytes / UNIT_BYTES) * UNIT_BYTES));
    const index = this.#ownFree.pop() ?? this.#own.length;
    this.#own[index] = chunk;
    return OWN_FIRST + index;
  }
}

function chunkOf(memory: ArrayBuffer): Chunk {
  return { bytes: Buffer.from(memory), words: new Uint32Array(memory) };
}

/** Units of the class that so many bytes belong to. */
function classUnits(bytes: number): number {
  const units = Math.ceil(bytes / UNIT_BYTES);
  if (units <= FINE_UNITS_MAX) return units;
  // A power of two, divided by STEPS, that is no greater than an eighth of the size.
  const step = 2 ** (31 - Math.clz32(units - 1)) / STEPS;
  return Math.ceil(units / step) * step;
}
