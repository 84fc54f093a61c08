/**
 * A seeded generator (sfc32, Chris Doty-Humphrey's public-domain small fast counter): 128 bits of state,
 * passes PractRand. It drives the simulator and the tests; production chance comes from the system.
 */
import { assert } from "./assert.ts";

export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  /** Equal seeds give equal sequences, on every platform. `seed` is a safe integer. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed), "a seed is a safe integer");
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 0x1_0000_0000) | 0;
    this.#c = 0x9e3779b9 | 0;
    this.#counter = 1;
    for (let round = 0; round < 15; round += 1) this.next32();
  }

  /** An unsigned 32-bit integer. */
  next32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + result;
    this.#c |= 0;
    return result >>> 0;
  }

  /** A 53-bit integer. */
  next53(): number {
    return (this.next32() >>> 5) * 0x4000000 + (this.next32() >>> 6);
  }

  /** An integer in 0..bound-1. */
  below(bound: number): number {
    assert(Number.isSafeInteger(bound) && bound >= 1, "a bound is a positive integer");
    return this.next53() % bound;
  }

  /** True `numerator` times in `denominator`. */
  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator;
  }

  /** One of `items`. */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    assert(item !== undefined, "a pick is from a non-empty list");
    return item;
  }

  /** A shuffled copy (Fisher-Yates). */
  shuffle<Item>(items: readonly Item[]): Item[] {
    const shuffled = items.slice();
    for (let index = shuffled.length - 1; index > 0; index -= 1) {
      const other = this.below(index + 1);
      const held = shuffled[index] as Item;
      shuffled[index] = shuffled[other] as Item;
      shuffled[other] = held;
    }
    return shuffled;
  }
}
