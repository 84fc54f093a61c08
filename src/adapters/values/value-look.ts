/**
 * One look at one value file: which of its values are still pointed to; and where those are few, they move to another file and this
 * one is dropped.
 *
 * What points to a value is asked key by key, by the heads of the records. Where one is not sound, torn or rotten, heads say nothing
 * of what stands behind it, and everything below is gone through instead for what points into the file.
 *
 * Invariants: a pointer is changed only while it is the one that was looked at, with no other batch under way; the file is dropped
 * when nothing points into it any more, durably. Whatever fails, the file stays, and is looked at again some time.
 */
import type { Buffer } from "../../base/buffer.ts";
import {
  type ScanRange,
  type Storage,
  StorageError,
  type StorageKey,
  type StorageOperation,
} from "../../ports/storage.ts";
import type { KeyedValue, ValueLog, ValueWriter, WholeFile } from "./value-log.ts";
import {
  placeOf,
  pointerTo,
  RECORD_HEADER_BYTES,
  recordAt,
  recordBytes,
  STORAGE_KEY_BYTES,
  type ValuePlace,
} from "./value-record.ts";

/** Of a file of which no larger share is pointed to, the rest is given back. */
const LIVE_SHARE_MAX = 1 / 2;
/** What is live moves whatever its share of a file where it is less than this share of a full one: starts leave small files behind. */
const SMALL_SHARE = 1 / 4;
/** Where space is low no more is moved for a file: it is there twice for as long. Half of what a node keeps free. */
const MOVED_LOW_BYTES: number = 32 * 1024 * 1024;
/** What is read for a header and its key, unless the key is longer. */
const HEAD_BYTES = 4 * 1024;
/** Heads after which somebody else may come between. */
const HEADS_PER_STEP = 128;
/** Records that move together, in bytes. */
const MOVED_BYTES: number = 2 * 1024 * 1024;
/** Of a page of what stands below; no key is above it. */
const PAGE: Omit<ScanRange, "from"> = {
  before: "\xff".repeat(STORAGE_KEY_BYTES),
  entriesMax: 1_024,
  bytesMax: 256 * 1024,
};

export interface ValueLookPorts {
  readonly log: ValueLog;
  readonly below: Storage;
  /** Nothing is begun any more. */
  readonly isStopped: () => boolean;
  /** Whether a batch that was refused below may still come back, at the next start, and what it points to is not to be missed. */
  readonly isRefusing: () => boolean;
  /** Calls `run` when no batch is under way below; none is begun until it calls back. */
  readonly whenAlone: (run: (release: () => void) => void) => void;
  /** Somebody who waits may go on. */
  readonly onStep: () => void;
  /** How a batch of the look's has ended below. */
  readonly onWritten: (error: StorageError | undefined) => void;
  /** Nothing that is written can be trusted any more. */
  readonly onFailed: (error: StorageError) => void;
}

/** A value that is pointed to. */
interface Live {
  readonly key: StorageKey;
  readonly offset: number;
  readonly length: number;
}

export class ValueLook {
  readonly #file: WholeFile;
  readonly #ports: ValueLookPorts;
  readonly #writer: ValueWriter;
  #done: () => void = () => undefined;
  #live: Live[] = [];
  /** Of their records. */
  #liveBytes = 0;
  #heads = 0;

  /** @param writer To whose file values move. */
  constructor(file: WholeFile, ports: ValueLookPorts, writer: ValueWriter) {
    this.#file = file;
    this.#ports = ports;
    this.#writer = writer;
  }

  /** @param done Called once, in a later turn unless the file is empty. */
  run(done: () => void): void {
    this.#done = done;
    this.#walk(0, HEAD_BYTES);
  }

  /** Reads on from `at`, where a record should be. */
  #walk(at: number, bytes: number): void {
    const { file, bytes: end } = this.#file;
    if (this.#ports.isStopped() || this.#isMostlyLive) return this.#done();
    if (at >= end) return this.#judge();
    file.read(at, Math.min(bytes, end - at), (read) => {
      if (read instanceof StorageError) return this.#done();
      const next = this.#attempt(() => this.#take(read, at));
      if (next === undefined) return;
      if (typeof next === "number") this.#walk(next, HEAD_BYTES);
      else if (next === "short" && bytes === HEAD_BYTES && at + bytes < end) {
        this.#walk(at, RECORD_HEADER_BYTES + STORAGE_KEY_BYTES);
      } else this.#goThrough();
    });
  }

