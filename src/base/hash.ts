/**
 * A 64-bit mixing hash in 32-bit integer arithmetic, as two unsigned halves.
 *
 * Placement and the hash tree depend on every node of every platform computing the same bits for ever, so
 * there is no floating point and no engine-defined behaviour here. Not for secrets: an attacker can
 * build collisions. The finaliser constants are those of MurmurHash3 (Appleby, public domain facts).
 */
import { assert } from "./assert.ts";

/** Two unsigned 32-bit halves of a 64-bit hash. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

/** Spreads every bit of a 32-bit integer over all of it; a bijection. */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Hashes a binary string. Linear in its length; about 1 ns a byte. */
export function hashBinary(binary: string, seed = 0): Hash64 {
  let high = (seed ^ 0x9e3779b9) | 0;
  let low = (seed ^ 0x7f4a7c15) | 0;
  for (let index = 0; index < binary.length; index += 1) {
    const byte = binary.charCodeAt(index);
    low = Math.imul(low ^ byte, 0x85ebca6b);
    low = (low << 13) | (low >>> 19);
    high = Math.imul(high ^ low ^ byte, 0xc2b2ae35);
    high = (high << 17) | (high >>> 15);
  }
  return mix64(high ^ binary.length, low);
}

/** Mixes two 32-bit halves so that each output bit depends on both. */
export function mix64(high: number, low: number): Hash64 {
  const first = mix32(low ^ Math.imul(high, 0x9e3779b1));
  const second = mix32(high ^ first);
  return { high: second, low: mix32(first ^ Math.imul(second, 0x27d4eb2f)) };
}

/** The upper 53 bits as a number: a safe integer that compares and stores as one value. */
export function hash53(hash: Hash64): number {
  const value = hash.high * 0x200000 + (hash.low >>> 11);
  assert(Number.isSafeInteger(value), "a 53-bit hash is a safe integer");
  return value;
}
