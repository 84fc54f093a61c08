/**
 * The `Storage` port over a journal and another storage below it: a batch is durable, and done, when the journal has it; what is
 * oldest there is put into the storage below in the background, if nothing has replaced it meanwhile (docs/decisions/0032).
 *
 * Invariants: whatever a start finds below, with the journal's records from its tail on put over it, is what was done, in order.
 * So nothing goes below before the journal has it durable, in order and without a gap; the journal's tail moves over what stands
 * below, durable; and a batch that goes below without the journal finds the journal empty. Reads look into the memtable first,
 * which holds all that is not below.
 */
import { assert } from "../../base/assert.ts";
import {
  type ScanRange,
  type ScanResult,
  type Storage,
  type StorageEntry,
  StorageError,
  type StorageKey,
  type StorageOperation,
} from "../../ports/storage.ts";
import type { Journal } from "./journal.ts";
import { recordBytes } from "./journal-record.ts";
import type { Memtable, OldestBounds, RecentPage } from "./memtable.ts";

/** Of one batch that goes below: a millisecond or so of the event loop, and one sync for so many. */
const STEP: OldestBounds = { operations: 512, bytes: 1024 * 1024 };
/** Where somebody waits for the journal to be empty, and nobody else for anything. */
const LONG_STEP: OldestBounds = { operations: 2_048, bytes: 1024 * 1024 };

/**
 * From here on it is the bytes of a batch that cost, and those of one that goes through a journal are written twice; unless they are
 * of small operations, of which many are replaced before that.
 */
const LARGE_BYTES: number = 64 * 1024;
/** The least share of one operation in a large batch, of its bytes that make it one. */
const LARGE_SHARE = 16;
/** One part of so many is kept free: what comes while the tables below stand still for a moment. */
const KEPT_FREE = 8;
/** What it costs to empty a journal beside what is in it, the syncs, in large batches that could be written twice meanwhile. */
const EMPTYING_BATCHES = 4;

export interface JournaledStorageOptions {
  /** Durable when it says done, whatever the journal was opened for. */
  readonly below: Storage;
  readonly journal: Journal;
  readonly memtable: Memtable;
  /** The journal's writes are durable when they are done; else that is seen to before anything goes below. */
  readonly isSynced: boolean;
  /** Runs a callback in a later turn. */
  readonly defer: (callback: () => void) => void;
  /** Bytes from which a batch counts as large; for tests. */
  readonly largeBytes?: number;
  /** Called while the storage below is still open, when all stands there for good. */
  readonly onDrained?: (done: () => void) => void;
}

interface Write {
  readonly operations: readonly StorageOperation[];
  readonly bytes: number;
  /** It goes below without the journal. */
  readonly goesAround: boolean;
  readonly done: (error: StorageError | undefined) => void;
}

export class JournaledStorage implements Storage {
  readonly #below: Storage;
  readonly #journal: Journal;
  readonly #memtable: Memtable;
  readonly #isSynced: boolean;
  readonly #defer: (callback: () => void) => void;
  readonly #largeBytes: number;
  readonly #onDrainedForGood: (done: () => void) => void;
  /** The write under way. */
  #write: Write | undefined;
  /** It waits for the journal to have room, or to be empty, or for what is below to take something again. */
  #isWaiting = false;
  /**
   * What is below has refused a batch, which it undoes before it takes another one. Until then nothing is done that a start would
   * find the refused one in front of, nor while it is closed for that, and with it its lock.
   */
  #isBelowFull = false;
  /** Bytes of large batches that went through the journal since it was last empty for one. */
  #writtenTwice = 0;
  /** Something of the memtable is being put below. */
  #isDraining = false;
  /** Why this storage takes nothing any more. */
  #failure: StorageError | undefined;
  /** Told when the storage has ended; until the end has begun. */
  #closing: (() => void) | undefined;
  #isClosed = false;
  #isEnding = false;

  constructor(options: JournaledStorageOptions) {
    this.#below = options.below;
    this.#journal = options.journal;
    this.#memtable = options.memtable;
    this.#isSynced = options.isSynced;
    this.#defer = options.defer;
    this.#largeBytes = options.largeBytes ?? LARGE_BYTES;
    this.#onDrainedForGood = options.onDrained ?? ((done): void => done());
  }

  get isLow(): boolean {
    return this.#below.isLow === true;
  }

