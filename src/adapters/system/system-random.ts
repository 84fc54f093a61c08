/**
 * The `Random` port over the operating system's generator, drawn in blocks: one call for a thousand numbers,
 * so that a draw costs nanoseconds. Fit for identities that nobody must guess.
 */
import { randomFillSync } from "node:crypto";
import { assert } from "../../base/assert.ts";
import type { Random } from "../../ports/random.ts";

const BLOCK_DRAWS = 1_024;

export class SystemRandom implements Random {
  readonly #block = new Uint32Array(BLOCK_DRAWS);
  #used: number = BLOCK_DRAWS;

  next32(): number {
    if (this.#used === BLOCK_DRAWS) {
      randomFillSync(this.#block);
      this.#used = 0;
    }
    const draw = this.#block[this.#used] as number;
    // A number that was handed out is not left lying in memory.
    this.#block[this.#used] = 0;
    this.#used += 1;
    return draw;
  }

  next53(): number {
    return (this.next32() >>> 5) * 0x4000000 + (this.next32() >>> 6);
  }

  below(bound: number): number {
    assert(Number.isSafeInteger(bound) && bound >= 1, "a bound is a positive integer");
    // Draws in the last, incomplete run of `bound` numbers are thrown away: they would favour small results.
    const fairBelow = 2 ** 53 - (2 ** 53 % bound);
    for (;;) {
      const draw = this.next53();
      if (draw < fairBelow) return draw % bound;
    }
  }
}
