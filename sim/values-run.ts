/**
 * Values that are kept apart, and what points to them, on disks that fail, tear, rot and lose power, against a plain map: what was
 * done is there after every end, whatever is read is what was committed, and the space of what was replaced comes back.
 */
import { SeparatedStorage } from "../src/adapters/values/separated-storage.ts";
import { ValueLog } from "../src/adapters/values/value-log.ts";
import {
  isApart,
  POINTER_BYTES,
  placeOf,
  pointerTo,
  putRecord,
  RECORD_HEADER_BYTES,
  recordBytes,
  type ValuePlace,
} from "../src/adapters/values/value-record.ts";
import { binaryFromBytes } from "../src/base/binary.ts";
import type {
  ScanRange,
  ScanResult,
  StorageError,
  StorageKey,
  StorageOperation,
} from "../src/ports/storage.ts";
import { Disk, type Ending } from "./disk.ts";
import { type SimRandom, Streams } from "./random.ts";
import { Trace } from "./trace.ts";
import { ValuesBelow } from "./values-below.ts";
import { ValuesDisk } from "./values-disk.ts";
import { Process, Scheduler } from "./virtual-clock.ts";

/** What a run has come to: over some hundred runs, each must have been. */
export interface ValuesProbes {
  batches: number;
  /** Begun while the cleaner had the storage below. */
  waited: number;
  apart: number;
  pointerLike: number;
  forged: number;
  /** Batches of the cleaner. */
  moves: number;
  moved: number;
  /** Batches of the cleaner for a file that another one was for. */
  movedOn: number;
  dropped: number;
  refused: number;
  failed: number;
  scans: number;
  failedReads: number;
  /** Begun while a file was looked at, or values moved. */
  scansWhileCleaning: number;
  /** Files were dropped while they were under way. */
  scansOverDrops: number;
  torn: number;
  /** Bits of values that are pointed to. */
  rotten: number;
  /** Of their headers and keys. */
  lost: number;
  resurrected: number;
  cut: number;
  /** Batches that were not done, and there all the same. */
  returned: number;
  closed: number;
  closedWhileCleaning: number;
  closedWhileWriting: number;
  /** Ends of runs at which the space was counted. */
  quiet: number;
}

export interface ValuesRun {
  readonly violations: readonly string[];
  readonly probes: ValuesProbes;
}

/** A value, as it is to be read. */
interface Held {
  text: string;
  /** Its header has rotted: it may be read as other bytes, or be gone with its file. */
  isLost: boolean;
}

type State = ReadonlyMap<StorageKey, Held>;

/** A read of a storage whose files may be damaged: `undefined` where a file is missing. */
type Found = ReadonlyMap<StorageKey, string | undefined>;

interface Boot {
  readonly storage: SeparatedStorage;
  readonly below: ValuesBelow;
  readonly log: ValueLog;
  readonly isSeparating: boolean;
}

const WHOLE: ScanRange = { from: "", before: "\xff".repeat(9), entriesMax: 1e9, bytesMax: 1e12 };
const BOOTS = 8;
const SCANS_MAX = 3;
const VALUE_BYTES_MAX = 600;
const FORGED_BYTES_MAX = 600;
/** One run in so many has files and values so large that what is live of a file moves in several batches. */
const LARGE_EVERY = 50;
const LARGE_BOOTS = 2;
const LARGE_FILE_BYTES = 6 * 1024 * 1024;
const LARGE_VALUE_BYTES_MAX = 400_000;
const BATCH_MAX = 6;
/** Longer than what the cleaner reads for a header at first. */
const LONG_KEY_BYTES = 5_000;
/** A run ends with as much written as there is, so many times over: files come around twice for each time. */
const QUIET_ROUNDS = 3;
const QUIET_FILES = 8;
/** Then there are no more bytes in files than so many times those pointed to, and some files. */
const SPARE_SHARE = 3;
const SPARE_FILES = 4;

