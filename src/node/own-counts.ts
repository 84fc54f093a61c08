/**
 * What this node has counted itself, where a quorum may not know it: after a count that fewer than a majority of the
 * primaries took, or of which nobody knows who took it.
 *
 * Invariant: a cell is only ever written with more than it last held of that epoch, so a count that somebody
 * acknowledged is in every later one. A deletion that was collected leaves no trace, and what begins after it may begin
 * the same epoch: nothing is added to what may be from before it, for it would return. An id is used since one start
 * only, and for as long as all that is uncertain about it fits: what an earlier process had under way, this one cannot
 * know. Where what a quorum knows cannot be had, this node counts under an id apart, of which it remembers everything:
 * so one such time, however long, makes one cell of each counter.
 */
import type { CountedOver, OwnCell } from "../core/operations/changes.ts";
import type { Field, Key } from "../model/key.ts";
import { compareStamps, formatStamp, type Stamp } from "../model/stamp.ts";
import type { Random } from "../ports/random.ts";

/** Counts of uncertain fate that are remembered; with one more, this node counts under another id. */
const UNCERTAIN_MAX = 16_384;

/** What this node has counted into a cell over an epoch. */
export interface NotedCount {
  readonly epoch: Stamp;
  /** Stamp of the cell with the number beside which it was counted. */
  readonly base: Stamp;
  readonly sum: bigint;
}

export class OwnCounts {
  readonly #random: Random;
  readonly #uncertain = new Map<string, NotedCount>();
  #id: string;
  #aloneId: string;

  constructor(random: Random) {
    this.#random = random;
    this.#aloneId = newId(random);
    this.#id = newId(random);
  }

  /** The id under which this node counts now. */
  get id(): string {
    return this.#id;
  }

  /** The id for where what a quorum knows cannot be had: what this node has counted under it is remembered in any case. */
  get aloneId(): string {
    return this.#aloneId;
  }

  /**
   * Where to count. `isKnown`: what a quorum knows was read. `collected`: the greatest C of those who were asked. Where the
   * number that a remembered count stood beside was collected, and is not the one that stands there now, it may have been
   * deleted between, or restated: what was counted there stays as it is, and this node counts under another id.
   */
  cellFor(
    key: Key,
    { addressOf, epoch, base }: CountedOver,
    { isKnown, collected }: { readonly isKnown: boolean; readonly collected: Stamp },
  ): OwnCell {
    const idNow = (): string => (isKnown ? this.#id : this.#aloneId);
    const address = addressOf(idNow());
    const noted = this.#uncertain.get(nameOf(key, address, epoch));
    if (noted === undefined) return { address, sum: undefined };
    const isSame = base !== undefined && compareStamps(base, noted.base) === 0;
    if (isSame || compareStamps(noted.base, collected) > 0) return { address, sum: noted.sum };
    this.#beginAnew();
    return { address: addressOf(idNow()), sum: undefined };
  }

  /** A count was written, or may have been. `isKnown`: to a majority of the primaries. */
  note(key: Key, address: Field, count: NotedCount, isKnown: boolean): void {
    const name = nameOf(key, address, count.epoch);
    if (isKnown && !address.endsWith(this.#aloneId)) {
      this.#uncertain.delete(name);
      return;
    }
    this.#uncertain.set(name, count);
    if (this.#uncertain.size > UNCERTAIN_MAX) this.#beginAnew();
  }

  #beginAnew(): void {
    this.#uncertain.clear();
    this.#id = newId(this.#random);
    this.#aloneId = newId(this.#random);
  }
}

function nameOf(key: Key, address: Field, epoch: Stamp): string {
  return `${formatStamp(epoch)}${key.length}:${key}${address}`;
}

/** Eight bytes by chance. */
function newId(random: Random): string {
  let id = "";
  for (let index = 0; index < 2; index += 1) {
    const word = random.next32();
    id += String.fromCharCode(word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
  }
  return id;
}
