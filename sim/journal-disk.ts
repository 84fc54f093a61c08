/**
 * The file of a journal on a disk that tears: what a loss of power meets half written is there by sectors, some and not others.
 *
 * What is durable survives everything. What was written and not synced survives the end of a process; when the power goes, of
 * each such write any sectors may be there. So may those of a write that is under way, at either end.
 */
import type { JournalFile, Written } from "../src/adapters/journal/journal.ts";
import { HEADER_BYTES, HEADERS_BYTES } from "../src/adapters/journal/journal-record.ts";
import { journalHeaders } from "../src/adapters/journal/recover.ts";
import { assert } from "../src/base/assert.ts";
import { asBuffer } from "../src/base/binary.ts";
import { crc32 } from "../src/base/checksum.ts";
import { StorageError } from "../src/ports/storage.ts";
import type { Ending } from "./disk.ts";
import type { SimRandom } from "./random.ts";
import type { Process, Scheduler } from "./virtual-clock.ts";

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
const WRITE_MS = 0.4;

/** The file of a journal that holds nothing. */
export function emptyJournal(capacity: number, salt: number): Buffer {
  return Buffer.concat([journalHeaders(capacity, salt), Buffer.alloc(capacity)]);
}

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class JournalDisk {
  /** The next write fails, and some of it may be there. */
  fails: "disk-full" | "sync-failed" | undefined;
  /** The next sync fails, and what was to be synced is durable in pieces. */
  failsSync = false;
  /** Writes that a loss of power, or an end, left in pieces. */
  torn = 0;
  readonly #random: SimRandom;
  readonly #blockBytes: number;
  /** What a loss of power leaves whole. */
  #durable: Uint8Array;
  /** As the operating system shows it. */
  #shown: Uint8Array;
  /** Written and not synced, in order. */
  #unsynced: Piece[] = [];
  readonly #underWay = new Set<Piece>();

  /** @param blockBytes Of what it takes writes of. */
  constructor(bytes: Uint8Array, random: SimRandom, blockBytes: number) {
    this.#blockBytes = blockBytes;
    this.#durable = Uint8Array.from(bytes);
    this.#shown = Uint8Array.from(bytes);
    this.#random = random;
  }

  /** A copy of what a start reads. */
  contents(): Uint8Array {
    return Uint8Array.from(this.#shown);
  }

  /** Whether these bytes are there; also after a loss of power, if they are `durable`. */
  holds(offset: number, bytes: Uint8Array, durable: boolean): boolean {
    return [this.#shown, ...(durable ? [this.#durable] : [])].every((disk) =>
      asBuffer(bytes).equals(disk.subarray(offset, offset + bytes.length)),
    );
  }

  /** The file for one boot. */
  open(isSynced: boolean, process: Process, scheduler: Scheduler): JournalFile {
    return {
      blockBytes: this.#blockBytes,
      write: (offset, bytes, done) =>
        this.#write(offset, bytes, { isSynced, scheduler, done, process }),
      sync: (done) => {
        const synced = this.#unsynced.length;
        const { failsSync } = this;
        this.failsSync = false;
        this.#later(scheduler, process, () => {
          if (failsSync) {
            // And the next one says that all is well.
            for (const piece of this.#unsynced.splice(0, synced)) this.#tear(piece, this.#durable);
            done(new StorageError("sync-failed", "fdatasync: planted"));
            return;
          }
          for (const piece of this.#unsynced.splice(0, synced))
            this.#durable.set(piece.bytes, piece.offset);
          done(undefined);
        });
      },
      close: (done) => this.#later(scheduler, process, done),
    };
  }

  /** A new file in the place of this one: complete or absent, as one that is synced and renamed. */
  replace(bytes: Uint8Array, process: Process, scheduler: Scheduler, done: () => void): void {
    this.#later(scheduler, process, () => {
      this.#durable = Uint8Array.from(bytes);
      this.#shown = Uint8Array.from(bytes);
      this.#unsynced = [];
      this.#later(scheduler, process, done);
    });
  }

  endBoot(ending: Ending): void {
    for (const piece of this.#underWay) this.#tear(piece, this.#shown);
    if (ending === "power") {
      for (const piece of [...this.#unsynced, ...this.#underWay]) this.#tear(piece, this.#durable);
      this.#unsynced = [];
      this.#shown = Uint8Array.from(this.#durable);
    } else {
      // What tore stays as it is: the system writes it out by itself.
      for (const { offset, bytes } of this.#underWay) {
        this.#durable.set(this.#shown.subarray(offset, offset + bytes.length), offset);
      }
    }
    this.#underWay.clear();
  }

  /** Changes a bit, or one in each header. */
  rot(): void {
    if (this.#random.oneIn(8)) {
      for (const header of [0, 1]) this.#flip(HEADER_BYTES * header + this.#random.below(24));
    } else this.#flip(this.#random.below(this.#shown.length));
  }

  #flip(index: number): void {
    const bit = 1 << this.#random.below(8);
    for (const bytes of [this.#shown, this.#durable]) bytes[index] = (bytes[index] ?? 0) ^ bit;
  }

  #write(
    offset: number,
    given: Uint8Array,
    call: { isSynced: boolean; process: Process; scheduler: Scheduler; done: Written },
  ): void {
    const { isSynced, process, scheduler, done } = call;
    for (const place of [offset, given.byteOffset, given.length]) {
      assert(place % this.#blockBytes === 0, "whole blocks are written, of memory too");
    }
    const piece = { offset, bytes: Uint8Array.from(given) };
    const crc = crc32(piece.bytes);
    const { fails } = this;
    this.fails = undefined;
    this.#underWay.add(piece);
    this.#later(scheduler, process, () => {
      assert(crc32(given) === crc, "bytes do not change while they are written");
      this.#underWay.delete(piece);
      if (fails !== undefined) {
        // All of it, or pieces.
        const isThere = this.#random.oneIn(2);
        for (const bytes of [this.#shown, this.#durable]) {
          if (isThere) bytes.set(piece.bytes, offset);
          else this.#tear(piece, bytes);
        }
        done(new StorageError(fails, "pwrite: planted"));
        return;
      }
      this.#shown.set(piece.bytes, offset);
      if (isSynced) this.#durable.set(piece.bytes, offset);
      else this.#unsynced.push(piece);
      done(undefined);
    });
  }

  /** Some sectors of a write; a header may also be neither what it was nor what it was to be. */
  #tear({ offset, bytes }: Piece, onto: Uint8Array): void {
    if (offset < HEADERS_BYTES && this.#random.oneIn(4)) {
      onto.fill(this.#random.below(256), offset, offset + bytes.length);
      return;
    }
    let written = 0;
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
      if (this.#random.oneIn(2)) {
        onto.set(bytes.subarray(at, end), offset + at);
        written += end - at;
      }
      at = end;
    }
    if (written > 0 && written < bytes.length) this.torn += 1;
  }

  #later(scheduler: Scheduler, process: Process, run: () => void): void {
    scheduler.after(this.#random.longTail(WRITE_MS), "journal", process, run);
  }
}
