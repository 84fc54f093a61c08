/**
 * The journal and what is below it, on disks that fail, tear and lose power, against a plain map: what was done is there after
 * every end, in order and whole; what was refused is not, nor what was taken back by a start.
 */
import { Journal } from "../src/adapters/journal/journal.ts";
import {
  encodeRecord,
  HEADERS_BYTES,
  newRing,
  OPERATION_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  type Ring,
  soundRecordAt,
} from "../src/adapters/journal/journal-record.ts";
import { JournaledStorage } from "../src/adapters/journal/journaled-storage.ts";
import { Memtable } from "../src/adapters/journal/memtable.ts";
import { recover } from "../src/adapters/journal/recover.ts";
import { binaryFromBytes } from "../src/base/binary.ts";
import type {
  ScanRange,
  ScanResult,
  Storage,
  StorageEntry,
  StorageError,
  StorageKey,
  StorageOperation,
} from "../src/ports/storage.ts";
import { Disk, type Ending } from "./disk.ts";
import { emptyJournal, JournalDisk } from "./journal-disk.ts";
import { type SimRandom, Streams } from "./random.ts";
import { Trace } from "./trace.ts";
import { Process, Scheduler } from "./virtual-clock.ts";

/** What a run has come to: over some hundred runs, each must have been. */
export interface JournalProbes {
  batches: number;
  /** Of up to twice the journal. */
  large: number;
  refused: number;
  failed: number;
  scans: number;
  /** Ends in the middle of a start. */
  cutStarts: number;
  /** Boots that found batches in the journal which were not all below. */
  replayed: number;
  /** Ends in the middle of a batch. */
  cut: number;
  torn: number;
  rotten: number;
  /** Starts that refused a journal. */
  unreadable: number;
  /** Batches that an end of an unsynced disk took. */
  lost: number;
  /** Stops in order that left nothing in the journal. */
  drained: number;
}

export interface JournalRun {
  readonly violations: readonly string[];
  readonly probes: JournalProbes;
}

type State = ReadonlyMap<StorageKey, string>;

const WHOLE: ScanRange = { from: "", before: "\xff".repeat(9), entriesMax: 1e9, bytesMax: 1e12 };
const BOOTS = 8;
const KEY_BYTES = 4;
/** A key that nobody writes, of as many bytes. */
const FORGED = "fake";

/** One run. The same seed, the same run. */
export async function runJournal(seed: number): Promise<JournalRun> {
  const run = new Run(new Streams(seed));
  try {
    for (let boot = 1; boot <= BOOTS && run.violations.length === 0; boot += 1)
      await run.boot(boot);
  } catch (error) {
    run.violations.push(`threw ${(error as Error).stack}`);
  }
  return run;
}

class Run implements JournalRun {
  readonly violations: string[] = [];
  readonly probes: JournalProbes = {
    batches: 0,
    large: 0,
    refused: 0,
    failed: 0,
    scans: 0,
    cutStarts: 0,
    replayed: 0,
    cut: 0,
    torn: 0,
    rotten: 0,
    unreadable: 0,
    lost: 0,
    drained: 0,
  };
  readonly #random: SimRandom;
  readonly #scheduler: Scheduler;
  readonly #below: Disk;
  readonly #isSynced: boolean;
  readonly #capacity: number;
  readonly #largeBytes: number;
  readonly #blockBytes: number;
  readonly #keys: readonly StorageKey[];
  #journalDisk: JournalDisk;
  #journal: Journal | undefined;
  #ring: Ring | undefined;
  /** Values look like records of the ring's next round. */
  readonly #isForging: boolean;
  #process = new Process(0, 0);
  /** States that the next start may find: what was done is the first; the others are of batches that nobody knows about. */
  #possible: State[] = [new Map()];
  /** On a disk that is not synced: states of before, which a loss of power may go back to. */
  #earlier: State[] = [];
  #hasLostPower = false;
  /** A start may find any mixture of what has ever been: the journal was damaged. */
  #isDamaged = false;
  #values = 0;
  #haunted: HauntedStorage | undefined;

