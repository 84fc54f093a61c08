/**
 * Which key a request is about. Zipf is YCSB's scrambled zipfian with theta 0.99: a few keys are asked for most of the
 * time, and they do not stand beside one another. Exact for the number of keys it is given.
 *
 * Source: Gray et al., "Quickly Generating Billion-Record Synthetic Databases" (SIGMOD 1994), section 3.2.
 */
import type { Prng } from "../../src/base/prng.ts";
import type { KeyChoice } from "./load.ts";

const THETA = 0.99;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const RANDOM_MAX = 2 ** 32;

/** Numbers of keys, 0..keyCount-1. */
export type ChooseKey = () => number;

export function keyChooser(choice: KeyChoice, keyCount: number, random: Prng): ChooseKey {
  switch (choice) {
    case "one":
      return () => 0;
    case "uniform":
      return () => random.next32() % keyCount;
    case "zipf": {
      const rank = zipfRanks(keyCount, random);
      return () => scramble(rank()) % keyCount;
    }
  }
}

/** Ranks 0..count-1, 0 the most frequent. Takes time in proportion to `count` once. */
export function zipfRanks(count: number, random: Prng): ChooseKey {
  const zeta = zetaOf(count);
  const alpha = 1 / (1 - THETA);
  const eta = (1 - (2 / count) ** (1 - THETA)) / (1 - zetaOf(2) / zeta);
  const second = 1 + 0.5 ** THETA;
  return () => {
    const u = random.next32() / RANDOM_MAX;
    const scaled = u * zeta;
    if (scaled < 1) return 0;
    if (scaled < second) return Math.min(1, count - 1);
    return Math.min(count - 1, Math.floor(count * (eta * u - eta + 1) ** alpha));
  };
}

/** The sum of 1/i^theta for i in 1..count: one over the share of the first rank. */
export function zetaOf(count: number): number {
  let sum = 0;
  for (let rank = 1; rank <= count; rank += 1) sum += 1 / rank ** THETA;
  return sum;
}

/** FNV-1a over the four bytes of a rank. */
function scramble(rank: number): number {
  let hash = FNV_OFFSET;
  for (let shift = 0; shift < 32; shift += 8) {
    hash = Math.imul(hash ^ ((rank >>> shift) & 0xff), FNV_PRIME);
  }
  return hash >>> 0;
}
