/**
 * The `Storage` port over a log of values and another storage: large values go into the log, and a pointer to each into the storage
 * below, in the batch that it came with. So a large value is written once, and not again whenever tables are merged
 * (docs/decisions/0039).
 *
 * Invariants: a pointer that stands below, or is about to, names a value that is durable, and whose file is there. What is read was
 * written under that key; a value whose file is damaged or missing is read as other bytes, never as absent. Below one batch is under
 * way at a time, a client's or the cleaner's.
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
import { ValueCleaner } from "./value-cleaner.ts";
import { type KeyedValue, type ValueLog, ValueWriter } from "./value-log.ts";
import {
  APART_BYTES,
  isApart,
  POINTER_BYTES,
  placeOf,
  pointerTo,
  type ValuePlace,
} from "./value-record.ts";

export interface SeparatedStorageOptions {
  /** Where values are kept apart its batches are durable when they are done. */
  readonly below: Storage;
  readonly log: ValueLog;
  /** Values are kept apart, and files cleaned. What is apart is read in any case. */
  readonly isSeparating: boolean;
  /** Runs a callback in a later turn. */
  readonly defer: (callback: () => void) => void;
  /** Runs a callback after so many milliseconds; without it space comes back only when more values are written. */
  readonly after?: (ms: number, callback: () => void) => void;
  /** From which size on values are kept apart, that of a pointer at least: pages are bounded below before they are here. For tests. */
  readonly apartBytes?: number;
}

type Done = (error: StorageError | undefined) => void;

interface Write {
  readonly operations: readonly StorageOperation[];
  readonly done: Done;
}

export class SeparatedStorage implements Storage {
  readonly #below: Storage;
  readonly #log: ValueLog;
  readonly #isSeparating: boolean;
  readonly #defer: (callback: () => void) => void;
  readonly #apartFrom: number;
  readonly #writer: ValueWriter;
  readonly #cleaner: ValueCleaner;
  #isWriting = false;
  /** Waits for the batch under way. */
  #cleaning: (() => void) | undefined;
  /** The cleaner has the storage below for itself; a batch that came since waits. */
  #isCleaning = false;
  #waiting: Write | undefined;
  /**
   * The storage below has refused its last batch. Until it takes another one a start may find that batch there: so no file is dropped
   * that it may point to, and none filled for a batch that would be refused too.
   */
  #isRefusing = false;
  /** Why this storage takes nothing any more. */
  #failure: StorageError | undefined;
  #scans = 0;
  /** Of an entry, with its value, as they were met of late. */
  #entryBytes = ENTRY_BYTES;
  #isClosed = false;
  /** Told when the storage has ended; until the end has begun. */
  #closing: (() => void) | undefined;

