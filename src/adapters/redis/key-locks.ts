/**
 * The keys that requests of one connection are at: any number of readers, or one writer.
 *
 * Keys are told apart by a hash of 32 bits. Two that have the same are taken for one, and the later request waits in vain. They come
 * and go with every request, so they are kept in a table of numbers: a `Map` would leave tables behind (`fleeting-map.ts`).
 *
 * Invariant: what is taken is released in the same words; requests that are let in side by side share no key that one of
 * them writes.
 */
import { randomInt } from "node:crypto";
import { mix32 } from "../../base/hash.ts";
import type { KeyPositions } from "./command.ts";

/** Instead of a number of readers. */
const WRITER = -1;
const NOBODY = 0;
const NONE: readonly number[] = [];
const COUNT_DIGITS_MAX = 7;
const DIGIT_ZERO = 0x30;

/** A hash, and who is at its keys: one place. */
const PLACE = 2;
const PLACES_AT_FIRST = 32;
/** A table of more is not kept once it is empty. */
const PLACES_KEPT = 1_024;
/** Of where hashes stand: whoever chooses keys must not choose that. */
const SEED = randomInt(2 ** 32);

export class KeyLocks {
  /** A power of two of places, at most half of them taken; a hash stands at its place, or after it with none free between. */
  #places = new Int32Array(0);
  #mask = -1;
  #size = 0;

  isFree(hashes: readonly number[], isWriter: boolean): boolean {
    if (this.#size === 0) return true;
    for (const hash of hashes) {
      const holders = this.#places[PLACE * this.#find(hash) + 1];
      if (holders !== NOBODY && (isWriter || holders === WRITER)) return false;
    }
    return true;
  }

  /** Must be free. A request may name a key twice. */
  take(hashes: readonly number[], isWriter: boolean): void {
    this.#reserve(hashes.length);
    for (const hash of hashes) {
      const at = PLACE * this.#find(hash);
      const holders = this.#places[at + 1] as number;
      if (holders === NOBODY) {
        this.#places[at] = hash;
        this.#size += 1;
      }
      this.#places[at + 1] = isWriter ? WRITER : holders + 1;
    }
  }

  release(hashes: readonly number[], isWriter: boolean): void {
    for (const hash of hashes) {
      if (this.#size === 0) break;
      const place = this.#find(hash);
      const holders = this.#places[PLACE * place + 1] as number;
      if (holders === NOBODY) continue;
      if (isWriter || holders === 1) this.#remove(place);
      else this.#places[PLACE * place + 1] = holders - 1;
    }
    if (this.#size === 0 && this.#mask >= PLACES_KEPT) this.#resize(PLACES_AT_FIRST);
  }

  /** The place of a hash, or the free one where it would stand. There is one. */
  #find(hash: number): number {
    let place = homeOf(hash) & this.#mask;
    while (this.#places[PLACE * place + 1] !== NOBODY && this.#places[PLACE * place] !== hash) {
      place = (place + 1) & this.#mask;
    }
    return place;
  }

  /** Frees a place: each hash after it that may stand there moves up, until one is free (Knuth, section 6.4, algorithm R). */
  #remove(freed: number): void {
    const places = this.#places;
    const mask = this.#mask;
    this.#size -= 1;
    let free = freed;
    for (let place = (free + 1) & mask; places[PLACE * place + 1] !== NOBODY; ) {
      const home = homeOf(places[PLACE * place] as number) & mask;
      if (((place - home) & mask) >= ((place - free) & mask)) {
        places.copyWithin(PLACE * free, PLACE * place, PLACE * (place + 1));
        free = place;
      }
      place = (place + 1) & mask;
    }
    places[PLACE * free + 1] = NOBODY;
  }

  /** Room for so many hashes more. */
  #reserve(count: number): void {
    let places = Math.max(this.#mask + 1, PLACES_AT_FIRST);
    while (2 * (this.#size + count) > places) places *= 2;
    if (places !== this.#mask + 1) this.#resize(places);
  }

  #resize(count: number): void {
    const former = this.#places;
    this.#places = new Int32Array(PLACE * count);
    this.#mask = count - 1;
    for (let at = 0; at < former.length; at += PLACE) {
      const holders = former[at + 1] as number;
      if (holders === NOBODY) continue;
      const place = this.#find(former[at] as number);
      this.#places.set([former[at] as number, holders], PLACE * place);
    }
  }
}

function homeOf(hash: number): number {
  return mix32(hash ^ SEED);
}

/** The hashes of the keys among `args`. */
export function keyHashes(
  args: readonly Uint8Array[],
  keys: KeyPositions | undefined,
): readonly number[] {
  if (keys === undefined) return NONE;
  const first = args[keys.first];
  // Most commands are at one key.
  if (keys.first === keys.last && keys.countAt === undefined) {
    return first === undefined ? NONE : [hashOf(first)];
  }
  return keyIndexes(args, keys).map((index) => hashOf(args[index] as Uint8Array));
}

/** Where the keys stand among `args`, which may have too few of them. */
export function keyIndexes(args: readonly Uint8Array[], keys: KeyPositions): readonly number[] {
  const indexes: number[] = [];
  const last = lastKeyIndex(args, keys);
  for (let index = keys.first; index <= last; index += keys.step) indexes.push(index);
  return indexes;
}

function lastKeyIndex(args: readonly Uint8Array[], keys: KeyPositions): number {
  const { first, last, step, countAt } = keys;
  if (countAt === undefined) {
    return Math.min(args.length - 1, last < 0 ? args.length + last : last);
  }
  let count = 0;
  // A count that is none is the command's to refuse.
  for (const digit of args[countAt]?.subarray(0, COUNT_DIGITS_MAX) ?? NONE) {
    count = count * 10 + digit - DIGIT_ZERO;
  }
  return Math.min(args.length, first + count * step) - 1;
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < bytes.length; index += 1) {
    hash = Math.imul(hash ^ (bytes[index] as number), 0x01000193);
  }
  return hash;
}
