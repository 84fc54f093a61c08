/**
 * Where records are found by their keys: a table of places, two words each, the hash of a key and the address of its record.
 * The records themselves, keys included, are the owner's, and nothing here is an object.
 *
 * Invariant: a key stands at the place of its hash, or after it with none free between: what is taken out draws those after it
 * up. At most half of the places are taken, so a look costs one line of memory in the table, and those of the record.
 * Source: Knuth, "The Art of Computer Programming" 3, section 6.4, algorithms L and R.
 */
import { hashBinary } from "./hash.ts";

const PLACES_AT_FIRST = 64;

/** What the owner of the records knows of them. */
export interface KeyedRecords {
  /** Whether the record at `address` is that of `key`. */
  isKeyAt(address: number, key: string): boolean;
}

/** The hash by which a key is looked for under a seed: 0 to below 2^32. */
export function hashOfKey(key: string, seed: number): number {
  return hashBinary(key, seed).low;
}

export class KeyPlaces {
  readonly #records: KeyedRecords;
  /** Of the hashes: whoever chooses keys must not choose their places. Nothing that is answered depends on it. */
  readonly #seed: number;
  /** The hash of a key, and 1 and the address of its record; 0 is free. A power of two of places. */
  #places = new Uint32Array(2 * PLACES_AT_FIRST);
  #mask = PLACES_AT_FIRST - 1;
  #size = 0;

  /** @param seed Any number that nobody outside knows. */
  constructor(records: KeyedRecords, seed: number) {
    this.#records = records;
    this.#seed = seed;
  }

  /** Keys held. */
  get size(): number {
    return this.#size;
  }

  /** Keys that there is room for before the table grows. */
  get room(): number {
    return (this.#mask + 1) / 2;
  }

  /** The hash by which a key is looked for: 0 to below 2^32. */
  hashOf(key: string): number {
    return hashOfKey(key, this.#seed);
  }

  /** The place of a key until the table next changes; negative if it has none. */
  find(key: string, hash: number): number {
    const places = this.#places;
    const mask = this.#mask;
    for (let place = hash & mask; places[2 * place + 1] !== 0; place = (place + 1) & mask) {
      if (places[2 * place] === hash && this.#records.isKeyAt(this.addressAt(place), key)) {
        return place;
      }
    }
    return -1;
  }

  /** The address that is at the place of a hash itself, most likely that of the key with this hash; 0 where none is. */
  addressNear(hash: number): number {
    const address = this.#places[2 * (hash & this.#mask) + 1] as number;
    return address === 0 ? 0 : address - 1;
  }

  /** The place that holds this very address, under this hash; negative if none does. */
  findAddress(address: number, hash: number): number {
    const places = this.#places;
    const mask = this.#mask;
    for (let place = hash & mask; places[2 * place + 1] !== 0; place = (place + 1) & mask) {
      if (places[2 * place + 1] === address + 1) return place;
    }
    return -1;
  }

  /** The address of the record at a place that is taken. */
  addressAt(place: number): number {
    return (this.#places[2 * place + 1] as number) - 1;
  }

  /** The record of the key at `place` is there from now on. */
  moveTo(place: number, address: number): void {
    this.#places[2 * place + 1] = address + 1;
  }

  /** A key that has no place. @param address Below 2^32 - 1. */
  insert(hash: number, address: number): void {
    this.#size += 1;
    if (2 * this.#size > this.#mask + 1) this.#grow();
    this.#put(hash, address + 1);
  }

  /** Frees a place: each key after it that may stand there moves up, until one is free. */
  remove(freed: number): void {
    this.#size -= 1;
    const places = this.#places;
    const mask = this.#mask;
    let free = freed;
    for (let place = (free + 1) & mask; places[2 * place + 1] !== 0; place = (place + 1) & mask) {
      const home = (places[2 * place] as number) & mask;
      // Whether its home is not after the free place, going round.
      if (((place - home) & mask) < ((place - free) & mask)) continue;
      places[2 * free] = places[2 * place] as number;
      places[2 * free + 1] = places[2 * place + 1] as number;
      free = place;
    }
    places[2 * free + 1] = 0;
  }

  #put(hash: number, entry: number): void {
    let place = hash & this.#mask;
    while (this.#places[2 * place + 1] !== 0) place = (place + 1) & this.#mask;
    this.#places[2 * place] = hash;
    this.#places[2 * place + 1] = entry;
  }

  #grow(): void {
    const former = this.#places;
    this.#places = new Uint32Array(2 * former.length);
    this.#mask = this.#places.length / 2 - 1;
    for (let at = 0; at < former.length; at += 2) {
      const entry = former[at + 1] as number;
      if (entry !== 0) this.#put(former[at] as number, entry);
    }
  }
}
