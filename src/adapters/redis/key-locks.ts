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
import { KeyPlaces } from "../../base/key-places.ts";
import type { KeyPositions } from "./command.ts";

/** Instead of a number of readers. */
const WRITER = 2 ** 31;
const NONE: readonly number[] = [];
const COUNT_DIGITS_MAX = 7;
const DIGIT_ZERO = 0x30;

/** A table for more is not kept once it is empty. */
const ROOM_KEPT = 512;
/** Of where hashes stand: whoever chooses keys must not choose that. */
const SEED = randomInt(2 ** 32);
/** The key is the hash, and no two are spread to the same: where it stands is its record. */
const HASHES = { isKeyAt: (): boolean => true };

export class KeyLocks {
  /** In place of an address: how many read, or WRITER. */
  #holders: KeyPlaces | undefined;

  isFree(hashes: readonly number[], isWriter: boolean): boolean {
    const holders = this.#holders;
    if (holders === undefined || holders.size === 0) return true;
    for (const hash of hashes) {
      const place = holders.find("", spread(hash));
      if (place >= 0 && (isWriter || holders.addressAt(place) === WRITER)) return false;
    }
    return true;
  }

  /** Must be free. A request may name a key twice. */
  take(hashes: readonly number[], isWriter: boolean): void {
    this.#holders ??= new KeyPlaces(HASHES, SEED);
    const holders = this.#holders;
    for (const hash of hashes) {
      const spreadHash = spread(hash);
      const place = holders.find("", spreadHash);
      if (place < 0) holders.insert(spreadHash, isWriter ? WRITER : 1);
      else if (!isWriter) holders.moveTo(place, holders.addressAt(place) + 1);
    }
  }

  release(hashes: readonly number[], isWriter: boolean): void {
    const holders = this.#holders;
    if (holders === undefined) return;
    for (const hash of hashes) {
      const place = holders.find("", spread(hash));
      if (place < 0) continue;
      const readers = holders.addressAt(place);
      if (isWriter || readers === 1) holders.remove(place);
      else holders.moveTo(place, readers - 1);
    }
    if (holders.size === 0 && holders.room > ROOM_KEPT) this.#holders = undefined;
  }
}

function spread(hash: number): number {
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
