/**
 * The disk of one machine, and the `Storage` port of each boot on it.
 *
 * What was synced survives everything. What was written but not synced survives the end of a process, and
 * loses a suffix of its batches when the power goes. A batch under way at the end is there whole or not at
 * all: the engine's log has a checksum per batch. The lying disk is the control that the checkers must catch.
 */
import { MemoryTable, type TablePage } from "../src/adapters/memory/memory-table.ts";
import { assert } from "../src/base/assert.ts";
import { crc32 } from "../src/base/checksum.ts";
import type { Durability } from "../src/model/config.ts";
import {
  type ScanRange,
  type ScanResult,
  type Storage,
  type StorageEntry,
  StorageError,
  type StorageKey,
  type StorageOperation,
} from "../src/ports/storage.ts";
import type { SimRandom } from "./random.ts";
import type { Process, Scheduler } from "./virtual-clock.ts";

/** What is wrong with a disk at the moment. */
export interface DiskFaults {
  /** Typical milliseconds of one sync. */
  syncMs: number;
  isFull: boolean;
  /** Less space is left than a node keeps. */
  isLow: boolean;
  /** The next write fails to sync: whether it is durable is anybody's guess. */
  failsNextSync: boolean;
  /** Nothing can be read, and the disk says so. */
  failsReads: boolean;
  /** Says synced when it is not: only to prove that the checkers find it. */
  lies: boolean;
}

/** How to take one batch back: the values before it. */
type Undo = readonly StorageOperation[];

/** How a boot ended. */
export type Ending = "process" | "power";

/** Batches that may be unsynced before the operating system writes them out by itself. */
const UNSYNCED_BATCHES_MAX = 256;
const WHOLE: ScanRange = { from: "", before: "\xff".repeat(64), entriesMax: 1e9, bytesMax: 1e12 };
/** A sync takes this long where nothing is wrong. */
export const SYNC_MS = 0.8;

export class Disk {
  readonly faults: DiskFaults = {
    syncMs: SYNC_MS,
    isFull: false,
    isLow: false,
    failsNextSync: false,
    failsReads: false,
    lies: false,
  };
  batches = 0;
  /** Counts changes of what is wrong: equal before and after, and well, means well all the while. */
  changes = 0;
  /** Called once, when the next batch begins: what strikes in the middle of a commit waits here. */
  onNextBatch: (() => void) | undefined;
  /** Called when a batch was applied, with what stood there before. */
  onBatch: ((operations: readonly StorageOperation[], before: Undo) => void) | undefined;
  readonly durability: Durability;
  readonly #table = new MemoryTable();
  readonly #unsynced: Undo[] = [];
  readonly #random: SimRandom;
  #underWay: (() => void) | undefined;
  /** The batch under way was begun while the disk was slow: it takes its time though the disk is well again. */
  #isSlow = false;

  constructor(durability: Durability, random: SimRandom) {
    this.durability = durability;
    this.#random = random;
  }

