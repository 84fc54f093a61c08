/**
 * What this node has counted itself, where a quorum may not know it: after a count that fewer than a majority of the
 * primaries took, or of which nobody knows who took it.
 *
 * Invariant: a cell is only ever written with more than it last held of that epoch, so a count that somebody acknowledged
 * is in every later one. An id is used since one start only, and for as long as all that is uncertain about it fits: what
 * an earlier process had under way, this one cannot know. Where what a quorum knows cannot be had, this node counts under
 * an id apart, of which it remembers everything: so one such time, however long, makes one cell of each counter.
 */
import type { OwnCount } from "../core/operations/changes.ts";
import type { Field, Key } from "../model/key.ts";
import { formatStamp, type Stamp } from "../model/stamp.ts";
import type { Random } from "../ports/random.ts";

/** Counts of uncertain fate that are remembered; with one more, this node counts under another id. */
const UNCERTAIN_MAX = 16_384;

export class OwnCounts {
  readonly #random: Random;
  readonly #uncertain = new Map<string, OwnCount>();
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

  /** What was put last in a cell over this epoch, where a quorum may not know it. */
  at(key: Key, address: Field, epoch: Stamp): OwnCount | undefined {
    return this.#uncertain.get(nameOf(key, address, epoch));
  }

  /** A count was written, or may have been. `isKnown`: to a majority of the primaries. */
  note(key: Key, address: Field, count: OwnCount, isKnown: boolean): void {
    const name = nameOf(key, address, count.epoch);
    if (isKnown && !address.endsWith(this.#aloneId)) {
      this.#uncertain.delete(name);
      return;
    }
    this.#uncertain.set(name, count);
    if (this.#uncertain.size <= UNCERTAIN_MAX) return;
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
