/** A binary heap: the least item first, ties in the order of insertion, so that equal times run in order. */
import { assert } from "./assert.ts";

interface Entry<Item> {
  readonly rank: number;
  readonly order: number;
  readonly item: Item;
}

export class Heap<Item> {
  readonly #entries: Entry<Item>[] = [];
  #inserted = 0;

  get size(): number {
    return this.#entries.length;
  }

  /** The rank of the least item; `Infinity` when empty. */
  get leastRank(): number {
    return this.#entries[0]?.rank ?? Number.POSITIVE_INFINITY;
  }

  push(rank: number, item: Item): void {
    assert(!Number.isNaN(rank), "a rank is a number");
    const entries = this.#entries;
    const entry: Entry<Item> = { rank, order: this.#inserted, item };
    this.#inserted += 1;
    let index = entries.length;
    entries.push(entry);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = entries[parentIndex] as Entry<Item>;
      if (!precedes(entry, parent)) break;
      entries[index] = parent;
      index = parentIndex;
    }
    entries[index] = entry;
  }

  /** Removes and returns the least item; `undefined` when empty. */
  pop(): Item | undefined {
    const entries = this.#entries;
    const least = entries[0];
    const last = entries.pop();
    if (least === undefined || last === undefined || entries.length === 0) return least?.item;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = entries[childIndex];
      if (child === undefined) break;
      const right = entries[childIndex + 1];
      if (right !== undefined && precedes(right, child)) {
        child = right;
        childIndex += 1;
      }
      if (!precedes(child, last)) break;
      entries[index] = child;
      index = childIndex;
    }
    entries[index] = last;
    return least.item;
  }
}

function precedes<Item>(a: Entry<Item>, b: Entry<Item>): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.order < b.order);
}