  constructor(options: SeparatedStorageOptions) {
    const { below, log, isSeparating, defer, after, apartBytes = APART_BYTES } = options;
    this.#below = below;
    this.#log = log;
    this.#isSeparating = isSeparating;
    this.#defer = defer;
    assert(apartBytes >= POINTER_BYTES, "what is kept apart is no smaller than what points to it");
    this.#apartFrom = apartBytes;
    this.#writer = new ValueWriter(log);
    this.#cleaner = new ValueCleaner({
      log,
      below,
      isInUse: (file) => this.#writer.file === file,
      whenAlone: (run) => this.#whenAlone(run),
      isRefusing: () => this.#isRefusing,
      onWritten: (error) => this.#noteWritten(error),
      onFailed: (error) => this.#fail(error),
      onStep: () => this.#goOn(),
      after,
      onLooked: () => this.#goOn(),
    });
  }

  get isLow(): boolean {
    return this.#below.isLow === true;
  }

  get apartBytes(): number {
    return this.#log.bytes;
  }

  get(key: StorageKey): Uint8Array | undefined {
    if (this.#isClosed) throw closedError();
    const stored = this.#below.get(key);
    const place = stored === undefined ? undefined : placeOf(stored);
    return place === undefined ? stored : this.#log.get(place);
  }

  write(operations: readonly StorageOperation[], done: Done): void {
    if (this.#isClosed) this.#defer(() => done(closedError()));
    else if (this.#isCleaning || this.#mustWait(operations)) this.#waiting = { operations, done };
    else this.#write({ operations, done });
  }

  scan(range: ScanRange, done: (result: ScanResult) => void): void {
    if (this.#isClosed) {
      this.#defer(() => done({ kind: "failed", error: closedError() }));
      return;
    }
    this.#scans += 1;
    const release = this.#log.hold();
    const end = (result: ScanResult): void => {
      release();
      this.#scans -= 1;
      done(result);
      this.#finishIfIdle();
    };
    this.#scanBelow(range, this.#entriesFor(range.bytesMax), end);
  }

  close(done: () => void): void {
    assert(!this.#isClosed, "a storage is closed once");
    this.#isClosed = true;
    this.#closing = done;
    this.#cleaner.stop();
    this.#defer(() => this.#finishIfIdle());
  }

  #write(write: Write): void {
    this.#isWriting = true;
    const { operations } = write;
    if (this.#failure !== undefined) {
      const { message } = this.#failure;
      const error = new StorageError(
        "sync-failed",
        `nothing was stored: ${message}`,
        this.#failure,
      );
      this.#defer(() => this.#end(write, error));
      return;
    }
    const values = this.#apart(operations);
    if (values.length === 0) this.#writeBelow(write, operations);
    else this.#writeApart(write, values);
    if (this.#isSeparating) this.#cleaner.noteWritten(values);
  }

  #writeApart(write: Write, values: readonly KeyedValue[]): void {
    this.#writer.write(values, (places) => {
      if (places instanceof StorageError) {
        if (places.code !== "disk-full") this.#fail(places);
        this.#end(write, places);
      } else this.#writeBelow(write, this.#pointing(write.operations, places));
    });
  }

  #writeBelow(write: Write, operations: readonly StorageOperation[]): void {
    this.#below.write(operations, (error) => {
      // An empty batch may be done without a word from below.
      if (operations.length > 0) this.#noteWritten(error);
      this.#end(write, error);
    });
  }

  #noteWritten(error: StorageError | undefined): void {
    this.#isRefusing = error !== undefined;
    if (error !== undefined && error.code !== "disk-full") this.#fail(error);
  }

  /** What is there now can only be told by the next start. */
  #fail(error: StorageError): void {
    this.#failure ??= error;
    this.#cleaner.stop();
  }

  #apart(operations: readonly StorageOperation[]): readonly KeyedValue[] {
    let values: KeyedValue[] | undefined;
    for (const { key, value } of operations) {
      if (value === undefined || !this.#isApart(value)) continue;
      values ??= [];
      values.push({ key, value });
    }
    return values ?? NO_VALUES;
  }

  /** What would be taken for a pointer is kept apart in any case. Says the same as long as a batch is under way. */
  #isApart(value: Uint8Array): boolean {
    const isLargeApart = this.#isSeparating && !this.#isRefusing;
    return isApart(value, isLargeApart ? this.#apartFrom : Number.POSITIVE_INFINITY);
  }

  /** The operations, with pointers in the places of values that are apart. */
  #pointing(
    operations: readonly StorageOperation[],
    places: readonly ValuePlace[],
  ): readonly StorageOperation[] {
    let next = 0;
    return operations.map((operation) => {
      const { key, value } = operation;
      if (value === undefined || !this.#isApart(value)) return operation;
      const place = places[next] as ValuePlace;
      next += 1;
      return { key, value: pointerTo(place) };
    });
  }

  #end({ done }: Write, error: StorageError | undefined): void {
    this.#isWriting = false;
    // Before whoever is told writes the next one: else it would wait for as long as batches follow each other.
    const clean = this.#cleaning;
    this.#cleaning = undefined;
    if (clean !== undefined) this.#clean(clean);
    done(error);
    this.#finishIfIdle();
  }

  /** Calls `run` when no batch is under way below; none is begun until it calls back. */
  #whenAlone(run: (release: () => void) => void): void {
    const begin = (): void =>
      run(() => {
        this.#isCleaning = false;
        this.#goOn();
      });
    if (this.#isWriting) this.#cleaning = begin;
    else this.#clean(begin);
  }

  /** Whether a batch waits for the next step of the look under way: where values come faster than space is given back there would be no end to it. */
  #mustWait(operations: readonly StorageOperation[]): boolean {
    return this.#isSeparating && this.#cleaner.isBehind && this.#apart(operations).length > 0;
  }

  /** What has waited: a batch, then the end. */
  #goOn(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.#isCleaning) return this.#finishIfIdle();
    this.#waiting = undefined;
    this.#write(waiting);
  }

  #clean(begin: () => void): void {
    this.#isCleaning = true;
    begin();
  }

  /** So many entries fill a page of so many bytes, by what was met of late: a page of large values is some few pointers below. */
  #entriesFor(bytesMax: number): number {
    return Math.ceil((1.25 * bytesMax) / this.#entryBytes) + ENTRIES_MORE;
  }

  /** Asks below for so many entries at most, and once more where they turn out to be too few: a page is of one moment. */
  #scanBelow(range: ScanRange, entriesMax: number, done: (result: ScanResult) => void): void {
    const isLess = entriesMax < range.entriesMax;
    this.#below.scan(isLess ? { ...range, entriesMax } : range, (result) => {
      if (result.kind === "failed") return done(result);
      const bytes = bytesOf(result.entries);
      const { length } = result.entries;
      if (length > 0) this.#entryBytes = (this.#entryBytes + bytes / length) / 2;
      if (isLess && length === entriesMax && !result.isComplete && bytes < range.bytesMax) {
        this.#scanBelow(range, ENTRIES_GROWTH * entriesMax, done);
      } else this.#resolve(range.bytesMax, result, done);
    });
  }

  /** The page, with values in the places of pointers: as many of them as it may have bytes. */
  #resolve(
    bytesMax: number,
    page: Extract<ScanResult, { kind: "scanned" }>,
    done: (result: ScanResult) => void,
  ): void {
    const entries: { readonly key: StorageKey; value: Uint8Array }[] = [];
    const apart: { readonly index: number; readonly place: ValuePlace }[] = [];
    let bytes = 0;
    for (const { key, value } of page.entries) {
      if (entries.length > 0 && bytes >= bytesMax) break;
      const place = placeOf(value);
      if (place !== undefined) apart.push({ index: entries.length, place });
      entries.push({ key, value });
      bytes += key.length + (place?.length ?? value.length);
    }
    const isComplete = page.isComplete && entries.length === page.entries.length;
    const result: ScanResult = { kind: "scanned", entries, isComplete };
    if (apart.length === 0) return done(result);
    let left = apart.length;
    let failed: StorageError | undefined;
    for (const { index, place } of apart) {
      this.#log.read(place, (value) => {
        if (value instanceof StorageError) failed ??= value;
        else (entries[index] as { value: Uint8Array }).value = value;
        left -= 1;
        if (left === 0) done(failed === undefined ? result : { kind: "failed", error: failed });
      });
    }
  }

  #finishIfIdle(): void {
    const done = this.#closing;
    if (done === undefined || this.#isWriting || this.#isCleaning) return;
    if (this.#scans > 0 || this.#waiting !== undefined || !this.#cleaner.isIdle) return;
    this.#closing = undefined;
    this.#below.close(() => {
      this.#log.close();
      done();
    });
  }
}

const NO_VALUES: readonly KeyedValue[] = [];
/** Of an entry, before any was met. */
const ENTRY_BYTES = 64;
const ENTRIES_MORE = 16;
const ENTRIES_GROWTH = 4;

/** Of keys and values, wherever these are. */
function bytesOf(stored: readonly StorageEntry[]): number {
  let bytes = 0;
  for (const { key, value } of stored)
    bytes += key.length + (placeOf(value)?.length ?? value.length);
  return bytes;
}

function closedError(): StorageError {
  return new StorageError("closed", "the storage is closed");
}