  get(key: StorageKey): Uint8Array | undefined {
    if (this.#isClosed) throw closedError();
    const value = this.#memtable.get(key);
    return value === "unknown" ? this.#below.get(key) : value;
  }

  write(
    operations: readonly StorageOperation[],
    done: (error: StorageError | undefined) => void,
  ): void {
    assert(this.#write === undefined, "one write is under way at a time");
    const bytes = recordBytes(operations);
    const goesAround = this.#goesAround(bytes, operations.length);
    this.#write = { operations, bytes, goesAround, done };
    if (this.#isClosed) this.#defer(() => this.#end(closedError()));
    else if (this.#failure !== undefined) this.#defer(() => this.#end(laterError()));
    else if (operations.length === 0) this.#defer(() => this.#end(undefined));
    else this.#attempt(this.#write);
  }

  scan(range: ScanRange, done: (result: ScanResult) => void): void {
    if (this.#isClosed) {
      this.#defer(() => done({ kind: "failed", error: closedError() }));
      return;
    }
    const recent = this.#memtable.collect(range);
    if (recent.entries.size === 0 && recent.before === range.before) {
      this.#below.scan(range, done);
      return;
    }
    const { hidden } = range;
    const isHidden = (key: StorageKey): boolean =>
      recent.entries.has(key) || hidden?.has(key) === true;
    this.#below.scan({ ...range, before: recent.before, hidden: { has: isHidden } }, (result) =>
      done(result.kind === "failed" ? result : mergePages(range, recent, result)),
    );
  }

  close(done: () => void): void {
    assert(!this.#isClosed, "a storage is closed once");
    this.#isClosed = true;
    this.#closing = done;
    if (this.#write === undefined) this.#defer(() => this.#advance());
  }

  #attempt(write: Write): void {
    this.#isWaiting = this.#mustWait(write);
    if (this.#isWaiting) {
      this.#advance();
      return;
    }
    const { operations, bytes } = write;
    if (this.#isLarge(bytes, operations.length)) this.#writtenTwice += bytes;
    this.#journal.append(operations, bytes, (error, position) => {
      if (error === undefined) this.#memtable.admit(operations, position, bytes);
      else this.#noteFailure(error);
      this.#end(error);
    });
  }

  #mustWait({ goesAround, bytes }: Write): boolean {
    return goesAround || this.#isBelowFull || !this.#journal.hasRoomFor(bytes);
  }

  /**
   * Whether a batch goes below without the journal, for which that must be empty first. A large one does where it is; else when as
   * many bytes have been written twice for want of that as emptying it costs.
   */
  #goesAround(bytes: number, operations: number): boolean {
    if (bytes > this.#journal.batchBytesMax) return true;
    if (!this.#isLarge(bytes, operations)) return false;
    const held = this.#memtable.head - this.#memtable.released;
    if (held === 0) return true;
    return held + EMPTYING_BATCHES * this.#largeBytes <= this.#writtenTwice + bytes;
  }

  #isLarge(bytes: number, operations: number): boolean {
    return bytes >= this.#largeBytes && bytes >= (operations * this.#largeBytes) / LARGE_SHARE;
  }

  /** The write under way is over. */
  #end(error: StorageError | undefined): void {
    const { done } = this.#write as Write;
    this.#write = undefined;
    this.#isWaiting = false;
    done(error);
    this.#advance();
  }

  /** Does what is due: of what is recent, puts the oldest below; goes on with the write that waits for it; ends the storage. */
  #advance(): void {
    if (this.#isDraining || this.#isEnding) return;
    if (this.#isDrainDue()) this.#drain();
    else if (this.#write !== undefined) {
      if (this.#isWaiting) this.#resume(this.#write);
    } else if (this.#closing !== undefined) this.#finish(this.#closing);
  }

  /** Whether something should go below: a part of the ring is kept free, so that writes need not wait for it. */
  #isDrainDue(): boolean {
    const { capacity, used } = this.#journal;
    if (this.#failure !== undefined || used === 0) return false;
    if (this.#write === undefined && this.#closing !== undefined) return true;
    if (this.#write !== undefined && this.#isWaiting && this.#mustWait(this.#write)) return true;
    return used > capacity - capacity / KEPT_FREE;
  }

  /** One step: some batches go below, or space is given back for those that did. */
  #drain(): void {
    this.#isDraining = true;
    // What is added from here on is not of this step: it may not be durable when the sync is.
    const { head } = this.#memtable;
    if (this.#isSynced) {
      this.#putBelow(head);
      return;
    }
    this.#journal.sync((error) => {
      if (error === undefined) this.#putBelow(head);
      else this.#onDrained(error);
    });
  }

  #putBelow(before: number): void {
    const isAwaited = this.#closing !== undefined || this.#write?.goesAround === true;
    const { operations, until } = this.#memtable.oldest(before, isAwaited ? LONG_STEP : STEP);
    if (operations.length === 0) {
      this.#defer(() => this.#release(until));
      return;
    }
    this.#below.write(operations, (error) => {
      if (error !== undefined) {
        this.#onDrained(error);
        return;
      }
      this.#isBelowFull = false;
      this.#release(until);
    });
  }