  constructor(streams: Streams) {
    this.#random = streams.stream("journal");
    this.#scheduler = new Scheduler(streams.stream("turns"), new Trace());
    this.#below = new Disk("fsync", streams.stream("below"));
    this.#isSynced = !this.#random.oneIn(3);
    this.#capacity = this.#random.pick([1_024, 2_048, 8_192, 32_768]);
    this.#isForging = this.#random.oneIn(4);
    this.#largeBytes = this.#capacity / this.#random.pick([1, 1, 16, 64]);
    const count = this.#random.between(3, 60);
    this.#keys = Array.from({ length: count }, (_, index) =>
      `k${index}`.padStart(KEY_BYTES, "\x80"),
    );
    const blocks = [1, 512, 4_096].filter((bytes) => this.#capacity % bytes === 0);
    this.#blockBytes = this.#random.pick(blocks);
    this.#journalDisk = this.#newJournalDisk(streams.stream("disk"));
  }

  #newJournalDisk(random: SimRandom): JournalDisk {
    return new JournalDisk(emptyJournal(this.#capacity, 0), random, this.#blockBytes);
  }

  async boot(boot: number): Promise<void> {
    const process = new Process(0, boot);
    this.#process = process;
    const storage = await this.#open(process);
    if (storage === undefined) return;
    await this.#checkStart(storage);
    const steps = this.#random.between(1, 60);
    for (let step = 0; step < steps && this.violations.length === 0; step += 1) {
      if (!(await this.#step(storage))) return;
    }
    if (this.#random.oneIn(3)) await this.#close(storage);
    else this.#end(this.#random.oneIn(2) ? "power" : "process");
  }

  /** Undefined where the start did not come to an end, or was refused. */
  async #open(process: Process): Promise<JournaledStorage | undefined> {
    const scheduler = this.#scheduler;
    const bytes = this.#journalDisk.contents();
    const below = new HauntedStorage(
      this.#below.open(process, scheduler),
      this.#below,
      this.#random,
    );
    this.#haunted = below;
    const before = this.#below.batches;
    const file = this.#journalDisk.open(this.#isSynced, process, scheduler);
    const ring = newRing(this.#capacity, this.#random.next32());
    const starting = recover(bytes, file, below).then(
      () =>
        new Promise<void>((resolve) => {
          const fresh = emptyJournal(this.#capacity, ring.salt);
          this.#journalDisk.replace(fresh, process, scheduler, resolve);
        }),
    );
    try {
      const steps = this.#random.oneIn(6) ? this.#random.below(30) : Number.POSITIVE_INFINITY;
      if (!(await this.#isSettled(starting, steps))) {
        this.probes.cutStarts += 1;
        this.#end(this.#random.oneIn(2) ? "power" : "process");
        return undefined;
      }
      if (this.#below.batches > before) this.probes.replayed += 1;
      this.#ring = ring;
      this.#journal = new Journal(file, ring);
      return new JournaledStorage({
        below,
        journal: this.#journal,
        memtable: new Memtable(ring),
        isSynced: this.#isSynced,
        largeBytes: this.#largeBytes,
        defer: (callback) => scheduler.after(0, "defer", process, callback),
        onDrained: (done) => {
          this.probes.drained += 1;
          done();
        },
      });
    } catch (error) {
      if (!this.#isDamaged || (error as StorageError).code !== "read-failed") throw error;
      // As an operator would, told so.
      this.probes.unreadable += 1;
      this.#journalDisk = this.#newJournalDisk(this.#random);
      this.#end("process");
      return undefined;
    }
  }

  async #checkStart(storage: JournaledStorage): Promise<void> {
    const found = stateOf(await this.#scan(storage, WHOLE));
    if (this.#isDamaged) {
      this.#isDamaged = false;
    } else if (!this.#possible.some((state) => isSame(state, found))) {
      const index = !this.#hasLostPower
        ? -1
        : this.#earlier.findIndex((state) => isSame(state, found));
      if (index < 0) this.violations.push(`a start found ${describe(found, this.#possible[0])}`);
      else this.probes.lost += this.#earlier.length - index;
    }
    // A start puts all it found below, durable.
    this.#possible = [found];
    this.#earlier = [];
    this.#hasLostPower = false;
  }

  /** False when the boot has ended. */
  async #step(storage: JournaledStorage): Promise<boolean> {
    const kind = this.#random.below(20);
    if (kind < 12) return await this.#write(storage);
    if (kind < 14) this.#checkGet(storage);
    else if (kind < 17) await this.#checkScan(storage);
    else if (kind === 17) this.#below.fault({ isFull: this.#random.oneIn(2) });
    else if (kind === 18) {
      if (this.#random.oneIn(4)) this.#journalDisk.fails = "disk-full";
    } else if (this.#random.oneIn(30)) {
      const failure = this.#random.below(3);
      if (failure === 0) this.#journalDisk.fails = "sync-failed";
      else if (failure === 1) this.#journalDisk.failsSync = true;
      else this.#below.fault({ failsNextSync: true });
    }
    return true;
  }

  /** A batch, or several, each begun within the `done` of the one before. False when the boot has ended. */
  async #write(storage: JournaledStorage): Promise<boolean> {
    let left = this.#random.oneIn(3) ? this.#random.between(2, 5) : 1;
    let underWay: State | undefined;
    let isFailed = false;
    let isInCall = false;
    const begin = (): void => {
      const operations = this.#drawBatch();
      const after = applied(this.#possible[0] as State, operations);
      underWay = after;
      left -= 1;
      this.probes.batches += 1;
      isInCall = true;
      storage.write(operations, (error) => {
        if (isInCall) this.violations.push("done ran within the call");
        underWay = undefined;
        this.#note(after, operations.length === 0, error);
        isFailed = error !== undefined && error.code !== "disk-full";
        if (left > 0 && !isFailed) begin();
      });
      isInCall = false;
    };
    begin();
    let steps = this.#random.oneIn(40) ? this.#random.below(12) : Number.POSITIVE_INFINITY;
    for (; steps > 0 && underWay !== undefined; steps -= 1) {
      if (!this.#scheduler.step()) throw new Error("a write is never answered");
    }
    if (underWay === undefined && !isFailed) return true;
    if (underWay !== undefined) {
      this.probes.cut += 1;
      this.#possible = [...this.#possible, underWay];
    }
    this.#below.fault({ isFull: false });
    this.#end(this.#random.oneIn(2) ? "power" : "process");
    return false;
  }

  /** What is known after a batch was answered. */
  #note(after: State, isEmpty: boolean, error: StorageError | undefined): void {
    const state = this.#possible[0] as State;
    if (error === undefined) {
      if (this.#random.oneIn(4)) this.#checkRing(this.#journal as Journal, this.#ring as Ring);
      // An empty batch writes nothing in the place of one that was refused.
      if (!isEmpty) this.#possible = [after];
      if (!this.#isSynced) this.#earlier.push(state);
      return;
    }
    // It may come back if the process ends before anything else is written.
    this.#possible = [state, after, ...this.#possible.slice(1)];
    if (error.code === "disk-full") this.probes.refused += 1;
    else this.probes.failed += 1;
  }

  /** Whatever has not been given back is whole, and on disk as it is in memory. */
  #checkRing({ tail, used, capacity }: Journal, ring: Ring): void {
    for (let at = tail; at < tail + used; ) {
      let gap = 0;
      if (soundRecordAt(ring, at, gap) === 0) gap = capacity - (at % capacity);
      at += gap;
      const size = soundRecordAt(ring, at, gap);
      const offset = at % capacity;
      const record = ring.bytes.subarray(offset, offset + size);
      const isThere = this.#journalDisk.holds(HEADERS_BYTES + offset, record, this.#isSynced);
      if (size === 0 || !isThere) {
        this.violations.push(`the record at ${at} is not as it was written`);
        return;
      }
      at += size;
    }
  }

  #drawBatch(): StorageOperation[] {
    const isLarge = this.#random.oneIn(25);
    if (isLarge) this.probes.large += 1;
    const bytesMax = isLarge ? this.#capacity : this.#capacity / this.#random.pick([8, 16, 64]);
    return Array.from({ length: this.#random.between(isLarge ? 1 : 0, 4) }, () => {
      const key = this.#random.pick(this.#keys);
      if (this.#random.oneIn(5)) return { key, value: undefined };
      this.#values += 1;
      const value = Buffer.alloc(this.#random.below(bytesMax), "x");
      if (this.#isForging) this.#forge(value);
      const text = Buffer.from(`${this.#values}.`, "latin1");
      return { key, value: Buffer.concat([text, value.subarray(text.length)]) };
    });
  }

  /** Fills a value with what would be records of the ring's next round, if it is the first of the next batch and has a key of four bytes. */
  #forge(value: Buffer): void {
    const { tail, used, capacity } = this.#journal as Journal;
    const first = RECORD_HEADER_BYTES + OPERATION_HEADER_BYTES + KEY_BYTES;
    const stride = 8 * this.#random.between(5, 9);
    for (let at = 8 - (first % 8); at + stride <= value.length; at += stride) {
      const position = tail + used + first + at + capacity;
      const ring = newRing(1_024, 0);
      const payload = Buffer.alloc(stride - first, "x");
      encodeRecord(ring, 0, { position, gap: 0, bytes: stride }, [{ key: FORGED, value: payload }]);
      value.set(ring.bytes.subarray(0, stride), at);
    }
  }

  #checkGet(storage: JournaledStorage): void {
    const key = this.#random.pick(this.#keys);
    const bytes = storage.get(key);
    const found = bytes === undefined ? undefined : binaryFromBytes(bytes);
    const expected = this.#possible[0]?.get(key);
    if (found !== expected) {
      this.violations.push(`get of ${key} found ${brief(found)}, not ${brief(expected)}`);
    }
  }

  async #checkScan(storage: JournaledStorage): Promise<void> {
    this.probes.scans += 1;
    const range: ScanRange = {
      from: this.#random.oneIn(3) ? "" : this.#random.pick(this.#keys),
      before: this.#random.oneIn(3) ? WHOLE.before : this.#random.pick(this.#keys),
      entriesMax: this.#random.oneIn(2) ? 1e9 : this.#random.below(10),
      bytesMax: this.#random.oneIn(2) ? 1e12 : this.#random.below(this.#capacity),
    };
    const expected = pageOf(this.#possible[0] as State, range);
    const { entries, isComplete } = await this.#scan(storage, range);
    const found = entries.map(({ key, value }) => `${key}=${binaryFromBytes(value)}`);
    if (found.join() !== expected.entries.join() || isComplete !== expected.isComplete) {
      this.violations.push(`a scan found ${found.length} entries, not ${expected.entries.length}`);
    }
  }

  /** A stop in order. What was done is there, and what was refused is not, unless the disk is still full. */
  async #close(storage: JournaledStorage): Promise<void> {
    const isFull = this.#below.faults.isFull;
    this.#journalDisk.fails = undefined;
    this.#journalDisk.failsSync = false;
    let isClosed = false;
    storage.close(() => {
      isClosed = true;
    });
    while (!isClosed) if (!this.#scheduler.step()) throw new Error("a close never ends");
    if (!isFull) this.#possible = this.#possible.slice(0, 1);
    this.#end("process");
    if (!isFull && this.#isSynced) this.#journalDisk.endBoot("power");
  }

  #end(ending: Ending): void {
    this.#scheduler.kill(this.#process);
    this.#below.endBoot(ending);
    const { torn } = this.#journalDisk;
    this.#journalDisk.endBoot(ending);
    this.probes.torn += this.#journalDisk.torn - torn;
    this.#journalDisk.fails = undefined;
    this.#journalDisk.failsSync = false;
    this.#haunted?.endBoot();
    this.#below.fault({ isFull: false, failsNextSync: false });
    this.#hasLostPower ||= ending === "power";
    if (this.#random.oneIn(20)) {
      this.#journalDisk.rot();
      this.probes.rotten += 1;
      this.#isDamaged = true;
    }
  }

  async #scan(
    storage: JournaledStorage,
    range: ScanRange,
  ): Promise<ScanResult & { readonly kind: "scanned" }> {
    const result = await this.#settled(
      new Promise<ScanResult>((resolve) => storage.scan(range, resolve)),
    );
    if (result.kind === "failed") throw result.error;
    return result;
  }

  /** Lets virtual time go on until a promise is settled, and answers with what it is. */
  async #settled<Value>(promise: Promise<Value>): Promise<Value> {
    await this.#isSettled(promise, Number.POSITIVE_INFINITY);
    return await promise;
  }

  /** Lets as much virtual time go on as that, and says whether the promise is settled. Rejects as it does. */
  async #isSettled(promise: Promise<unknown>, steps: number): Promise<boolean> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    for (let left = steps; ; left -= 1) {
      // Long enough for what has been told to be gone through.
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      if (isSettled) await promise;
      if (isSettled || left <= 0) return isSettled;
      this.#scheduler.step();
    }
  }
}

/** A storage whose refused batches stand in its log, until it takes another one: a start before that applies them. */
class HauntedStorage implements Storage {
  readonly #storage: Storage;
  readonly #disk: Disk;
  readonly #random: SimRandom;
  #refused: readonly StorageOperation[] = [];

  constructor(storage: Storage, disk: Disk, random: SimRandom) {
    this.#storage = storage;
    this.#disk = disk;
    this.#random = random;
  }

  get: Storage["get"] = (key) => this.#storage.get(key);
  scan: Storage["scan"] = (range, done) => this.#storage.scan(range, done);

  write: Storage["write"] = (operations, done) => {
    // Undone before anything else is tried.
    if (!this.#disk.faults.isFull) this.#refused = [];
    const isGone = this.#disk.faults.isFull && this.#refused.length === 0;
    const kept = operations.map(({ key, value }) => ({ key, value: value && Buffer.from(value) }));
    this.#storage.write(operations, (error) => {
      if (error?.code === "disk-full" && isGone && this.#random.oneIn(2)) this.#refused = kept;
      done(error);
    });
  };

  close: Storage["close"] = (done) => {
    if (!this.#disk.faults.isFull) this.#refused = [];
    this.#storage.close(done);
  };

  /** The process has ended. */
  endBoot(): void {
    if (this.#refused.length > 0) this.#disk.apply(this.#refused);
    this.#refused = [];
  }
}

function applied(state: State, operations: readonly StorageOperation[]): State {
  const after = new Map(state);
  for (const { key, value } of operations) {
    if (value === undefined) after.delete(key);
    else after.set(key, binaryFromBytes(value));
  }
  return after;
}

function stateOf({ entries }: { readonly entries: readonly StorageEntry[] }): State {
  return new Map(entries.map(({ key, value }) => [key, binaryFromBytes(value)]));
}

function isSame(a: State, b: State): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function pageOf(
  state: State,
  range: ScanRange,
): { readonly entries: readonly string[]; readonly isComplete: boolean } {
  const inside = [...state]
    .filter(([key]) => key >= range.from && key < range.before)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const entries: string[] = [];
  let bytes = 0;
  for (const [key, value] of inside) {
    if (entries.length === range.entriesMax || (entries.length > 0 && bytes >= range.bytesMax))
      break;
    entries.push(`${key}=${value}`);
    bytes += key.length + value.length;
  }
  return { entries, isComplete: entries.length === inside.length };
}

function describe(found: State, expected: State = new Map()): string {
  const keys = [...new Set([...found.keys(), ...expected.keys()])];
  return keys
    .filter((key) => found.get(key) !== expected.get(key))
    .map((key) => `${key}: ${brief(found.get(key))}, not ${brief(expected.get(key))}`)
    .join("; ");
}

function brief(value: string | undefined): string {
  return value === undefined ? "nothing" : (value.split(".")[0] ?? "");
}
