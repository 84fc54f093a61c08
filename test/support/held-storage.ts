/** A storage and a clock that go on only when a test says so: what is under way stays under way until then. */
import { MemoryTable } from "../../src/adapters/memory/memory-table.ts";
import type { Clock } from "../../src/ports/clock.ts";
import {
  type ScanRange,
  type ScanResult,
  type Storage,
  StorageError,
  type StorageErrorCode,
  type StorageKey,
  type StorageOperation,
} from "../../src/ports/storage.ts";

type WriteDone = (error: StorageError | undefined) => void;

/** Batches become visible by `commit`; scans see what is committed when they are asked, and answer by `endScans`. */
export class HeldStorage implements Storage {
  readonly #table = new MemoryTable();
  #batch:
    | { readonly operations: readonly StorageOperation[]; readonly done: WriteDone }
    | undefined;
  #scans: (() => void)[] = [];
  /** Space is short while set. */
  isLow = false;
  /** Reads fail while set. */
  isUnreadable = false;
  #failingReads = 0;

  /** Whether a batch is under way. */
  get isWriting(): boolean {
    return this.#batch !== undefined;
  }

  /** Scans waiting to answer. */
  get scansWaiting(): number {
    return this.#scans.length;
  }

  get(key: StorageKey): Uint8Array | undefined {
    if (this.isUnreadable || this.#failingReads > 0) {
      this.#failingReads = Math.max(0, this.#failingReads - 1);
      throw readError();
    }
    const value = this.#table.get(key);
    return value === undefined ? undefined : new Uint8Array(value);
  }

  write(operations: readonly StorageOperation[], done: WriteDone): void {
    if (this.#batch !== undefined) throw new Error("two batches at a time");
    this.#batch = { operations, done };
  }

  scan(range: ScanRange, done: (result: ScanResult) => void): void {
    const result: ScanResult = this.isUnreadable
      ? { kind: "failed", error: readError() }
      : { kind: "scanned", ...this.#table.scan(range) };
    this.#scans.push(() => done(result));
  }

  close(done: () => void): void {
    done();
  }

  /** Lets the next reads by key fail, and those after them be answered. */
  failNextReads(count: number): void {
    this.#failingReads = count;
  }

  /** Puts values where a test wants to find them, past all commits. */
  plant(key: StorageKey, value: Uint8Array | undefined): void {
    this.#table.apply([{ key, value }]);
  }

  /** Ends the batch under way well, or with an error. */
  commit(code?: StorageErrorCode): void {
    const batch = this.#batch;
    if (batch === undefined) throw new Error("no batch is under way");
    this.#batch = undefined;
    if (code === undefined) this.#table.apply(batch.operations);
    batch.done(code === undefined ? undefined : new StorageError(code, "as the test wants it"));
  }

  /** Answers the scans that wait; those they lead to wait for the next call. */
  endScans(): void {
    const scans = this.#scans;
    this.#scans = [];
    for (const end of scans) end();
  }
}

function readError(): StorageError {
  return new StorageError("read-failed", "as the test wants it");
}

/** Time stands still; what was deferred runs by `turn`, timers by `advance`. */
export class HeldClock implements Clock {
  #nowMs = 0;
  #turnLastsMs = 0;
  #deferred: (() => void)[] = [];
  #timers: { readonly atMs: number; readonly callback: () => void }[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  turnMs(): number {
    return this.#nowMs - this.#turnLastsMs;
  }

  wallMs(): number {
    return 1_000_000 + this.#nowMs;
  }

  after(delayMs: number, callback: () => void): void {
    this.#timers.push({ atMs: this.#nowMs + delayMs, callback });
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /** Runs what was deferred until nothing is. */
  turn(): void {
    for (let next = this.#deferred.shift(); next !== undefined; next = this.#deferred.shift())
      next();
  }

  /** Time passes, and nothing runs: timers come late. */
  stall(ms: number): void {
    this.#nowMs += ms;
    this.#turnLastsMs = 0;
  }

  /** Time passes within a turn, which ends when time is let pass. */
  compute(ms: number): void {
    this.#nowMs += ms;
    this.#turnLastsMs += ms;
  }

  /** Lets time pass, timer by timer. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    this.#turnLastsMs = 0;
    for (;;) {
      this.turn();
      this.#timers.sort((a, b) => a.atMs - b.atMs);
      const next = this.#timers[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.shift();
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = untilMs;
  }
}
