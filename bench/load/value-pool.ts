/**
 * Bytes that values are cut from: letters and digits at random, which compress little (six bits of eight), so that a store that
 * compresses its files gains nothing by it that an application would not see.
 */
import { Prng } from "../../src/base/prng.ts";

const POOL_BYTES = 1 << 20;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export class ValuePool {
  readonly bytes: Buffer = Buffer.allocUnsafe(POOL_BYTES);
  readonly #random: Prng;

  constructor(seed: number) {
    this.#random = new Prng(seed);
    for (let index = 0; index < POOL_BYTES; index += 1) {
      this.bytes[index] = LETTERS.charCodeAt(this.#random.next32() & 63);
    }
  }

  /** Where in `bytes` the next value begins; `length` is at most 1 MiB less one. */
  start(length: number): number {
    return this.#random.next32() % (POOL_BYTES - length);
  }
}
