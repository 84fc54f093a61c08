/**
 * The `Storage` port without a disk: what `--durability memory` and the simulator run on.
 *
 * Invariant: a batch becomes visible in one step, in the turn in which its `done` runs, never in the call itself.
 */
import { assert } from "../../base/assert.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type ScanRange,
  type ScanResult,
  type Storage,
  StorageError,
  type StorageKey,
  type StorageOperation,
} from "../../ports/storage.ts";
import { MemoryTable } from "./memory-table.ts";

export class MemoryStorage implements Storage {
  readonly #defer: Clock["defer"];
  readonly #table: MemoryTable;
  #isWriting = false;
  #isClosed = false;

  /**
   * @param clock `defer` alone is used.
   * @param table What is held; pass the table of a closed storage to open it again.
   */
  constructor(clock: Pick<Clock, "defer">, table: MemoryTable = new MemoryTable()) {
    this.#defer = (callback) => clock.defer(callback);
    this.#table = table;
  }

  get(key: StorageKey): Uint8Array | undefined {
    if (this.#isClosed) throw closedError();
    return this.#table.get(key);
  }

  write(
    operations: readonly StorageOperation[],
    done: (error: StorageError | undefined) => void,
  ): void {
    assert(!this.#isWriting, "one write is under way at a time");
    if (this.#isClosed) {
      this.#defer(() => done(closedError()));
      return;
    }
    this.#isWriting = true;
    this.#defer(() => {
      this.#isWriting = false;
      this.#table.apply(operations);
      done(undefined);
    });
  }

  scan(range: ScanRange, done: (result: ScanResult) => void): void {
    const result: ScanResult = this.#isClosed
      ? { kind: "failed", error: closedError() }
      : { kind: "scanned", ...this.#table.scan(range) };
    this.#defer(() => done(result));
  }

  close(done: () => void): void {
    this.#isClosed = true;
    this.#defer(done);
  }
}

function closedError(): StorageError {
  return new StorageError("closed", "the storage is closed");
}
