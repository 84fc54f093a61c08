/**
 * Gives back the space of values that were replaced or removed: looks at one file after another, and where less than half of it is
 * still pointed to, writes that part anew and drops the file.
 *
 * What points to a value is asked key by key: writing one costs no look at what it replaces. Invariants: a pointer is changed only
 * while it is the one that was looked at, with no other batch under way; a file is dropped when everything that pointed into it
 * points elsewhere, durably. Whatever fails, the file stays, and is looked at again some time.
 */
import type { Buffer } from "../../base/buffer.ts";
import { type Storage, StorageError, type StorageOperation } from "../../ports/storage.ts";
import { type KeyedValue, type ValueLog, ValueWriter, type WholeFile } from "./value-log.ts";
import {
  KEY_BYTES_MAX,
  placeOf,
  pointerTo,
  RECORD_ALIGNMENT,
  RECORD_HEADER_BYTES,
  type RecordHead,
  recordAt,
  recordBytes,
  type ValuePlace,
} from "./value-record.ts";

/** Of a file of which no larger share is pointed to, the rest is given back. */
const LIVE_SHARE_MAX = 1 / 2;
/** What is live moves whatever its share of a file where it is less than this share of a full one: starts leave small files behind. */
const SMALL_SHARE = 1 / 4;
/** Where space is low no more is moved for a file: it is there twice for as long. */
const MOVED_LOW_BYTES: number = 8 * 1024 * 1024;
/** Looks that are due at a start. */
const LOOKS_AT_START = 8;
/** Files are looked at for each file that is written, and at least one for so many operations: those may be removals. */
const LOOKS_PER_FILE = 2;
const OPERATIONS_PER_LOOK = 16_384;
/** What is read for a header and its key, unless the key is longer. */
const HEAD_BYTES = 4 * 1024;
/** Values that move together. */
const MOVED_BYTES: number = 2 * 1024 * 1024;
/** So many looks behind what is written it is time to wait for some. */
const BEHIND = 8;

export interface ValueCleanerOptions {
  readonly log: ValueLog;
  readonly below: Storage;
  /** Whether somebody else still writes to a file. */
  readonly isInUse: (file: number) => boolean;
  /** See `SeparatedStorage`. */
  readonly whenAlone: (run: (release: () => void) => void) => void;
  /** Whether a batch that was refused below may still come back, at the next start, and what it points to is not to be missed. */
  readonly isRefusing: () => boolean;
  /** How a batch of the cleaner's has ended below. */
  readonly onWritten: (error: StorageError | undefined) => void;
  /** Nothing that is written can be trusted any more. */
  readonly onFailed: (error: StorageError) => void;
  /** A look has ended; the next one has begun, if one is due. */
  readonly onLooked: () => void;
}

export class ValueCleaner {
  readonly #options: ValueCleanerOptions;
  readonly #writer: ValueWriter;
  /** Looks that are due; no more than there are files. */
  #due = 0;
  /** Number of the file that was looked at last. */
  #last = 0;
  #isLooking = false;
  #isStopped = false;

  constructor(options: ValueCleanerOptions) {
    this.#options = options;
    this.#writer = new ValueWriter(options.log);
    this.#due = Math.min(LOOKS_AT_START, options.log.numbers().length);
  }

  /** Nothing of it is under way. */
  get isIdle(): boolean {
    return !this.#isLooking;
  }

  /** Whether more is written than space given back, so that whoever writes values should wait for the look under way. */
  get isBehind(): boolean {
    return this.#isLooking && this.#due >= BEHIND;
  }

