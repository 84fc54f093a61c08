/**
 * Chance of a simulated run: one independent stream per purpose, all from one seed, so that a draw added
 * for one purpose shifts no other and a small change of the simulator keeps old seeds telling.
 */
import { assert } from "../src/base/assert.ts";
import { hash53, hashBinary } from "../src/base/hash.ts";
import { Prng } from "../src/base/prng.ts";

/** A generator with the distributions that faults need; all arithmetic is exact or IEEE basic. */
export class SimRandom extends Prng {
  /** An integer in low..high, both included. */
  between(low: number, high: number): number {
    assert(high >= low, "a range is not empty");
    return low + this.below(high - low + 1);
  }

  /** True once in `count` draws on average. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  /** A fraction in 0..1, in steps of a millionth. */
  fraction(): number {
    return this.below(1_000_001) / 1_000_000;
  }

  /**
   * A duration as networks and disks show them: mostly half to one and a half times `typicalMs`, once in 32
   * up to 8 times, once in 1024 up to 64 times.
   */
  longTail(typicalMs: number): number {
    const roll = this.below(1024);
    const scale = roll === 0 ? 64 : roll < 32 ? 8 : 1;
    return typicalMs * (0.5 + this.fraction() * scale);
  }
}

/** Hands out the streams of one seed. */
export class Streams {
  readonly #seed: number;

  /** `seed` is a safe integer. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed), "a seed is a safe integer");
    this.#seed = seed;
  }

  /** The stream of `purpose`: always the same for the same seed and purpose. */
  stream(purpose: string): SimRandom {
    return new SimRandom(hash53(hashBinary(`${this.#seed}/${purpose}`)));
  }
}
