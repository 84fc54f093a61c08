/**
 * A map from binary strings to bytes whose keys and values lie in a `RecordArena`: nothing in it is an object.
 *
 * Invariant: each key is in one record, found by `KeyPlaces`.
 */
import { randomInt } from "node:crypto";
import { Buffer } from "../../base/buffer.ts";
import { type KeyedRecords, KeyPlaces } from "../../base/key-places.ts";
import { RecordArena } from "./record-arena.ts";

/** A record: length of the key, length of the value, the key, the value. */
const HEADER_WORDS = 2;
const HEADER_BYTES: number = 4 * HEADER_WORDS;

/** Keys whose records are fetched together. */
export const FETCHED_MAX = 64;

export class RecordTable implements KeyedRecords {
  readonly #arena = new RecordArena();
  readonly #places: KeyPlaces = new KeyPlaces(this, randomInt(2 ** 32));
  /** Of the keys fetched last: their hashes, and where their records most likely are. */
  readonly #hashes = new Uint32Array(FETCHED_MAX);
  readonly #addresses = new Uint32Array(FETCHED_MAX);
  /** So that what is fetched is not for nothing, as far as the compiler can see. */
  readonly #seen = new Uint32Array(1);

  /** Keys held. */
  get size(): number {
    return this.#places.size;
  }

  /** A copy of the value, `undefined` when there is none. */
  get(key: string): Buffer | undefined {
    const place = this.#places.find(key, this.#places.hashOf(key));
    if (place < 0) return undefined;
    const address = this.#places.addressAt(place);
    const { bytes, words } = this.#arena.chunkAt(address);
    const at = this.#arena.offsetOf(address);
    const start = at + HEADER_BYTES + (words[at / 4] as number);
    const value = Buffer.allocUnsafe(words[at / 4 + 1] as number);
    bytes.copy(value, 0, start, start + value.length);
    return value;
  }

  /**
   * Fetches the records of up to FETCHED_MAX keys from memory, from `first` on, before they are set or deleted: with nothing between that depends
   * on it the processor waits for many of them at a time. Answers with their hashes, until it is called again.
   */
  fetch(operations: readonly { readonly key: string }[], first: number): Uint32Array {
    const hashes = this.#hashes;
    const addresses = this.#addresses;
    const count = Math.min(FETCHED_MAX, operations.length - first);
    for (let index = 0; index < count; index += 1) {
      const { key } = operations[first + index] as { readonly key: string };
      hashes[index] = this.#places.hashOf(key);
    }
    for (let index = 0; index < count; index += 1) {
      addresses[index] = this.#places.addressNear(hashes[index] as number);
    }
    let seen = 0;
    for (let index = 0; index < count; index += 1) {
      seen ^= this.#arena.firstWord(addresses[index] as number);
    }
    this.#seen[0] = seen;
    return hashes;
  }

  /** Copies the value in; true if the key is new. @param hash Of the key, by `fetch`. */
  set(key: string, value: Uint8Array, hash: number = this.#places.hashOf(key)): boolean {
    const size = HEADER_BYTES + key.length + value.length;
    const place = this.#places.find(key, hash);
    if (place < 0) {
      this.#places.insert(hash, this.#write(this.#arena.take(size), key, value));
      return true;
    }
    const address = this.#places.addressAt(place);
    const former = this.#sizeAt(address);
    if (this.#arena.fits(former, size)) {
      const { bytes, words } = this.#arena.chunkAt(address);
      const at = this.#arena.offsetOf(address);
      words[at / 4 + 1] = value.length;
      bytes.set(value, at + HEADER_BYTES + key.length);
      return false;
    }
    this.#places.moveTo(place, this.#write(this.#arena.take(size), key, value));
    this.#arena.give(address, former);
    return false;
  }

  /** True if there was one. @param hash Of the key, by `fetch`. */
  delete(key: string, hash: number = this.#places.hashOf(key)): boolean {
    const place = this.#places.find(key, hash);
    if (place < 0) return false;
    const address = this.#places.addressAt(place);
    this.#arena.give(address, this.#sizeAt(address));
    this.#places.remove(place);
    return true;
  }

  /** @internal */
  isKeyAt(address: number, key: string): boolean {
    const { bytes, words } = this.#arena.chunkAt(address);
    const at = this.#arena.offsetOf(address);
    if (words[at / 4] !== key.length) return false;
    for (let index = 0; index < key.length; index += 1) {
      if (bytes[at + HEADER_BYTES + index] !== key.charCodeAt(index)) return false;
    }
    return true;
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
}
