/**
 * A map from binary strings to bytes whose keys and values lie in a `RecordArena`: nothing in it is an object.
 *
 * Invariant: each key is in one record, found by a table of places: two words each, the hash of a key and its record. A key
 * stands at the place of its hash, or after it with none free between: what is taken out draws those after it up. A look costs
 * one line of memory in the table, and those of the record.
 * Source: Knuth, "The Art of Computer Programming" 3, section 6.4, algorithms L and R.
 */
import { randomInt } from "node:crypto";
import { hashBinary } from "../../base/hash.ts";
import { RecordArena } from "./record-arena.ts";

/** A record: length of the key, length of the value, the key, the value. */
const HEADER_WORDS = 2;
const HEADER_BYTES: number = 4 * HEADER_WORDS;
const PLACES_AT_FIRST = 64;

export class RecordTable {
  readonly #arena = new RecordArena();
  /** Of the hashes: whoever chooses keys must not choose their places. Nothing that a table answers with depends on it. */
  readonly #seed = randomInt(2 ** 32);
  /** The hash of a key, and 1 and the address of its record; 0 is free. A power of two of places, half of them at most taken. */
  #places = new Uint32Array(2 * PLACES_AT_FIRST);
  #mask = PLACES_AT_FIRST - 1;
  #size = 0;

  /** Keys held. */
  get size(): number {
    return this.#size;
  }

  /** A copy of the value, `undefined` when there is none. */
  get(key: string): Buffer | undefined {
    const place = this.#find(key, this.#hashOf(key));
    if (place < 0) return undefined;
    const address = this.#addressAt(place);
    const { bytes, words } = this.#arena.chunkAt(address);
    const at = this.#arena.offsetOf(address);
    const start = at + HEADER_BYTES + (words[at / 4] as number);
    const value = Buffer.allocUnsafe(words[at / 4 + 1] as number);
    bytes.copy(value, 0, start, start + value.length);
    return value;
  }

  /** Copies the value in; true if the key is new. */
  set(key: string, value: Uint8Array): boolean {
    const hash = this.#hashOf(key);
    const size = HEADER_BYTES + key.length + value.length;
    const place = this.#find(key, hash);
    if (place < 0) {
      this.#insert(hash, this.#write(this.#arena.take(size), key, value));
      return true;
    }
    const address = this.#addressAt(place);
    const former = this.#sizeAt(address);
    if (this.#arena.fits(former, size)) {
      const { bytes, words } = this.#arena.chunkAt(address);
      const at = this.#arena.offsetOf(address);
      words[at / 4 + 1] = value.length;
      bytes.set(value, at + HEADER_BYTES + key.length);
      return false;
    }
    const moved = this.#write(this.#arena.take(size), key, value);
    this.#arena.give(address, former);
    this.#places[2 * place + 1] = moved + 1;
    return false;
  }

  /** True if there was one. */
  delete(key: string): boolean {
    const place = this.#find(key, this.#hashOf(key));
    if (place < 0) return false;
    const address = this.#addressAt(place);
    this.#arena.give(address, this.#sizeAt(address));
    this.#closeUp(place);
    this.#size -= 1;
    return true;
  }

  #hashOf(key: string): number {
    return hashBinary(key, this.#seed).low;
  }

  /** The place of a key; negative if it has none. */
  #find(key: string, hash: number): number {
    const places = this.#places;
    const mask = this.#mask;
    for (let place = hash & mask; places[2 * place + 1] !== 0; place = (place + 1) & mask) {
      if (places[2 * place] === hash && this.#isKey(this.#addressAt(place), key)) return place;
    }
    return -1;
  }

  #isKey(address: number, key: string): boolean {
    const { bytes, words } = this.#arena.chunkAt(address);
    const at = this.#arena.offsetOf(address);
    if (words[at / 4] !== key.length) return false;
    for (let index = 0; index < key.length; index += 1) {
      if (bytes[at + HEADER_BYTES + index] !== key.charCodeAt(index)) return false;
    }
    return true;
  }

  #addressAt(place: number): number {
    return (this.#places[2 * place + 1] as number) - 1;
  }

  #sizeAt(address: number): number {
    const { words } = this.#arena.chunkAt(address);
    const at = this.#arena.offsetOf(address) / 4;
    return HEADER_BYTES + (words[at] as number) + (words[at + 1] as number);
  }

  /** Answers with the address. */
  #write(address: number, key: string, value: Uint8Array): number {
    const { bytes, words } = this.#arena.chunkAt(address);
    const at = this.#arena.offsetOf(address);
    words[at / 4] = key.length;
    words[at / 4 + 1] = value.length;
    bytes.write(key, at + HEADER_BYTES, "latin1");
    bytes.set(value, at + HEADER_BYTES + key.length);
    return address;
  }

  #insert(hash: number, address: number): void {
    this.#size += 1;
    if (2 * this.#size > this.#mask + 1) this.#grow();
    this.#put(hash, address + 1);
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

  /** Frees a place: each key after it that may stand there moves up, until one is free. */
  #closeUp(freed: number): void {
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
}
