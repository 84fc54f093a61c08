/**
 * Checksums of cells that were written of late: what the hash tree has to be told of a cell that is replaced, without
 * reading it.
 *
 * Invariant: bounded, and may forget anything at any time; never answers with the checksum of another key but by a
 * collision of 64-bit hashes, against which the hash tree is no safer.
 */
import type { Hash64 } from "../../base/hash.ts";

/** Places for 500 000 cells, one for each hash: 6 MiB, of which only what is used is ever touched. */
const PLACES = 2 ** 19;

export class KnownChecksums {
  readonly #highs = new Uint32Array(PLACES);
  readonly #lows = new Uint32Array(PLACES);
  readonly #checksums = new Uint32Array(PLACES);

  /** A cell stands at the storage key with this hash. */
  note({ high, low }: Hash64, checksum: number): void {
    const place = low & (PLACES - 1);
    this.#highs[place] = high;
    this.#lows[place] = low;
    this.#checksums[place] = checksum;
  }

  /** The checksum of the cell there; `undefined` when it is not known, or is 0. */
  get({ high, low }: Hash64): number | undefined {
    const place = low & (PLACES - 1);
    const isKnown = this.#highs[place] === high && this.#lows[place] === low;
    const checksum = isKnown ? this.#checksums[place] : undefined;
    return checksum === 0 ? undefined : checksum;
  }

  forget({ high, low }: Hash64): void {
    const place = low & (PLACES - 1);
    if (this.#highs[place] === high && this.#lows[place] === low) this.#checksums[place] = 0;
  }

  clear(): void {
    this.#checksums.fill(0);
  }
}
