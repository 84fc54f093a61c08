/**
 * Value files on a disk that tears, fails, fills up and rots: what a write left half written is there by sectors, some and not others.
 *
 * What a write said was done survives everything. A name is durable when `create` says so; a removed file may be found again.
 * Calls that the port does not allow are violations: they are noted, and thrown.
 */
import type { FoundFile, Told, ValueFile, ValueFiles } from "../src/adapters/values/value-files.ts";
import { crc32 } from "../src/base/checksum.ts";
import { StorageError } from "../src/ports/storage.ts";
import type { SimRandom } from "./random.ts";
import type { Process, Scheduler } from "./virtual-clock.ts";

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
const WRITE_MS = 0.4;
const READ_MS = 0.1;

type WriteErrorCode = "disk-full" | "sync-failed";

/** What is wrong with the disk at the moment. */
export interface ValuesFaults {
  isFull: boolean;
  failsReads: boolean;
  /** The next write fails so. */
  failsWrite: WriteErrorCode | undefined;
  /** The next creation fails so. */
  failsCreate: WriteErrorCode | undefined;
}

/** A bit that has changed. */
export interface Rot {
  readonly file: number;
  readonly offset: number;
  readonly bit: number;
}

interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

interface Content {
  bytes: Buffer;
  /** The write under way. */
  piece: Piece | undefined;
}

export class ValuesDisk {
  readonly violations: string[] = [];
  readonly faults: ValuesFaults = {
    isFull: false,
    failsReads: false,
    failsWrite: undefined,
    failsCreate: undefined,
  };
  /** Told when a file is removed. */
  onRemove: (number: number) => void = () => undefined;
  /** Writes that were left in pieces. */
  torn = 0;
  /** Removed files that were found again. */
  resurrected = 0;
  removed = 0;
  /** Files that are open in this boot. */
  opened = 0;
  /** Reads under way that are told in a later turn. */
  reading = 0;
  readonly #random: SimRandom;
  readonly #contents = new Map<number, Content>();
  /** Removed since the start. */
  readonly #gone = new Map<number, Content>();
  /** Names that are being made. */
  readonly #beingMade = new Set<number>();

  constructor(random: SimRandom) {
    this.#random = random;
  }

