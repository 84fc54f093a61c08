/**
 * The batches that stand in the journal and not yet in the tables below it, found by key and in order: the journal's ring, as it is
 * in memory, with an index over it. What is admitted costs no object and no copy beside the one in the ring.
 *
 * Invariants: the newest admitted operation of a key is the one that its place names, and its record is between `start` and the
 * head. Each key that has one is in the run of that record, by an operation that may be an older one. Nothing before `start` is
 * looked at any more.
 */
import { Buffer } from "../../base/buffer.ts";
import { type KeyedRecords, KeyPlaces } from "../../base/key-places.ts";
import type { ScanRange, StorageKey, StorageOperation } from "../../ports/storage.ts";
import {
  compareKeyAt,
  compareKeysAt,
  firstOperation,
  hashAt,
  isKeyAt,
  isOperation,
  keyAt,
  nextOperation,
  type Ring,
  recordAt,
  valueAt,
} from "./journal-record.ts";
import { SortedRun } from "./sorted-run.ts";

/** Runs in a ring: space is given back one by one, and a scan looks into each. */
const RUNS = 16;
/** Of operations that were replaced and so do not count in a step that takes the oldest, for each one that would. */
const VISITED_PER_OPERATION = 16;

/** Up to the record that reaches one of them. */
export interface OldestBounds {
  readonly operations: number;
  /** Of values. */
  readonly bytes: number;
}

/** Operations of whole records, from the oldest on, but for those that a later one replaces. */
export interface OldestBatches {
  /** Values are in the ring's memory. */
  readonly operations: readonly StorageOperation[];
  /** The position behind them. */
  readonly until: number;
}

/** What of a range is recent, in key order; removals too. */
export interface RecentPage {
  readonly entries: ReadonlyMap<StorageKey, Buffer | undefined>;
  /** `before` of the range, or of as much of it as fills a page. */
  readonly before: StorageKey;
}

/** An operation that a scan has come to in a run. */
interface Cursor {
  readonly run: SortedRun;
  index: number;
}

export class Memtable implements KeyedRecords {
  readonly #ring: Ring;
  readonly #places: KeyPlaces;
  readonly #runBytes: number;
  #runs: SortedRun[] = [];
  /** Everything before this position has been released. */
  #released = 0;
  /** Behind the last record admitted. */
  #head = 0;
  /** What is kept nowhere is not looked at. */
  readonly #seen = new Int32Array(1);

  /** @param ring Of a journal that holds nothing yet. */
  constructor(ring: Ring) {
    this.#ring = ring;
    this.#places = new KeyPlaces(this, ring.salt);
    this.#runBytes = ring.bytes.length / RUNS;
  }

  /** Keys held, removed ones too. */
  get size(): number {
    return this.#places.size;
  }

  /** Everything before this position may be written over. */
  get start(): number {
    return this.#runs[0]?.start ?? this.#head;
  }

  /** Everything before this position stands below. */
  get released(): number {
    return this.#released;
  }

  /** Behind the last record. */
  get head(): number {
    return this.#head;
  }

