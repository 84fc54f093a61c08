/**
 * Checksums of cells that were written of late: what the hash tree has to be told of a cell that is replaced, without
 * reading it.
 *
 * Invariant: bounded, and may forget anything at any time; never answers with the checksum of another key but by a
 * collision of 64-bit hashes, against which the hash tree is no safer.
 */
import type { Hash64 } from "../../base/hash.ts";

/** Cells that share a set of places: the next one of a full set takes the place of any of them. */
export const WAYS = 4;
/** For 500 000 cells, three numbers each: 6 MiB, of which only what is used is ever touched. */
const SETS = 2 ** 17;
/** The hash's halves and the checksum, side by side: one look costs one line of the processor's cache. */
const PLACE = 3;

export class KnownChecksums {
  readonly #places = new Uint32Array(SETS * WAYS * PLACE);

  /** A cell stands at the storage key with this hash. */
  note(address: Hash64, checksum: number): void {
    const places = this.#places;
    const first = firstOf(address);
    let at = first + PLACE * (checksum & (WAYS - 1));
    for (let way = 0; way < WAYS; way += 1) {
      const place = first + PLACE * way;
      if (places[place + 2] === 0) at = place;
      if (places[place] !== address.high || places[place + 1] !== address.low) continue;
      at = place;
      break;
    }
    places[at] = address.high;
    places[at + 1] = address.low;
    places[at + 2] = checksum;
  }

  /** The checksum of the cell there; `undefined` when it is not known, or is 0. */
  get(address: Hash64): number | undefined {
    const place = this.#find(address);
    const checksum = place < 0 ? 0 : this.#places[place + 2];
    return checksum === 0 ? undefined : checksum;
  }

  forget(address: Hash64): void {
    const place = this.#find(address);
    if (place >= 0) this.#places[place + 2] = 0;
  }

  clear(): void {
    this.#places.fill(0);
  }

  /** Where a cell is noted; negative where it is not. */
  #find({ high, low }: Hash64): number {
    const places = this.#places;
    const first = firstOf({ high, low });
    for (let place = first; place < first + WAYS * PLACE; place += PLACE) {
      if (places[place] === high && places[place + 1] === low) return place;
    }
    return -1;
  }
}

function firstOf({ low }: Hash64): number {
  return (low & (SETS - 1)) * WAYS * PLACE;
}
