/**
 * The keys that requests of one connection are at: any number of readers, or one writer.
 *
 * Keys are told apart by a hash of 32 bits. Two that have the same are taken for one, and the later request waits in vain.
 *
 * Invariant: what is taken is released in the same words; requests that are let in side by side share no key that one of
 * them writes.
 */
import type { KeyPositions } from "./command.ts";

/** Instead of a number of readers. */
const WRITER = -1;
const NONE: readonly number[] = [];
const COUNT_DIGITS_MAX = 7;
const DIGIT_ZERO = 0x30;

export class KeyLocks {
  readonly #holders = new Map<number, number>();

  isFree(hashes: readonly number[], isWriter: boolean): boolean {
    for (const hash of hashes) {
      const holders = this.#holders.get(hash);
      if (holders !== undefined && (isWriter || holders === WRITER)) return false;
    }
    return true;
  }

  /** Must be free. A request may name a key twice. */
  take(hashes: readonly number[], isWriter: boolean): void {
    for (const hash of hashes) {
      if (isWriter) this.#holders.set(hash, WRITER);
      else this.#holders.set(hash, (this.#holders.get(hash) ?? 0) + 1);
    }
  }

  release(hashes: readonly number[], isWriter: boolean): void {
    for (const hash of hashes) {
      const holders = this.#holders.get(hash);
      if (isWriter || holders === 1) this.#holders.delete(hash);
      else if (holders !== undefined) this.#holders.set(hash, holders - 1);
    }
  }
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