/** One run. The same seed, the same run. */
export function runValues(seed: number): ValuesRun {
  const isLarge = seed % LARGE_EVERY === 0;
  const run = new Run(new Streams(seed), isLarge);
  const boots = isLarge ? LARGE_BOOTS : BOOTS;
  try {
    for (let boot = 1; boot <= boots && run.violations.length === 0; boot += 1)
      run.boot(boot, boot === boots);
  } catch (error) {
    run.violations.push(`threw ${(error as Error).stack}`);
  }
  return run;
}

class Run implements ValuesRun {
  readonly violations: string[];
  readonly probes: ValuesProbes = {
    batches: 0,
    waited: 0,
    apart: 0,
    pointerLike: 0,
    forged: 0,
    moves: 0,
    moved: 0,
    movedOn: 0,
    dropped: 0,
    refused: 0,
    failed: 0,
    scans: 0,
    failedReads: 0,
    scansWhileCleaning: 0,
    scansOverDrops: 0,
    torn: 0,
    rotten: 0,
    lost: 0,
    resurrected: 0,
    cut: 0,
    returned: 0,
    closed: 0,
    closedWhileCleaning: 0,
    closedWhileWriting: 0,
    quiet: 0,
  };
  readonly #random: SimRandom;
  readonly #scheduler: Scheduler;
  readonly #disk: Disk;
  readonly #files: ValuesDisk;
  readonly #keys: readonly StorageKey[];
  readonly #fileBytes: number;
  readonly #valueBytesMax: number;
  readonly #apartBytes: number;
  readonly #isHaunted: boolean;
  /** In four cases, how often a bit rots before a start, and another one after it. */
  readonly #rotting: number;
  #process = new Process(0, 0);
  #values = 0;
  /** What was done. */
  #state: State = new Map();
  /** As it is with the batch under way. */
  #underWay: State | undefined;
  #operations: readonly StorageOperation[] = [];
  /** With batches that failed, and may be there all the same. */
  #mayReturn: State[] = [];
  #scans = 0;
  /** The cleaner's batch is under way. */
  #isMoving = false;
  #movedFrom: number | undefined;
  #isFailed = false;
  #isStopping = false;
  #readErrors = 0;
  #boot: Boot | undefined;