  /** Bytes of all files. */
  get bytes(): number {
    let bytes = 0;
    for (const content of this.#contents.values()) bytes += content.bytes.length;
    return bytes;
  }

  get files(): number {
    return this.#contents.size;
  }

  /** A copy of a part of a file, as a start reads it; `undefined` where there is no such file. */
  read(number: number, offset: number, length: number): Buffer | undefined {
    const content = this.#contents.get(number);
    return content === undefined ? undefined : part(content.bytes, offset, length);
  }

  /** The files for one boot. */
  open(
    process: Process,
    scheduler: Scheduler,
  ): { readonly files: ValueFiles; readonly found: readonly FoundFile[] } {
    const later = (typicalMs: number, run: () => void): void =>
      scheduler.after(this.#random.longTail(typicalMs), "values", process, run);
    const isOpen = new Set<number>();
    const opened = (number: number, content: Content, isFound: boolean): ValueFile => {
      isOpen.add(number);
      this.opened += 1;
      return this.#file(number, content, later, isFound, () => {
        isOpen.delete(number);
        this.opened -= 1;
      });
    };
    this.opened = 0;
    this.reading = 0;
    const found = this.#random.shuffle([...this.#contents]).map(([number, content]) => ({
      number,
      bytes: content.bytes.length,
      file: opened(number, content, true),
    }));
    const files: ValueFiles = {
      create: (number, done) => {
        if (this.#contents.has(number) || this.#gone.has(number) || this.#beingMade.has(number))
          this.#violated(`file ${number} is made twice`);
        const error = this.#takeFault("failsCreate");
        this.#beingMade.add(number);
        later(WRITE_MS, () => {
          this.#beingMade.delete(number);
          const content: Content = { bytes: Buffer.alloc(0), piece: undefined };
          if (error !== undefined) {
            // The name may be there all the same.
            if (this.#random.oneIn(2)) this.#contents.set(number, content);
            done(error);
            return;
          }
          this.#contents.set(number, content);
          done(opened(number, content, false));
        });
      },
      remove: (number) => {
        const content = this.#contents.get(number);
        if (content === undefined)
          return this.#violated(`file ${number} is removed, and not there`);
        if (isOpen.has(number)) this.#violated(`file ${number} is removed before it is closed`);
        this.removed += 1;
        this.#contents.delete(number);
        this.#gone.set(number, content);
        this.onRemove(number);
      },
    };
    return { files, found };
  }

  /** Takes the end of a boot. */
  endBoot(): void {
    for (const content of this.#contents.values()) {
      if (content.piece !== undefined) this.#tear(content, content.piece);
      content.piece = undefined;
    }
    for (const number of this.#beingMade) {
      if (this.#random.oneIn(2))
        this.#contents.set(number, { bytes: Buffer.alloc(0), piece: undefined });
    }
    this.#beingMade.clear();
    for (const [number, content] of this.#gone) {
      if (!this.#random.oneIn(3)) continue;
      this.resurrected += 1;
      this.#contents.set(number, content);
    }
    this.#gone.clear();
    Object.assign(this.faults, {
      isFull: false,
      failsReads: false,
      failsWrite: undefined,
      failsCreate: undefined,
    });
  }

  /** Changes a bit of a file for which `choose` names a place in it, or of any. */
  rot(offsetIn: (number: number, bytes: number) => number): Rot | undefined {
    const files = [...this.#contents].filter(([, { bytes }]) => bytes.length > 0);
    if (files.length === 0) return undefined;
    const [file, { bytes }] = this.#random.pick(files);
    const offset = offsetIn(file, bytes.length);
    const bit = 1 << this.#random.below(8);
    bytes[offset] = (bytes[offset] ?? 0) ^ bit;
    return { file, offset, bit };
  }

  #file(
    number: number,
    content: Content,
    later: (typicalMs: number, run: () => void) => void,
    isFound: boolean,
    onClosed: () => void,
  ): ValueFile {
    let isClosed = false;
    let isFailed = false;
    let written = content.bytes.length;
    let calls = 0;
    const checkRead = (offset: number, length: number): void => {
      if (isClosed) this.#violated(`file ${number} is read after it was closed`);
      const { piece } = content;
      if (piece === undefined) return;
      if (offset < piece.offset + piece.bytes.length && offset + length > piece.offset)
        this.#violated(`file ${number} is read at ${offset}, where it is being written`);
    };
    return {
      write: (offset, pieces, done) => {
        if (isClosed) this.#violated(`file ${number} is written after it was closed`);
        if (isFailed) this.#violated(`file ${number} is written after an error`);
        if (isFound) this.#violated(`file ${number} is written, and was found`);
        if (content.piece !== undefined) this.#violated(`file ${number} is written twice at once`);
        if (offset !== written)
          this.#violated(`file ${number} of ${written} bytes is written at ${offset}`);
        const bytes = Buffer.concat(pieces);
        const piece = { offset, bytes };
        const checksum = crc32(bytes);
        const error = this.#takeFault("failsWrite");
        content.piece = piece;
        calls += 1;
        later(WRITE_MS, () => {
          calls -= 1;
          content.piece = undefined;
          if (crc32(Buffer.concat(pieces)) !== checksum)
            this.#violated(`bytes change while file ${number} is written`);
          if (error !== undefined) {
            isFailed = true;
            this.#tear(content, piece);
            done(error);
            return;
          }
          put(content, offset, bytes);
          written = offset + bytes.length;
          done(undefined);
        });
      },
      readNow: (offset, length) => {
        checkRead(offset, length);
        if (this.faults.failsReads) throw readFailed();
        return part(content.bytes, offset, length);
      },
      read: (offset, length, done) => {
        checkRead(offset, length);
        const fails = this.faults.failsReads;
        calls += 1;
        this.reading += 1;
        later(READ_MS, () => {
          calls -= 1;
          this.reading -= 1;
          done(fails ? readFailed() : part(content.bytes, offset, length));
        });
      },
      close: () => {
        if (isClosed) this.#violated(`file ${number} is closed twice`);
        if (calls > 0) this.#violated(`file ${number} is closed with ${calls} calls under way`);
        isClosed = true;
        onClosed();
      },
    };
  }

  #takeFault(fault: "failsWrite" | "failsCreate"): Parameters<Told>[0] {
    const code = this.faults[fault] ?? (this.faults.isFull ? "disk-full" : undefined);
    this.faults[fault] = undefined;
    return code === undefined ? undefined : new StorageError(code, "pwrite: planted");
  }

  /** Any sectors of a write. */
  #tear(content: Content, { offset, bytes }: Piece): void {
    let written = 0;
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
      if (this.#random.oneIn(2)) {
        put(content, offset + at, bytes.subarray(at, end));
        written += end - at;
      }
      at = end;
    }
    if (written > 0 && written < bytes.length) this.torn += 1;
  }

  #violated(what: string): void {
    this.violations.push(what);
    throw new Error(what);
  }
}

/** Bytes of a file, zeros where it has none. */
function part(bytes: Buffer, offset: number, length: number): Buffer {
  const found = Buffer.alloc(length);
  bytes.copy(found, 0, offset, Math.min(bytes.length, offset + length));
  return found;
}

function put(content: Content, offset: number, bytes: Buffer): void {
  const end = offset + bytes.length;
  if (end > content.bytes.length)
    content.bytes = Buffer.concat([content.bytes, Buffer.alloc(end - content.bytes.length)]);
  bytes.copy(content.bytes, offset);
}

function readFailed(): StorageError {
  return new StorageError("read-failed", "pread: planted");
}