  /** Takes the records that begin in what was read, to where to read on; "short" where it holds only a part of the first one's head. */
  #take(read: Buffer, start: number): number | "short" | "unsound" {
    let at = 0;
    while (at < read.length) {
      const record = recordAt(read, at, start, this.#file.number);
      if (record === undefined) return "unsound";
      if (record === "short") return at === 0 ? record : start + at;
      this.#heads += 1;
      if (this.#heads % HEADS_PER_STEP === 0) this.#ports.onStep();
      if (this.#isPointedTo(record)) this.#note(record);
      at = record.end - start;
    }
    return start + at;
  }

  /** Looks for pointers into the file in everything that stands below: none comes to those, nobody writes to it any more. */
  #goThrough(): void {
    this.#live = [];
    this.#liveBytes = 0;
    this.#goThroughFrom("");
  }

  #goThroughFrom(from: StorageKey): void {
    const { below, isStopped, onStep } = this.#ports;
    if (isStopped()) return this.#done();
    below.scan({ ...PAGE, from }, (result) => {
      if (result.kind === "failed") return this.#done();
      for (const { key, value } of result.entries) {
        const place = placeOf(value);
        if (place?.file === this.#file.number) this.#note({ key, ...place });
      }
      onStep();
      const last = result.entries.at(-1)?.key;
      if (result.isComplete || last === undefined) this.#judge();
      else this.#goThroughFrom(`${last}\x00`);
    });
  }

  #note({ key, offset, length }: Live): void {
    this.#live.push({ key, offset, length });
    this.#liveBytes += recordBytes(key, length);
  }

  #isPointedTo({ key, offset, length }: Live): boolean {
    const stored = this.#ports.below.get(key);
    const place = stored === undefined ? undefined : placeOf(stored);
    if (place === undefined) return false;
    return place.file === this.#file.number && place.offset === offset && place.length === length;
  }

  /** Whether there is too little to be given back. */
  get #isMostlyLive(): boolean {
    if (this.#liveBytes < this.#ports.log.fileBytes * SMALL_SHARE) return false;
    return this.#liveBytes > this.#file.bytes * LIVE_SHARE_MAX;
  }

  #judge(): void {
    const mayMove = this.#ports.below.isLow !== true || this.#liveBytes <= MOVED_LOW_BYTES;
    if (mayMove && !this.#isMostlyLive) this.#move(0);
    else this.#done();
  }

  /** Moves what is live, from the one at `index` on; then the file goes. */
  #move(index: number): void {
    const { log, isStopped, isRefusing } = this.#ports;
    if (isStopped() || isRefusing()) return this.#done();
    if (index === this.#live.length) {
      log.drop(this.#file.number);
      return this.#done();
    }
    let end = index;
    for (let bytes = 0; end < this.#live.length && bytes < MOVED_BYTES; end += 1) {
      const { key, length } = this.#live[end] as Live;
      bytes += recordBytes(key, length);
    }
    const moved = this.#live.slice(index, end);
    this.#readAll(moved, (values) => {
      if (values === undefined) this.#done();
      else this.#writeAnew(moved, values, () => this.#move(end));
    });
  }

  /** `undefined` where one cannot be read. */
  #readAll(
    moved: readonly Live[],
    done: (values: readonly KeyedValue[] | undefined) => void,
  ): void {
    const values: KeyedValue[] = [];
    let left = moved.length;
    let isWhole = true;
    for (const [index, { key, offset, length }] of moved.entries()) {
      this.#file.file.read(offset, length, (value) => {
        if (value instanceof StorageError) isWhole = false;
        else values[index] = { key, value };
        left -= 1;
        if (left === 0) done(isWhole ? values : undefined);
      });
    }
  }

  #writeAnew(moved: readonly Live[], values: readonly KeyedValue[], goOn: () => void): void {
    this.#writer.write(values, (places) => {
      if (places instanceof StorageError) {
        if (places.code !== "disk-full") this.#ports.onFailed(places);
        return this.#done();
      }
      this.#point(moved, places, (isDone) => {
        if (isDone) goOn();
        else this.#done();
      });
    });
  }

  /** Has those point to the new places that still point to the old ones. */
  #point(
    moved: readonly Live[],
    places: readonly ValuePlace[],
    done: (isDone: boolean) => void,
  ): void {
    const { below, whenAlone, onWritten } = this.#ports;
    whenAlone((release) => {
      const end = (isDone: boolean): void => {
        release();
        done(isDone);
      };
      let operations: StorageOperation[];
      try {
        operations = this.#pointers(moved, places);
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

  #pointers(moved: readonly Live[], places: readonly ValuePlace[]): StorageOperation[] {
    const operations: StorageOperation[] = [];
    for (const [index, live] of moved.entries()) {
      if (!this.#isPointedTo(live)) continue;
      operations.push({ key: live.key, value: pointerTo(places[index] as ValuePlace) });
    }
    return operations;
  }

  /** What comes of asking below; the look ends where that cannot be read. */
  #attempt<Result>(ask: () => Result): Result | undefined {
    try {
      return ask();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#done();
      return undefined;
    }
  }
}