  /** So much was written: in time it is looked whether space can be given back. */
  noteWritten(operations: number, values: readonly KeyedValue[]): void {
    this.#due += operations / OPERATIONS_PER_LOOK;
    if (values.length > 0) {
      let bytes = 0;
      for (const { key, value } of values) bytes += recordBytes(key, value.length);
      this.#due += (LOOKS_PER_FILE * bytes) / this.#options.log.fileBytes;
    }
    if (this.#due >= 1) this.#look();
  }

  /** Begins nothing any more; what is under way ends soon. */
  stop(): void {
    this.#isStopped = true;
  }

  #look(): void {
    if (this.#isLooking || this.#isStopped || this.#options.isRefusing()) return;
    const file = this.#next();
    if (file === undefined) return;
    this.#due -= 1;
    this.#isLooking = true;
    new Look(file, this.#options, this.#writer, () => this.#isStopped).run(() => {
      this.#isLooking = false;
      if (this.#due >= 1) this.#look();
      this.#options.onLooked();
    });
  }

  /** The next file in turn that nobody writes to. */
  #next(): WholeFile | undefined {
    const { log, isInUse } = this.#options;
    const numbers = log
      .numbers()
      .filter((number) => !isInUse(number) && this.#writer.file !== number);
    this.#due = Math.min(this.#due, numbers.length);
    if (this.#due < 1) return undefined;
    const number = numbers.find((other) => other > this.#last) ?? (numbers[0] as number);
    this.#last = number;
    return log.whole(number);
  }
}

/** One look at one file. */
class Look {
  readonly #file: WholeFile;
  readonly #options: ValueCleanerOptions;
  readonly #writer: ValueWriter;
  readonly #isStopped: () => boolean;
  #done: () => void = () => undefined;
  /** Records that are pointed to, and their bytes. */
  readonly #live: RecordHead[] = [];
  #liveBytes = 0;
  /** A record came behind what is none: that one is damaged, and may be pointed to as well. */
  #isRotten = false;
  /** Something stood where a record should: from there on each place is looked at, because what is in a value may look like a record. */
  #isAstray = false;

  constructor(
    file: WholeFile,
    options: ValueCleanerOptions,
    writer: ValueWriter,
    isStopped: () => boolean,
  ) {
    this.#file = file;
    this.#options = options;
    this.#writer = writer;
    this.#isStopped = isStopped;
  }

  run(done: () => void): void {
    this.#done = done;
    this.#walk(0, HEAD_BYTES);
  }

  /** Reads on from `at`, where a record should be. */
  #walk(at: number, bytes: number): void {
    const { file, bytes: end } = this.#file;
    if (this.#isStopped()) return this.#done();
    if (at >= end) return this.#judge();
    file.read(at, Math.min(bytes, end - at), (read) => {
      if (read instanceof StorageError) return this.#done();
      let next: number | "short";
      try {
        next = this.#take(read, at);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        // What points to it cannot be read.
        return this.#done();
      }
      if (next !== "short") this.#walk(next, HEAD_BYTES);
      else if (bytes > HEAD_BYTES || at + bytes >= end) {
        this.#isAstray = true;
        this.#walk(at + RECORD_ALIGNMENT, HEAD_BYTES);
      } else this.#walk(at, RECORD_HEADER_BYTES + KEY_BYTES_MAX);
    });
  }

  /** Takes the records that begin in what was read; where to read on, or "short" where it holds only a part of the first one's head. */
  #take(read: Buffer, start: number): number | "short" {
    let at = 0;
    while (at < read.length) {
      const record = recordAt(read, at, start, this.#file.number);
      if (record === "short") return at === 0 ? record : start + at;
      if (record !== undefined && this.#isPointedTo(record)) {
        this.#live.push(record);
        this.#liveBytes += recordBytes(record.key, record.length);
        this.#isRotten ||= this.#isAstray;
      }
      // Torn, or damaged: what it held is damaged too, and the next one is somewhere behind.
      this.#isAstray ||= record === undefined;
      at = this.#isAstray ? at + RECORD_ALIGNMENT : (record as RecordHead).end - start;
    }
    return start + at;
  }

  #isPointedTo({ key, offset, length }: RecordHead): boolean {
    const stored = this.#options.below.get(key);
    const place = stored === undefined ? undefined : placeOf(stored);
    if (place === undefined) return false;
    return place.file === this.#file.number && place.offset === offset && place.length === length;
  }

  #judge(): void {
    const { below, log } = this.#options;
    const isFew = this.#liveBytes < log.fileBytes * SMALL_SHARE;
    const isWorthIt = isFew || this.#liveBytes <= this.#file.bytes * LIVE_SHARE_MAX;
    const mayMove = below.isLow !== true || this.#liveBytes <= MOVED_LOW_BYTES;
    if (isWorthIt && mayMove && !this.#isRotten) this.#move(0);
    else this.#done();
  }

  /** Moves what is live, from the one at `index` on; then the file goes. */
  #move(index: number): void {
    if (this.#isStopped() || this.#options.isRefusing()) return this.#done();
    if (index === this.#live.length) {
      this.#options.log.drop(this.#file.number);
      return this.#done();
    }
    let end = index;
    for (let bytes = 0; end < this.#live.length && bytes < MOVED_BYTES; end += 1) {
      bytes += (this.#live[end] as RecordHead).length;
    }
    const records = this.#live.slice(index, end);
    this.#readAll(records, (values) => {
      if (values === undefined) this.#done();
      else this.#writeAnew(records, values, () => this.#move(end));
    });
  }

  /** `undefined` where one cannot be read. */
  #readAll(
    records: readonly RecordHead[],
    done: (values: readonly KeyedValue[] | undefined) => void,
  ): void {
    const values: KeyedValue[] = [];
    let left = records.length;
    let isWhole = true;
    for (const [index, { key, offset, length }] of records.entries()) {
      this.#file.file.read(offset, length, (value) => {
        if (value instanceof StorageError) isWhole = false;
        else values[index] = { key, value };
        left -= 1;
        if (left === 0) done(isWhole ? values : undefined);
      });
    }
  }

  #writeAnew(
    records: readonly RecordHead[],
    values: readonly KeyedValue[],
    goOn: () => void,
  ): void {
    this.#writer.write(values, (places) => {
      if (places instanceof StorageError) {
        if (places.code !== "disk-full") this.#options.onFailed(places);
        return this.#done();
      }
      this.#point(records, places, (isDone) => {
        if (isDone) goOn();
        else this.#done();
      });
    });
  }

  /** Has those point to the new places that still point to the old ones. */
  #point(
    records: readonly RecordHead[],
    places: readonly ValuePlace[],
    done: (isDone: boolean) => void,
  ): void {
    const { below, whenAlone, onWritten } = this.#options;
    whenAlone((release) => {
      const end = (isDone: boolean): void => {
        release();
        done(isDone);
      };
      let operations: StorageOperation[];
      try {
        operations = this.#pointers(records, places);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        return end(false);
      }
      if (operations.length === 0) return end(true);
      below.write(operations, (error) => {
        onWritten(error);
        end(error === undefined);
      });
    });
  }

  #pointers(records: readonly RecordHead[], places: readonly ValuePlace[]): StorageOperation[] {
    const operations: StorageOperation[] = [];
    for (const [index, record] of records.entries()) {
      if (!this.#isPointedTo(record)) continue;
      operations.push({ key: record.key, value: pointerTo(places[index] as ValuePlace) });
    }
    return operations;
  }
}
