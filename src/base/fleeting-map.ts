/**
 * A map whose entries come and go all the time.
 *
 * Invariant: it does what a `Map` does. A `Map` makes itself a new table from time to time, and the old one, once the engine's
 * collector holds it for old, keeps its entries and the next table until the next full collection, and so on: here a new `Map` is begun
 * before that goes far. See `linked-list.ts`.
 */

/** Entries that come before a new map is begun, beside twice those that are there. */
const RENEWED_AFTER = 1_024;

export class FleetingMap<Key, Value> {
  #map = new Map<Key, Value>();
  #added = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  set(key: Key, value: Value): void {
    this.#map.set(key, value);
    this.#added += 1;
    if (this.#added <= RENEWED_AFTER + 2 * this.#map.size) return;
    this.#map = new Map(this.#map);
    this.#added = 0;
  }

  delete(key: Key): boolean {
    return this.#map.delete(key);
  }

  /** All entries as they stand, in the order they came. */
  entries(): [Key, Value][] {
    return [...this.#map];
  }
}
