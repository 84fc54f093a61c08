/**
 * The ordered map behind `MemoryStorage`, synchronous, so that the simulator can build its faulty disk on it.
 *
 * Invariant: `#values` and `#keys` hold the same keys. Bytes are copied in and out: nobody outside holds a
 * reference to what is stored.
 */
import { SortedStrings } from "../../base/sorted-strings.ts";
import type { ScanRange, StorageEntry, StorageKey, StorageOperation } from "../../ports/storage.ts";
import { FETCHED_MAX, RecordTable } from "./record-table.ts";

/** One page of a range; `isComplete` when the range holds nothing after the last entry. */
export interface TablePage {
  readonly entries: readonly StorageEntry[];
  readonly isComplete: boolean;
}

export class MemoryTable {
  readonly #values = new RecordTable();
  readonly #keys = new SortedStrings();

  /** Keys held. */
  get size(): number {
    return this.#values.size;
  }

  /** A copy of the value, `undefined` when there is none. */
  get(key: StorageKey): Uint8Array | undefined {
    return this.#values.get(key);
  }

  /** Applies all operations, in order. */
  apply(operations: readonly StorageOperation[]): void {
    for (let first = 0; first < operations.length; first += FETCHED_MAX) {
      const hashes = this.#values.fetch(operations, first);
      const end = Math.min(operations.length, first + FETCHED_MAX);
      for (let index = first; index < end; index += 1) {
        this.#applyOne(operations[index] as StorageOperation, hashes[index - first] as number);
      }
    }
  }

  #applyOne({ key, value }: StorageOperation, hash: number): void {
    if (value === undefined) {
      if (this.#values.delete(key, hash)) this.#keys.remove(key);
    } else if (this.#values.set(key, value, hash)) this.#keys.add(key);
  }

  /** As `Storage.scan`, at once. */
  scan(range: ScanRange): TablePage {
    const entries: StorageEntry[] = [];
    let bytes = 0;
    let isComplete = true;
    this.#keys.forEachFrom(range.from, (key) => {
      if (key >= range.before) return false;
      if (range.hidden?.has(key) === true) return true;
      if (entries.length >= range.entriesMax || (entries.length > 0 && bytes >= range.bytesMax)) {
        isComplete = false;
        return false;
      }
      const value = this.get(key) as Uint8Array;
      entries.push({ key, value });
      bytes += key.length + value.length;
      return true;
    });
    return { entries, isComplete };
  }
}