  constructor(streams: Streams, isLarge: boolean) {
    this.#random = streams.stream("values");
    this.#scheduler = new Scheduler(streams.stream("turns"), new Trace());
    this.#disk = new Disk("fsync", streams.stream("below"));
    this.#files = new ValuesDisk(streams.stream("files"));
    this.violations = this.#files.violations;
    this.#files.onRemove = (number) => this.#checkDropped(number);
    this.#fileBytes = isLarge ? LARGE_FILE_BYTES : this.#random.pick([512, 1_024, 2_048, 4_096]);
    this.#valueBytesMax = isLarge ? LARGE_VALUE_BYTES_MAX : VALUE_BYTES_MAX;
    this.#apartBytes = this.#random.pick([32, 64, 64, 256]);
    this.#isHaunted = this.#random.oneIn(4);
    this.#rotting = this.#random.pick([0, 1, 2, 3]);
    const most = isLarge ? 30 : this.#random.pick([12, 24, 24, 150]);
    this.#keys = Array.from({ length: this.#random.between(2, most) }, (_, index) =>
      `k${index}`.padStart(this.#random.oneIn(4) ? this.#random.between(2, 12) : 4, "\x80"),
    );
    if (this.#random.oneIn(8)) this.#keys = [...this.#keys, "l".repeat(LONG_KEY_BYTES)];
  }

  boot(number: number, isLast: boolean): void {
    const boot = this.#open(number, isLast || !this.#random.oneIn(10));
    this.#checkStart(boot);
    const isQuiet = this.#random.oneIn(3);
    const steps = this.#random.between(1, this.#random.oneIn(3) ? 600 : 150);
    for (let step = 0; step < steps && !this.#isFailed; step += 1) this.#step(boot, isQuiet);
    // Between the failure and the end that it brings some time goes by.
    const more = this.#isFailed ? this.#random.below(60) : 0;
    for (let step = 0; step < more; step += 1) this.#step(boot, true);
    if (isLast && !this.#isFailed) this.#settle(boot);
    if (!this.#isFailed && (isLast || this.#random.oneIn(3))) this.#close(boot);
    else this.#end(boot, this.#random.oneIn(2) ? "power" : "process");
  }

  #open(number: number, isSeparating: boolean): Boot {
    const process = new Process(0, number);
    this.#process = process;
    this.#isFailed = false;
    this.#isStopping = false;
    this.#isMoving = false;
    this.#scans = 0;
    const defer = (run: () => void): void => this.#scheduler.after(0, "defer", process, run);
    const below = new ValuesBelow({
      storage: this.#disk.open(process, this.#scheduler),
      disk: this.#disk,
      random: this.#random,
      defer,
      isHaunted: this.#isHaunted,
    });
    below.onBatch = (operations) => this.#noteBelow(operations);
    const log = new ValueLog({
      ...this.#files.open(process, this.#scheduler),
      defer,
      fileBytes: this.#fileBytes,
    });
    const storage = new SeparatedStorage({
      below,
      log,
      isSeparating,
      defer,
      // Five seconds are long beside the few milliseconds that a boot lasts.
      after: (ms, run) => this.#scheduler.after(ms / 500, "timer", process, run),
      apartBytes: this.#apartBytes,
    });
    const boot = { storage, below, log, isSeparating };
    this.#boot = boot;
    return boot;
  }

  /** What a start finds is what was done, or that and the batch of which nobody knows. Then a bit may rot. */
  #checkStart({ storage }: Boot): void {
    const found = this.#found();
    const possible = this.#possible();
    const index = possible.findIndex((state) => isSame(state, found));
    if (index < 0) {
      this.violations.push(`a start found ${describe(found, this.#state)}`);
      return;
    }
    if (index > 0) this.probes.returned += 1;
    this.#state = possible[index] as State;
    this.#underWay = undefined;
    this.#mayReturn = [];
    while (this.#random.chance(this.#rotting, 4)) this.#rot();
    let isDone = false;
    this.#scan(storage, WHOLE, () => {
      isDone = true;
    });
    while (!isDone) this.#run("a scan is never answered");
  }

  /** What is on the disks, by the pointers. */
  #found(): Found {
    return new Map(
      this.#disk.contents().map(({ key, value }) => {
        const place = placeOf(value);
        const bytes =
          place === undefined ? value : this.#files.read(place.file, place.offset, place.length);
        return [key, bytes === undefined ? undefined : binaryFromBytes(bytes)];
      }),
    );
  }

  #rot(): void {
    const places = this.#places();
    const rot = this.#files.rot((file, bytes) => {
      const inside = places.filter(({ place }) => place.file === file);
      if (inside.length === 0 || this.#random.oneIn(4)) return this.#random.below(bytes);
      const { start, place } = this.#random.pick(inside);
      const end = this.#random.oneIn(2) ? place.offset : place.offset + place.length;
      return Math.min(bytes - 1, this.#random.between(start, Math.max(start, end - 1)));
    });
    for (const { key, start, place } of places) {
      const held = this.#state.get(key) as Held;
      const { file, offset, bit } = rot ?? { file: 0, offset: 0, bit: 0 };
      if (place.file !== file || offset < start || offset >= place.offset + place.length) continue;
      if (offset < place.offset) {
        held.isLost = true;
        this.probes.lost += 1;
      } else {
        const text = Buffer.from(held.text, "latin1");
        const index = offset - place.offset;
        text[index] = (text[index] ?? 0) ^ bit;
        held.text = binaryFromBytes(text);
        this.probes.rotten += 1;
      }
    }
  }

  /** What points, and to what; `start` is where the record begins. */
  #places(): { readonly key: StorageKey; readonly start: number; readonly place: ValuePlace }[] {
    return this.#disk.contents().flatMap(({ key, value }) => {
      const place = placeOf(value);
      if (place === undefined) return [];
      return [{ key, start: place.offset - key.length - RECORD_HEADER_BYTES, place }];
    });
  }

  #step(boot: Boot, isQuiet: boolean): void {
    this.#scheduler.step();
    const kind = this.#random.below(16);
    if (kind < 6) {
      if (this.#underWay === undefined) this.#write(boot);
    } else if (kind < 8) this.#checkGet(boot.storage);
    else if (kind < 10) {
      if (this.#scans < SCANS_MAX) this.#scan(boot.storage, this.#drawRange());
    } else if (kind === 10 && !isQuiet && this.#random.oneIn(4)) this.#fault(boot.below);
    else if (kind === 11) this.#mend(boot.below);
  }

  #fault(below: ValuesBelow): void {
    const { faults } = this.#files;
    const kind = this.#random.below(7);
    if (kind === 0) this.#disk.fault({ isFull: true });
    else if (kind === 1) this.#disk.fault({ failsReads: true });
    else if (kind === 2) faults.isFull = true;
    else if (kind === 3) faults.failsReads = true;
    else if (kind === 4) faults.failsWrite = "disk-full";
    else if (kind === 5) faults.failsCreate = "disk-full";
    else if (this.#random.oneIn(8)) {
      const failure = this.#random.below(3);
      if (failure === 0) below.failsNextSync = true;
      else if (failure === 1) faults.failsWrite = "sync-failed";
      else faults.failsCreate = "sync-failed";
    }
  }

  #mend(below: ValuesBelow): void {
    this.#disk.fault({ isFull: false, failsReads: false });
    below.failsNextSync = false;
    Object.assign(this.#files.faults, { isFull: false, failsReads: false });
    this.#files.faults.failsWrite = undefined;
    this.#files.faults.failsCreate = undefined;
  }

  /** A batch, and perhaps another within its `done`. */
  #write(boot: Boot): void {
    const operations = this.#drawBatch(boot);
    const after = applied(this.#state, operations);
    this.#underWay = after;
    this.#operations = operations;
    this.probes.batches += 1;
    if (this.#isMoving) this.probes.waited += 1;
    const isAfterFailure = this.#isFailed;
    let isInCall = true;
    let isTold = false;
    boot.storage.write(operations, (error) => {
      if (isInCall) this.violations.push("done ran within the call");
      if (isTold) this.violations.push("done ran twice");
      isTold = true;
      if (isAfterFailure && error === undefined)
        this.violations.push("a batch is done after one that could not be synced");
      this.#underWay = undefined;
      this.#operations = [];
      this.#note(boot, after, error);
      if (!this.#isStopping && this.#underWay === undefined && this.#random.oneIn(2))
        this.#write(boot);
    });
    isInCall = false;
  }

  /** What is known after a batch was answered. */
  #note({ below }: Boot, after: State, error: StorageError | undefined): void {
    if (error === undefined) {
      this.#state = after;
      this.#mayReturn = [];
      return;
    }
    if (below.isLingering) this.#mayReturn.push(after);
    if (error.code === "disk-full") this.probes.refused += 1;
    else {
      this.probes.failed += 1;
      this.#isFailed = true;
    }
  }

  /** A batch of which the storage below was told: a client's, or the cleaner's. */
  #noteBelow(operations: readonly StorageOperation[]): void {
    const isClients =
      operations.length === this.#operations.length &&
      operations.every(({ key }, index) => key === this.#operations[index]?.key);
    this.#isMoving = !isClients;
    if (isClients) return;
    this.probes.moves += 1;
    this.probes.moved += operations.length;
    const [{ key } = { key: "" }] = operations;
    const from = placeOf(this.#disk.get(key) ?? EMPTY)?.file;
    if (from !== undefined && from === this.#movedFrom) this.probes.movedOn += 1;
    this.#movedFrom = from;
  }

  /** Nothing that is there, or may be after an end, points into a file that goes. */
  #checkDropped(number: number): void {
    this.probes.dropped += 1;
    const pending = this.#boot?.below.pending() ?? [];
    for (const operation of [...this.#disk.contents(), ...pending]) {
      const { key, value } = operation;
      if (value === undefined || placeOf(value)?.file !== number) continue;
      if (this.#state.get(key)?.isLost === true) continue;
      const isPending = pending.includes(operation);
      this.violations.push(
        `file ${number} is removed, and ${brief(key)} points into it${isPending ? ", or may after an end" : ""}`,
      );
    }
  }

  #drawBatch({ log, isSeparating }: Boot): StorageOperation[] {
    return Array.from({ length: this.#random.below(BATCH_MAX + 1) }, () => {
      const key = this.#random.pick(this.#keys);
      if (this.#random.oneIn(6)) return { key, value: undefined };
      const value = this.#drawValue(log, isSeparating);
      if (isSeparating && isApart(value, this.#apartBytes)) this.probes.apart += 1;
      return { key, value };
    });
  }

  #drawValue(log: ValueLog, isSeparating: boolean): Buffer {
    const kind = this.#random.below(8);
    if (kind === 0 && isSeparating) return this.#drawPointer();
    const value = Buffer.alloc(this.#random.below(this.#valueBytesMax + 1), "x");
    if (kind === 1) this.#forge(value, log);
    this.#values += 1;
    value.write(`${this.#values}.`, "latin1");
    return value;
  }

  /** What looks like a pointer: to what is there, or to nothing. */
  #drawPointer(): Buffer {
    this.probes.pointerLike += 1;
    const places = this.#places();
    if (places.length > 0 && this.#random.oneIn(2)) {
      return pointerTo(this.#random.pick(places).place);
    }
    return pointerTo({
      file: this.#random.below(40),
      offset: this.#random.below(2_000),
      length: this.#random.oneIn(4) ? this.#random.next32() : this.#random.below(100),
    });
  }

  /** Fills a value with what would be records of its file, if it is the next one or that before, and the key has four bytes. */
  #forge(value: Buffer, log: ValueLog): void {
    this.probes.forged += 1;
    const file = (log.numbers().at(-1) ?? 0) + this.#random.below(2);
    let at = 8 - ((RECORD_HEADER_BYTES + 4) % 8);
    while (at < Math.min(value.length, FORGED_BYTES_MAX)) {
      const pieces: Uint8Array[] = [];
      const claimed = this.#random.oneIn(2) ? this.#random.below(60) : this.#random.below(3_000);
      putRecord(pieces, file, this.#random.pick(this.#keys), Buffer.alloc(claimed));
      const record = Buffer.concat(pieces).subarray(0, 8 * this.#random.between(3, 9));
      record.copy(value, at);
      at += record.length;
    }
  }

  #drawRange(): ScanRange {
    const hidden = this.#keys.filter(() => this.#random.oneIn(3));
    return {
      from: this.#random.oneIn(2) ? "" : this.#random.pick(this.#keys),
      before: this.#random.oneIn(2) ? WHOLE.before : this.#random.pick(this.#keys),
      entriesMax: this.#random.oneIn(2) ? 1e9 : this.#random.below(10),
      bytesMax: this.#random.oneIn(2) ? 1e12 : this.#random.below(this.#random.pick([1, 2_000])),
      ...(this.#random.oneIn(3) ? { hidden: new Set(hidden) } : {}),
    };
  }

  /** What may be shown now, what was done first. */
  #possible(): State[] {
    return [
      this.#state,
      ...(this.#underWay === undefined ? [] : [this.#underWay]),
      ...this.#mayReturn,
    ];
  }

  #checkGet(storage: SeparatedStorage): void {
    const key = this.#random.pick(this.#keys);
    let bytes: Uint8Array | undefined;
    try {
      bytes = storage.get(key);
    } catch (error) {
      this.#checkReadError(error as StorageError);
      return;
    }
    const found = bytes === undefined ? undefined : binaryFromBytes(bytes);
    if (this.#possible().some((state) => isHeld(state.get(key), found))) return;
    this.violations.push(
      `get of ${brief(key)} found ${brief(found)}, not ${brief(this.#state.get(key)?.text)}`,
    );
  }

  #scan(storage: SeparatedStorage, range: ScanRange, done: () => void = () => undefined): void {
    this.#scans += 1;
    this.probes.scans += 1;
    if (this.#isCleaning(this.#scans - 1)) this.probes.scansWhileCleaning += 1;
    const possible = this.#possible();
    const dropped = this.probes.dropped;
    let isInCall = true;
    storage.scan(range, (result) => {
      if (isInCall) this.violations.push("a scan's done ran within the call");
      this.#scans -= 1;
      if (this.probes.dropped > dropped) this.probes.scansOverDrops += 1;
      if (result.kind === "failed") this.#checkReadError(result.error);
      else this.#checkPage(possible, range, result);
      done();
    });
    isInCall = false;
  }

  #checkPage(
    possible: readonly State[],
    range: ScanRange,
    { entries, isComplete }: ScanResult & { readonly kind: "scanned" },
  ): void {
    const found = entries.map(({ key, value }): [StorageKey, string] => [
      key,
      binaryFromBytes(value),
    ]);
    const isRight = possible.some((state) => {
      const page = pageOf(state, range);
      return (
        page.isComplete === isComplete &&
        page.entries.length === found.length &&
        page.entries.every(
          ([key, held], index) => found[index]?.[0] === key && isHeld(held, found[index]?.[1]),
        )
      );
    });
    if (isRight) return;
    const { entriesMax, bytesMax, hidden } = range;
    const page = pageOf(possible[0] as State, range);
    this.violations.push(
      `a scan of ${entriesMax} entries and ${bytesMax} bytes${hidden ? ", some hidden," : ""} found ` +
        `${found.length} entries, complete ${isComplete}; not ${page.entries.length}, ${page.isComplete}: ` +
        describe(new Map(found), new Map(page.entries)),
    );
  }

  #checkReadError(error: StorageError): void {
    this.probes.failedReads += 1;
    if (error.code !== "read-failed") this.violations.push(`a read says ${error.message}`);
    else this.#readErrors += 1;
  }

  /** @param scans Those that may read files. */
  #isCleaning(scans: number): boolean {
    return this.#isMoving || (scans === 0 && this.#files.reading > 0);
  }

  /** With nothing wrong, and all written again and again: the space of what was replaced has come back. */
  #settle(boot: Boot): void {
    this.#mend(boot.below);
    this.#isStopping = true;
    const enough = QUIET_ROUNDS * this.#files.bytes + QUIET_FILES * this.#fileBytes;
    const readErrors = this.#readErrors;
    for (let written = 0; written < enough; ) {
      while (this.#underWay !== undefined) this.#run("a write is never answered");
      if (this.#isFailed) return;
      this.#write(boot);
      for (const { value = EMPTY } of this.#operations) written += value.length;
    }
    while (this.#scheduler.step()) if (this.violations.length > 0) return;
    if (this.#underWay !== undefined) this.violations.push("a write is never answered");
    if (this.#isFailed || this.#readErrors > readErrors) return;
    this.probes.quiet += 1;
    let live = 0;
    for (const { key, place } of this.#places()) live += recordBytes(key, place.length);
    const keyBytes = Math.max(...this.#keys.map(({ length }) => length));
    const batchBytes = BATCH_MAX * (this.#valueBytesMax + keyBytes + RECORD_HEADER_BYTES);
    const fileBytes = this.#fileBytes + batchBytes;
    const { bytes, files, opened } = this.#files;
    if (bytes > SPARE_SHARE * live + SPARE_FILES * fileBytes)
      this.violations.push(`${bytes} bytes in ${files} files for ${live} of values`);
    if (opened !== boot.log.numbers().length)
      this.violations.push(`${opened} files are open, of ${boot.log.numbers().length}`);
  }

  /** A stop in order, with whatever is under way. */
  #close(boot: Boot): void {
    this.#isStopping = true;
    if (this.#isCleaning(this.#scans)) this.probes.closedWhileCleaning += 1;
    if (this.#underWay !== undefined) this.probes.closedWhileWriting += 1;
    let isClosed = false;
    boot.storage.close(() => {
      isClosed = true;
    });
    let told = 0;
    boot.storage.write([], (error) => {
      if (error?.code === "closed") told += 1;
    });
    boot.storage.scan(WHOLE, (result) => {
      if (result.kind === "failed" && result.error.code === "closed") told += 1;
    });
    while (!isClosed) this.#run("a close never ends");
    if (this.#underWay !== undefined) this.violations.push("a storage is closed before its batch");
    if (this.#scans > 0) this.violations.push("a storage is closed before its scans");
    while (this.#scheduler.step());
    if (told !== 2) this.violations.push("a closed storage does not say so");
    if (this.#files.opened > 0) this.violations.push(`${this.#files.opened} files are left open`);
    this.probes.closed += 1;
    this.#end(boot, "power");
  }

  #end({ below }: Boot, ending: Ending): void {
    this.#scheduler.kill(this.#process);
    if (this.#underWay !== undefined) this.probes.cut += 1;
    this.#disk.endBoot(ending);
    below.endBoot();
    this.#files.endBoot();
    this.probes.torn = this.#files.torn;
    this.probes.resurrected = this.#files.resurrected;
    this.#disk.fault({ isFull: false, failsReads: false });
  }

  #run(otherwise: string): void {
    if (!this.#scheduler.step()) throw new Error(otherwise);
  }
}

const EMPTY = Buffer.alloc(0);

function applied(state: State, operations: readonly StorageOperation[]): State {
  const after = new Map(state);
  for (const { key, value } of operations) {
    if (value === undefined) after.delete(key);
    else after.set(key, { text: binaryFromBytes(value), isLost: false });
  }
  return after;
}

function isHeld(held: Held | undefined, found: string | undefined): boolean {
  if (held === undefined || found === undefined) return held === found;
  return held.text === found || (held.isLost && held.text.length === found.length);
}

function isSame(state: State, found: Found): boolean {
  if (state.size !== found.size) return false;
  return [...state].every(([key, held]) => {
    const text = found.get(key);
    return text === undefined ? held.isLost && found.has(key) : isHeld(held, text);
  });
}

function pageOf(
  state: State,
  range: ScanRange,
): { readonly entries: readonly [StorageKey, Held][]; readonly isComplete: boolean } {
  const inside = [...state]
    .filter(([key]) => key >= range.from && key < range.before && range.hidden?.has(key) !== true)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const entries: [StorageKey, Held][] = [];
  let bytes = 0;
  for (const [key, held] of inside) {
    if (entries.length === range.entriesMax || (entries.length > 0 && bytes >= range.bytesMax))
      break;
    entries.push([key, held]);
    bytes += key.length + held.text.length;
  }
  return { entries, isComplete: entries.length === inside.length };
}

function describe(found: Found, expected: State): string {
  const keys = [...new Set([...found.keys(), ...expected.keys()])];
  return keys
    .filter((key) => !isHeld(expected.get(key), found.get(key)))
    .map((key) => `${brief(key)}: ${brief(found.get(key))}, not ${brief(expected.get(key)?.text)}`)
    .join("; ");
}

function brief(value: string | undefined): string {
  if (value === undefined) return "nothing";
  const bytes = value.length === POINTER_BYTES ? "a pointer?" : `${value.length} bytes`;
  return value.length < 12
    ? JSON.stringify(value)
    : `${JSON.stringify(value.slice(0, 6))}(${bytes})`;
}