  /** The port for one boot. */
  open(process: Process, scheduler: Scheduler): Storage {
    return new DiskSession(this, process, scheduler, this.#random);
  }

  /** Changes what is wrong with it. */
  fault(change: Partial<DiskFaults>): void {
    Object.assign(this.faults, change);
    this.changes += 1;
  }

  /** Whether it takes writes as it should, as far as it knows itself. */
  get isWell(): boolean {
    const { syncMs, isFull, isLow, failsNextSync, failsReads } = this.faults;
    return syncMs <= SYNC_MS && !isFull && !isLow && !failsNextSync && !failsReads && !this.#isSlow;
  }

  /** Takes the end of a boot: a batch under way is decided, and unsynced ones are lost with the power. */
  endBoot(ending: Ending): void {
    this.finish(this.#random.oneIn(2));
    if (ending === "process") return;
    const kept = this.durability === "memory" ? 0 : this.#random.below(this.#unsynced.length + 1);
    while (this.#unsynced.length > kept) this.#table.apply(this.#unsynced.pop() ?? []);
    this.#unsynced.length = 0;
  }

  /** Keys held. */
  get size(): number {
    return this.#table.size;
  }

  /** Everything that is stored, in order of key: a copy. */
  contents(): readonly StorageEntry[] {
    return this.scan(WHOLE).entries;
  }

  /** Replaces everything by `contents`: nothing for a new disk, an old copy, that of another disk. Its node is down. */
  replace(contents: readonly StorageEntry[]): void {
    const gone = this.contents().map(({ key }) => ({ key, value: undefined }));
    this.#table.apply([...gone, ...contents]);
    this.#unsynced.length = 0;
  }

  /** Changes one bit of one stored value under a key for which `choose` holds, and says which. */
  rot(choose: (key: StorageKey, value: Uint8Array) => boolean): StorageKey | undefined {
    const entries = this.contents().filter(
      ({ key, value }) => value.length > 0 && choose(key, value),
    );
    if (entries.length === 0) return undefined;
    const { key, value } = this.#random.pick(entries);
    const index = this.#random.below(value.length);
    value[index] = (value[index] ?? 0) ^ (1 << this.#random.below(8));
    this.#table.apply([{ key, value }]);
    return key;
  }

  /** @internal */
  get(key: StorageKey): Uint8Array | undefined {
    return this.#table.get(key);
  }

  /** @internal */
  scan(range: ScanRange): TablePage {
    return this.#table.scan(range);
  }

  /** @internal The batch under way, to be decided by `endBoot` if the process does not live to see it done. */
  begin(apply: () => void): void {
    this.#underWay = apply;
    this.#isSlow = this.faults.syncMs > SYNC_MS;
    const strike = this.onNextBatch;
    this.onNextBatch = undefined;
    strike?.();
  }

  /** @internal Decides the batch under way. */
  finish(isApplied: boolean): void {
    const underWay = this.#underWay;
    this.#underWay = undefined;
    if (this.#isSlow) {
      this.#isSlow = false;
      this.changes += 1;
    }
    if (isApplied) underWay?.();
  }

  /** @internal Applies a batch; unsynced ones can be taken back. */
  apply(operations: readonly StorageOperation[]): void {
    this.batches += 1;
    const undo: StorageOperation[] = [];
    for (const { key } of operations) undo.push({ key, value: this.#table.get(key) });
    this.#table.apply(operations);
    this.onBatch?.(operations, undo);
    if (this.durability === "fsync" && !this.faults.lies) return;
    this.#unsynced.push(undo);
    if (this.#unsynced.length > UNSYNCED_BATCHES_MAX) this.#unsynced.shift();
  }
}

/** One boot's view of a disk. */
class DiskSession implements Storage {
  readonly #disk: Disk;
  readonly #process: Process;
  readonly #scheduler: Scheduler;
  readonly #random: SimRandom;
  #isWriting = false;
  #isClosed = false;
  #closing: (() => void) | undefined;

  constructor(disk: Disk, process: Process, scheduler: Scheduler, random: SimRandom) {
    this.#disk = disk;
    this.#process = process;
    this.#scheduler = scheduler;
    this.#random = random;
  }

  get isLow(): boolean {
    return this.#disk.faults.isLow;
  }

  get(key: StorageKey): Uint8Array | undefined {
    if (this.#isClosed) throw new StorageError("closed", "the storage is closed");
    if (this.#disk.faults.failsReads) throw readFailed();
    return this.#disk.get(key);
  }

  write(
    operations: readonly StorageOperation[],
    done: (error: StorageError | undefined) => void,
  ): void {
    assert(!this.#isWriting, "one write is under way at a time");
    const faults = this.#disk.faults;
    if (this.#isClosed) {
      this.#later(0, () => done(new StorageError("closed", "the storage is closed")));
      return;
    }
    this.#isWriting = true;
    if (faults.isFull) {
      this.#answer(
        faults.syncMs,
        done,
        new StorageError("disk-full", "no space left; nothing was stored"),
      );
      return;
    }
    const crc = checksumOf(operations);
    this.#disk.begin(() => this.#disk.apply(operations));
    const willFail = faults.failsNextSync;
    faults.failsNextSync = false;
    const syncMs = this.#disk.durability === "memory" ? 0 : this.#random.longTail(faults.syncMs);
    // The device works on whether or not its process is paused.
    this.#scheduler.after(syncMs, "sync", undefined, () => {
      if (!this.#process.isAlive) return;
      assert(checksumOf(operations) === crc, "a batch does not change while it is written");
      this.#disk.finish(!willFail || this.#random.oneIn(2));
      this.#scheduler.trace.event("synced", this.#process.machine, operations.length, crc);
      const error = willFail
        ? new StorageError("sync-failed", "fdatasync: input/output error")
        : undefined;
      this.#answer(this.#random.fraction() * 0.2, done, error);
    });
  }

  #answer(
    delayMs: number,
    done: (error: StorageError | undefined) => void,
    error: StorageError | undefined,
  ): void {
    this.#later(delayMs, () => {
      this.#isWriting = false;
      this.#finishClosing();
      done(error);
    });
  }

  scan(range: ScanRange, done: (result: ScanResult) => void): void {
    if (this.#isClosed) {
      const error = new StorageError("closed", "the storage is closed");
      this.#later(0, () => done({ kind: "failed", error }));
      return;
    }
    const result: ScanResult = this.#disk.faults.failsReads
      ? { kind: "failed", error: readFailed() }
      : { kind: "scanned", ...this.#disk.scan(range) };
    this.#later(this.#random.fraction() * 0.3, () => done(result));
  }

  close(done: () => void): void {
    this.#isClosed = true;
    this.#closing = done;
    if (!this.#isWriting) this.#finishClosing();
  }

  /** Closing waits for the batch under way. */
  #finishClosing(): void {
    const done = this.#closing;
    this.#closing = undefined;
    if (done !== undefined) this.#later(this.#random.fraction(), done);
  }

  #later(delayMs: number, run: () => void): void {
    this.#scheduler.after(delayMs, "storage", this.#process, run);
  }
}

function readFailed(): StorageError {
  return new StorageError("read-failed", "pread: input/output error");
}

function checksumOf(operations: readonly StorageOperation[]): number {
  let crc = operations.length;
  // Keys are strings and cannot change.
  for (const { value } of operations) if (value !== undefined) crc = crc32(value, crc);
  return crc;
}