  /**
   * The record of these operations, at this position and of so many bytes, is in the journal: what it holds is the newest of its
   * keys from now on.
   */
  admit(operations: readonly StorageOperation[], position: number, size: number): void {
    if (this.#released === this.#head) this.#released = position;
    let run = this.#runs.at(-1);
    if (run === undefined || position - run.start >= this.#runBytes) {
      // From the end of the record before it: a start tells by that whether a record is the next.
      run = new SortedRun(this.#ring, this.#head);
      this.#runs.push(run);
    }
    const runStart = run.start;
    const capacity = this.#ring.bytes.length;
    const recordOffset = position % capacity;
    const end = recordOffset + size;
    if (operations.length > 1) this.#fetch(recordOffset, operations.length);
    let next = firstOperation(recordOffset);
    for (const { key } of operations) {
      const offset = next;
      next = nextOperation(this.#ring, offset);
      const hash = hashAt(this.#ring, offset);
      const place = this.#places.find(key, hash);
      if (place < 0) {
        this.#places.insert(hash, offset / 4);
        run.add(offset);
        continue;
      }
      const former = this.#places.addressAt(place) * 4;
      this.#places.moveTo(place, offset / 4);
      // Where the run does not have the key already, by an operation that this one replaces. Distance goes round the ring.
      const age = (end - former + capacity) % capacity;
      if (age > position + size - runStart) run.add(offset);
    }
    this.#head = position + size;
  }

  /**
   * Looks at what `admit` is about to look at, of so many operations of a record. Each look is at memory that is in no cache; with
   * nothing between that depends on it the processor waits for many at a time.
   */
  #fetch(recordOffset: number, operations: number): void {
    let seen = 0;
    let offset = firstOperation(recordOffset);
    for (let left = operations; left > 0; left -= 1) {
      seen ^= this.#ring.words[this.#places.addressNear(hashAt(this.#ring, offset))] as number;
      offset = nextOperation(this.#ring, offset);
    }
    this.#seen[0] = seen;
  }

  /** A copy of the newest value; `undefined` where the key was removed, "unknown" where no batch here has it. */
  get(key: StorageKey): Buffer | undefined | "unknown" {
    return this.#newest(key, this.#places.hashOf(key));
  }

  /** The oldest records that are before a position; what is after it is as if it were not. */
  oldest(before: number, bounds: OldestBounds): OldestBatches {
    const operations: StorageOperation[] = [];
    let until = this.#released;
    if (until >= before) return { operations, until };
    let bytes = 0;
    let visited = 0;
    this.#forEachFrom(this.#released, (offset, isLast, recordEnd) => {
      visited += 1;
      if (!this.#isReplacedBefore(before, offset)) {
        const value = valueAt(this.#ring, offset);
        operations.push({ key: keyAt(this.#ring, offset), value });
        bytes += value?.length ?? 0;
      }
      if (!isLast) return true;
      until = recordEnd;
      const isFull = operations.length >= bounds.operations || bytes >= bounds.bytes;
      return until < before && !isFull && visited < VISITED_PER_OPERATION * bounds.operations;
    });
    return { operations, until };
  }

  /**
   * Everything before `until`, as `oldest` gave it, stands below: what has not been replaced since is not looked for here any
   * more. What came since is kept, also where nothing was given and it begins further on.
   */
  release(until: number): void {
    if (until <= this.#released) {
      if (this.#released === this.#head) this.#runs = [];
      return;
    }
    this.#forEachFrom(this.#released, (offset, isLast, recordEnd) => {
      const place = this.#places.findAddress(offset / 4, hashAt(this.#ring, offset));
      if (place >= 0) this.#places.remove(place);
      return !isLast || recordEnd < until;
    });
    this.#released = until;
    // A run's own end is where the next one starts.
    while (this.#runs.length > 1 && (this.#runs[1] as SortedRun).start <= until) this.#runs.shift();
    if (until === this.#head) this.#runs = [];
  }

  /** What is recent in a range: as many values as a page of it has at most, and one more, and the removals among them. */
  collect(range: ScanRange): RecentPage {
    const entries = new Map<StorageKey, Buffer | undefined>();
    const cursors: Cursor[] = [];
    for (const run of this.#runs) {
      const index = run.indexOf(range.from);
      if (index < run.size) cursors.push({ run, index });
    }
    let values = 0;
    let bytes = 0;
    for (;;) {
      const offset = this.#least(cursors);
      if (offset === undefined || compareKeyAt(this.#ring, offset, range.before) >= 0) {
        return { entries, before: range.before };
      }
      const key = keyAt(this.#ring, offset);
      this.#pass(cursors, offset);
      if (range.hidden?.has(key) === true) continue;
      const value = this.#newest(key, hashAt(this.#ring, offset));
      if (value === "unknown") continue;
      const isFull = values >= range.entriesMax || (values > 0 && bytes >= range.bytesMax);
      if (value !== undefined && isFull) return { entries, before: key };
      entries.set(key, value);
      if (value === undefined) continue;
      values += 1;
      bytes += key.length + value.length;
    }
  }

  /** @internal */
  isKeyAt(address: number, key: StorageKey): boolean {
    return isKeyAt(this.#ring, 4 * address, key);
  }

  #newest(key: StorageKey, hash: number): Buffer | undefined | "unknown" {
    const place = this.#places.find(key, hash);
    if (place < 0) return "unknown";
    const value = valueAt(this.#ring, this.#places.addressAt(place) * 4);
    return value === undefined ? undefined : Buffer.from(value);
  }

  /** Whether another operation of the same key came after this one and before a position. */
  #isReplacedBefore(before: number, offset: number): boolean {
    const hash = hashAt(this.#ring, offset);
    if (this.#places.findAddress(offset / 4, hash) >= 0) return false;
    if (before >= this.#head) return true;
    // The newest is not of those; there may be one between. To put both below does no harm.
    const place = this.#places.find(keyAt(this.#ring, offset), hash);
    const newest = 4 * this.#places.addressAt(place);
    const capacity = this.#ring.bytes.length;
    const behind = ((this.#head % capacity) - newest + capacity) % capacity;
    return this.#head - behind < before;
  }

  /** Calls `visit` with each operation from the record at `position` on, until it answers false. */
  #forEachFrom(
    position: number,
    visit: (offset: number, isLast: boolean, recordEnd: number) => boolean,
  ): void {
    const capacity = this.#ring.bytes.length;
    for (let at = position; at < this.#head; ) {
      const size = recordAt(this.#ring, at);
      if (size === 0) {
        // The rest of a round, too short for the record that came next.
        at += capacity - (at % capacity);
        continue;
      }
      const end = (at % capacity) + size;
      let offset = firstOperation(at % capacity);
      while (isOperation(offset, end)) {
        const next = nextOperation(this.#ring, offset);
        if (!visit(offset, !isOperation(next, end), at + size)) return;
        offset = next;
      }
      at += size;
    }
  }

  /** The cursor's operation with the least key. */
  #least(cursors: readonly Cursor[]): number | undefined {
    let least: number | undefined;
    for (const { run, index } of cursors) {
      if (index >= run.size) continue;
      const offset = run.at(index);
      if (least === undefined || compareKeysAt(this.#ring, offset, least) < 0) least = offset;
    }
    return least;
  }

  /** Moves all cursors behind the key of an operation that is the least. */
  #pass(cursors: readonly Cursor[], least: number): void {
    for (const cursor of cursors) {
      const { run } = cursor;
      // A key that was released and came again is in its run twice.
      while (
        cursor.index < run.size &&
        compareKeysAt(this.#ring, run.at(cursor.index), least) === 0
      ) {
        cursor.index += 1;
      }
    }
  }
}
