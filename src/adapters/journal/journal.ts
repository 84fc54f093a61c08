/**
 * A log of batches in a file of fixed size, written round and round, each batch synced by itself. A synced write in the middle of a
 * file changes nothing but data, where one at the end has the file system's own log written as well (docs/decisions/0032).
 *
 * Invariants: positions only grow; what lies between the tail that the header on disk has and the head is never written over; a
 * record is written when the one before it is durable; a batch that was refused leaves no record that a start would find, unless
 * the process ends before anything else could be written; what is in the ring does not change from when it was first written until
 * it is given back, for it is written again with what stands in the same block.
 */
import { assert } from "../../base/assert.ts";
import type { StorageError, StorageOperation } from "../../ports/storage.ts";
import {
  encodeHeader,
  encodeRecord,
  HEADER_BYTES,
  HEADERS_BYTES,
  RECORD_HEADER_BYTES,
  type Ring,
} from "./journal-record.ts";

export type Written = (error: StorageError | undefined) => void;

/** The file of a journal. Calls back in a later turn; a record, a header and a sync may be under way together. */
export interface JournalFile {
  /** What it is given to write begins and ends at multiples of it, in the file and in the ring's memory. At most `HEADER_BYTES`. */
  readonly blockBytes: number;
  /** Puts bytes at an offset of the file. Durable when it calls back, if the file was opened for that. */
  write(offset: number, bytes: Uint8Array, done: Written): void;
  /** Everything written so far is durable. */
  sync(done: Written): void;
  close(done: () => void): void;
}

export class Journal {
  readonly #file: JournalFile;
  readonly #ring: Ring;
  /** Where the next record goes, if it fits there. */
  #head = 0;
  /** As the header on disk has it. */
  #tail = 0;
  /** Of that header. */
  #slot = 0;
  /** Where the record of a refused batch may stand, on disk. */
  #refused: number | undefined;

  /** @param file That holds nothing, with `journalHeaders` of this ring's capacity and salt. */
  constructor(file: JournalFile, ring: Ring) {
    assert(ring.bytes.length % file.blockBytes === 0, "a ring is whole blocks");
    this.#file = file;
    this.#ring = ring;
  }

  /** Everything before it stands elsewhere, and the disk knows. */
  get tail(): number {
    return this.#tail;
  }

  get capacity(): number {
    return this.#ring.bytes.length;
  }

  /** Bytes that the disk must keep. */
  get used(): number {
    return this.#head - this.#tail;
  }

  /** Larger batches do not go through a journal: they would turn everything else out of it. */
  get batchBytesMax(): number {
    return this.capacity / 8;
  }

  /** Whether there is room for a batch of so many bytes, as `recordBytes` says, now. */
  hasRoomFor(bytes: number): boolean {
    return this.#placeFor(bytes) + bytes - this.#tail <= this.capacity;
  }

  /** Adds a batch of so many bytes, as `recordBytes` says; `done` with its position, the head or after it, once it is there. */
  append(
    operations: readonly StorageOperation[],
    bytes: number,
    done: (error: StorageError | undefined, position: number) => void,
  ): void {
    assert(bytes <= this.batchBytesMax && this.hasRoomFor(bytes), "a batch has room");
    const position = this.#placeFor(bytes);
    // Not by writing over it: until that is durable, both may be there, and what follows may follow either.
    if (this.#refused !== undefined) {
      this.takeBackRefused((error) => {
        if (error === undefined) this.append(operations, bytes, done);
        else done(error, position);
      });
      return;
    }
    const offset = position % this.capacity;
    const gap = position - this.#head;
    encodeRecord(this.#ring, offset, { position, gap, bytes }, operations);
    this.#writeBlocks(offset, bytes, (error) => {
      if (error === undefined) {
        this.#head = position + bytes;
      } else {
        // In memory at once; on disk when it takes something again.
        this.#ring.bytes.fill(0, offset, offset + RECORD_HEADER_BYTES);
        this.#refused = position;
      }
      done(error, position);
    });
  }

  /** Everything so far is durable, whatever the file was opened for. */
  sync(done: Written): void {
    this.#file.sync(done);
  }

  /** Gives back what is before `tail`: that stands elsewhere, durable. */
  giveBack(tail: number, done: Written): void {
    assert(tail >= this.#tail && tail <= this.#head, "a tail moves towards the head");
    const { header, salt } = this.#ring;
    header.set(encodeHeader({ capacity: this.capacity, tail, salt }));
    const slot = 1 - this.#slot;
    const written = this.#synced((error) => {
      if (error === undefined) {
        this.#tail = tail;
        this.#slot = slot;
      }
      done(error);
    });
    this.#file.write(slot * HEADER_BYTES, header, written);
  }

  /** Sees to it that no start finds the record of a batch that was refused. Calls back at once where there is none. */
  takeBackRefused(done: Written): void {
    if (this.#refused === undefined) {
      done(undefined);
      return;
    }
    const written = this.#synced((error) => {
      if (error === undefined) this.#refused = undefined;
      done(error);
    });
    // What the ring has there is nothing.
    this.#writeBlocks(this.#refused % this.capacity, RECORD_HEADER_BYTES, written);
  }

  /** Ends it. What it holds is there for the next start; so may be a refused batch, if there is an error. */
  close(done: Written): void {
    this.takeBackRefused((error) => this.#file.close(() => done(error)));
  }

  /** Writes so many bytes of the ring, and what else is in their blocks once more. */
  #writeBlocks(offset: number, bytes: number, done: Written): void {
    const { blockBytes } = this.#file;
    const from = offset - (offset % blockBytes);
    const to = Math.ceil((offset + bytes) / blockBytes) * blockBytes;
    this.#file.write(HEADERS_BYTES + from, this.#ring.bytes.subarray(from, to), done);
  }

  /** For the end of a write: `done` when that is durable, whatever the file was opened for. */
  #synced(done: Written): Written {
    return (error) => {
      if (error === undefined) this.#file.sync(done);
      else done(error);
    };
  }

  /** Where a record of so many bytes goes: none goes round the end. */
  #placeFor(bytes: number): number {
    const left = this.capacity - (this.#head % this.capacity);
    return left < bytes ? this.#head + left : this.#head;
  }
}
