/**
 * Values in files, each written from its beginning to its end, and read at the places that pointers name.
 *
 * Invariant: what was written well is never changed, and is there until its file is dropped; a dropped file goes when nobody holds
 * on any more to what there was before (`hold`).
 */
import { assert } from "../../base/assert.ts";
import { Buffer } from "../../base/buffer.ts";
import { StorageError, type StorageKey } from "../../ports/storage.ts";
import type { FoundFile, ValueFile, ValueFiles } from "./value-files.ts";
import { putRecord, recordBytes, type ValuePlace } from "./value-record.ts";

/** A file takes no more once it has so many bytes; a batch is in one. */
const FILE_BYTES: number = 16 * 1024 * 1024;
/** With many values files become larger, so that there are no more than some hundred. Offsets are below 4 GiB. */
const FILES = 512;
const FILE_BYTES_MAX: number = 1024 * 1024 * 1024;

export interface KeyedValue {
  readonly key: StorageKey;
  readonly value: Uint8Array;
}

/** A file, as far as it is written. */
interface Part {
  readonly number: number;
  readonly file: ValueFile;
  bytes: number;
}

/** What is to be read, of the file as it is now. */
export interface WholeFile {
  readonly number: number;
  readonly file: ValueFile;
  readonly bytes: number;
}

/** Writes to a file of its own, one batch at a time. */
export class ValueWriter {
  readonly #log: ValueLog;
  #part: Part | undefined;
  #isWriting = false;

  constructor(log: ValueLog) {
    this.#log = log;
  }

  /** Number of the file that it goes on with. */
  get file(): number | undefined {
    return this.#part?.number;
  }

  /** Writes values, durable when it tells their places, in their order. */
  write(
    values: readonly KeyedValue[],
    done: (result: readonly ValuePlace[] | StorageError) => void,
  ): void {
    assert(!this.#isWriting, "one batch of values is written at a time");
    this.#isWriting = true;
    const end = (result: readonly ValuePlace[] | StorageError): void => {
      this.#isWriting = false;
      done(result);
    };
    const part = this.#part;
    if (part !== undefined && part.bytes < this.#log.fileBytes) {
      this.#writeTo(part, values, end);
      return;
    }
    this.#part = undefined;
    this.#log.begin((begun) => {
      if (begun instanceof StorageError) return end(begun);
      this.#part = begun;
      this.#writeTo(begun, values, end);
    });
  }

  #writeTo(
    part: Part,
    values: readonly KeyedValue[],
    done: (result: readonly ValuePlace[] | StorageError) => void,
  ): void {
    const { number, file, bytes: start } = part;
    const pieces: Uint8Array[] = [];
    const places: ValuePlace[] = [];
    let end = start;
    for (const { key, value } of values) {
      const offset = end + putRecord(pieces, number, key, value);
      places.push({ file: number, offset, length: value.length });
      end += recordBytes(key, value.length);
    }
    assert(end < 2 ** 32, "offsets in a value file are below 4 GiB");
    file.write(start, pieces, (error) => {
      if (error === undefined) {
        part.bytes = end;
        done(places);
        return;
      }
      // Whatever of it is there now is of no batch. A file with nothing else in it goes: a full disk is tried again and again.
      this.#part = undefined;
      if (start === 0) this.#log.drop(number);
      done(error);
    });
  }
}

export interface ValueLogOptions {
  readonly files: ValueFiles;
  /** Those that were there at the start. */
  readonly found: readonly FoundFile[];
  /** Runs a callback in a later turn. */
  readonly defer: (callback: () => void) => void;
  /** Bytes at which a file is full, where there are few; for tests. */
  readonly fileBytes?: number;
}

export class ValueLog {
  readonly #files: ValueFiles;
  readonly #defer: (callback: () => void) => void;
  readonly #fileBytes: number;
  readonly #parts = new Map<number, Part>();
  /** Dropped, and not yet closed, each with the number of the newest hold when it was. */
  #dropped: { readonly part: Part; newestHold: number }[] = [];
  /** Numbers of those who hold on, the oldest first. */
  readonly #holds = new Set<number>();
  #newestHold = 0;
  #newest: number;
  #isClosed = false;

  constructor({ files, found, defer, fileBytes = FILE_BYTES }: ValueLogOptions) {
    this.#files = files;
    this.#defer = defer;
    this.#fileBytes = fileBytes;
    this.#newest = 0;
    for (const { number, bytes, file } of found) {
      this.#parts.set(number, { number, bytes, file });
      this.#newest = Math.max(this.#newest, number);
    }
  }

  /** Bytes of all files. */
  get bytes(): number {
    let bytes = 0;
    for (const part of this.#parts.values()) bytes += part.bytes;
    return bytes;
  }

  /** Bytes at which a file is full, as things are. */
  get fileBytes(): number {
    return Math.min(FILE_BYTES_MAX, Math.max(this.#fileBytes, this.bytes / FILES));
  }

  /** Numbers of the files, ascending. */
  numbers(): number[] {
    return [...this.#parts.keys()].sort((a, b) => a - b);
  }

  /** A file as it is now; `undefined` where there is none of this number. */
  whole(number: number): WholeFile | undefined {
    const part = this.#parts.get(number);
    return part === undefined ? undefined : { ...part };
  }

  /** A value, at once; zeros where its file is missing: who stored it knows them by its checksum. Throws `read-failed`. */
  get({ file, offset, length }: ValuePlace): Buffer {
    return this.#parts.get(file)?.file.readNow(offset, length) ?? Buffer.alloc(length);
  }

  /** As `get`, told in a later turn. To be called between `hold` and its end. */
  read({ file, offset, length }: ValuePlace, done: (result: Buffer | StorageError) => void): void {
    const dropped = this.#dropped.find(({ part: { number } }) => number === file);
    // Whoever reads in it now may have come after it was dropped: what points there has rotted.
    if (dropped !== undefined) dropped.newestHold = this.#newestHold;
    const part = dropped?.part ?? this.#parts.get(file);
    if (part === undefined) this.#defer(() => done(Buffer.alloc(length)));
    else part.file.read(offset, length, done);
  }

  /** Until the end of it, to be called once, no file is closed whose values are looked up now. */
  hold(): () => void {
    this.#newestHold += 1;
    const hold = this.#newestHold;
    this.#holds.add(hold);
    return () => {
      this.#holds.delete(hold);
      this.#closeDropped();
    };
  }

  /** Nothing points into the file any more, and that is durable. */
  drop(number: number): void {
    const part = this.#parts.get(number);
    if (part === undefined) return;
    this.#parts.delete(number);
    this.#dropped.push({ part, newestHold: this.#newestHold });
    this.#closeDropped();
  }

  /** Makes the next file. @internal */
  begin(done: (result: Part | StorageError) => void): void {
    this.#newest += 1;
    const number = this.#newest;
    this.#files.create(number, (file) => {
      if (file instanceof StorageError) return done(file);
      const part = { number, file, bytes: 0 };
      this.#parts.set(number, part);
      done(part);
    });
  }

  /** Nothing is read or written any more. */
  close(): void {
    assert(!this.#isClosed, "a log of values is closed once");
    this.#isClosed = true;
    this.#holds.clear();
    this.#closeDropped();
    for (const { file } of this.#parts.values()) file.close();
  }

  #closeDropped(): void {
    const [oldest = Number.POSITIVE_INFINITY] = this.#holds;
    this.#dropped = this.#dropped.filter(({ part: { number, file }, newestHold }) => {
      if (oldest <= newestHold) return true;
      file.close();
      this.#files.remove(number);
      return false;
    });
  }
}