  #release(until: number): void {
    this.#memtable.release(until);
    const { start } = this.#memtable;
    if (start === this.#journal.tail) this.#onDrained(undefined);
    else this.#journal.giveBack(start, (error) => this.#onDrained(error));
  }

  #onDrained(error: StorageError | undefined): void {
    this.#isDraining = false;
    if (error === undefined) {
      this.#advance();
      return;
    }
    // What was to go below stays in the journal. It is tried again with the next write, or at the next start.
    this.#noteFailure(error);
    this.#isBelowFull = true;
    if (this.#write === undefined) {
      if (this.#closing !== undefined) this.#finish(this.#closing);
    } else if (this.#isWaiting) this.#end(error);
  }

  /** A write that has waited: there is room for it now, or nothing in front of it. */
  #resume(write: Write): void {
    if (this.#failure !== undefined) {
      this.#end(laterError());
    } else if (write.goesAround) {
      this.#writtenTwice = 0;
      this.#writeAround(write);
    } else if (this.#isBelowFull) {
      this.#writeBelow([], (error) => {
        if (error === undefined) this.#attempt(write);
        else this.#end(error);
      });
    } else {
      this.#attempt(write);
    }
  }

  /** With an empty journal, in which no refused batch must be found when this one is below. */
  #writeAround({ operations }: Write): void {
    assert(this.#journal.used === 0, "a batch goes below when all before it have");
    this.#isWaiting = false;
    this.#journal.takeBackRefused((error) => {
      if (error === undefined) this.#writeBelow(operations, (failed) => this.#end(failed));
      else this.#end(error);
    });
  }

  #writeBelow(
    operations: readonly StorageOperation[],
    done: (error: StorageError | undefined) => void,
  ): void {
    this.#isWaiting = false;
    this.#below.write(operations, (error) => {
      this.#isBelowFull = error !== undefined;
      if (error !== undefined) this.#noteFailure(error);
      done(error);
    });
  }

  #noteFailure(error: StorageError): void {
    if (error.code !== "disk-full") this.#failure ??= error;
  }

  #finish(done: () => void): void {
    this.#isEnding = true;
    this.#closing = undefined;
    this.#journal.close((error) => {
      const close = (): void => this.#below.close(done);
      const isDrained = this.#journal.used === 0 && !this.#isBelowFull;
      if (error === undefined && isDrained && this.#failure === undefined) {
        this.#onDrainedForGood(close);
      } else close();
    });
  }
}

/** One page of two: what is recent, and what stands below and is not hidden by it. */
function mergePages(
  { entriesMax, bytesMax, before }: ScanRange,
  recent: RecentPage,
  below: { readonly entries: readonly StorageEntry[]; readonly isComplete: boolean },
): ScanResult {
  const merged: StorageEntry[] = [...below.entries];
  for (const [key, value] of recent.entries) if (value !== undefined) merged.push({ key, value });
  merged.sort((a, b) => (a.key < b.key ? -1 : 1));
  const entries: StorageEntry[] = [];
  let bytes = 0;
  for (const entry of merged) {
    if (entries.length >= entriesMax || (entries.length > 0 && bytes >= bytesMax)) {
      return { kind: "scanned", entries, isComplete: false };
    }
    entries.push(entry);
    bytes += entry.key.length + entry.value.length;
  }
  return { kind: "scanned", entries, isComplete: below.isComplete && recent.before === before };
}

function closedError(): StorageError {
  return new StorageError("closed", "the storage is closed");
}

function laterError(): StorageError {
  return new StorageError("sync-failed", "an earlier write or sync failed; nothing was stored");
}
