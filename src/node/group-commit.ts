/**
 * Group commit: operations of one turn, and those that arrive while a commit is under way, form the next
 * batch. A read sees what was put, committed or not; whoever answers a peer or client with what it saw waits
 * for the commit first (`whenDurable`), so that nobody learns what a crash could take back.
 *
 * Invariant: a batch that failed takes every later put with it, because those were merged on top of it.
 * Source: DeWitt et al., "Implementation Techniques for Main Memory Database Systems" (1984), section 5.2.
 */
import { assert } from "../base/assert.ts";
import type { Clock } from "../ports/clock.ts";
import type { Storage, StorageError, StorageKey, StorageOperation } from "../ports/storage.ts";
import type { Durations } from "./durations.ts";

/** Told once whether everything put so far is durable. */
export type Committed = (error: StorageError | undefined) => void;

export interface GroupCommitOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  /** Adds what every batch must carry (the clock reading, the commit number). */
  readonly seal: () => StorageOperation;
  /** What else must go with the next batch, whatever that is: asked when it is sealed. */
  readonly alongside?: () => readonly StorageOperation[];
  /** The batch sealed last is durable. Runs before the next one is sealed. */
  readonly onDurable?: () => void;
  readonly durations?: Durations;
  /** Calls `tellAll`, which tells all who waited for a batch: what they send of it may go together. */
  readonly tell?: (tellAll: () => void) => void;
  /** A commit failed: these keys were put and are not stored. Runs before the waiters. */
  readonly onFailed: (keys: readonly StorageKey[], error: StorageError) => void;
}

interface Batch {
  bytes: number;
  /** When something was first put into it, on the monotonic clock. */
  sinceMs: number | undefined;
  /** By their keys, as the storage takes them: what is put again before its batch is written takes the place of what was put. */
  readonly operations: Map<StorageKey, StorageOperation>;
  readonly waiters: Committed[];
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #forming: Batch = emptyBatch();
  #writing: Batch | undefined;
  #isScheduled = false;
  #isClosed = false;
  #commits = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Batches handed to the storage since start. */
  get commits(): number {
    return this.#commits;
  }

  /** See `Storage`. */
  get apartBytes(): number {
    return this.#options.storage.apartBytes ?? 0;
  }

  /** Keys put and not yet durable. */
  get uncommitted(): number {
    return this.#forming.operations.size + (this.#writing?.operations.size ?? 0);
  }

  /** Keys put and not yet durable, in no order; one may be told twice. */
  *uncommittedKeys(): Iterable<StorageKey> {
    yield* this.#forming.operations.keys();
    if (this.#writing !== undefined) yield* this.#writing.operations.keys();
  }

  /** Bytes of values put and not yet durable: what memory a slow disk costs. */
  get uncommittedBytes(): number {
    return this.#forming.bytes + (this.#writing?.bytes ?? 0);
  }

  /** The newest value, whether or not it is durable. Throws `StorageError` `read-failed`. */
  get(key: StorageKey): Uint8Array | undefined {
    const put = this.#forming.operations.get(key) ?? this.#writing?.operations.get(key);
    return put === undefined ? this.#options.storage.get(key) : put.value;
  }

  /** Whether the newest value of `key` could still be lost. */
  isUncommitted(key: StorageKey): boolean {
    return this.#forming.operations.has(key) || this.#writing?.operations.has(key) === true;
  }

  /** Puts a value into the forming batch; `undefined` removes the key. The bytes must not change afterwards. */
  put(key: StorageKey, value: Uint8Array | undefined): void {
    if (this.#isClosed) return;
    const batch = this.#forming;
    // A value that is overwritten while it waits is counted until its batch is written: an upper bound.
    batch.bytes += value?.length ?? 0;
    batch.sinceMs ??= this.#options.clock.monotonicMs();
    batch.operations.set(key, { key, value });
    this.#schedule();
  }

  /** Calls back once everything put so far is durable; within the call only when nothing is outstanding. */
  whenDurable(done: Committed): void {
    if (this.#forming.operations.size > 0) this.#forming.waiters.push(done);
    else if (this.#writing !== undefined) this.#writing.waiters.push(done);
    else done(undefined);
  }

  /** Calls back once the newest value of `key` is durable; within the call when it is. */
  whenKeyDurable(key: StorageKey, done: Committed): void {
    if (this.#forming.operations.has(key)) this.#forming.waiters.push(done);
    else if (this.#writing?.operations.has(key) === true) this.#writing.waiters.push(done);
    else done(undefined);
  }

  /** Takes nothing more: what comes after the last commit of a stopping node is as if it had not come. */
  close(): void {
    this.#isClosed = true;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#writing !== undefined) return;
    this.#isScheduled = true;
    this.#options.clock.defer(() => {
      this.#isScheduled = false;
      this.#write();
    });
  }

  #write(): void {
    if (this.#isClosed || this.#writing !== undefined) return;
    if (this.#forming.operations.size === 0) return;
    const batch = this.#forming;
    this.#forming = emptyBatch();
    this.#writing = batch;
    this.#commits += 1;
    const operations: StorageOperation[] = [...batch.operations.values()];
    for (const operation of this.#options.alongside?.() ?? []) operations.push(operation);
    operations.push(this.#options.seal());
    const { clock, durations, storage } = this.#options;
    const startMs = clock.monotonicMs();
    durations?.stages["commit-queue"].add(startMs - (batch.sinceMs ?? startMs));
    storage.write(operations, (error) => {
      durations?.stages["commit-sync"].add(clock.monotonicMs() - startMs);
      this.#onWritten(batch, error);
    });
  }

  #onWritten(batch: Batch, error: StorageError | undefined): void {
    assert(this.#writing === batch, "one commit is under way at a time");
    this.#writing = undefined;
    if (error === undefined) {
      this.#options.onDurable?.();
      // Not at once: whoever is told now, and what has arrived meanwhile, comes into the next batch instead of the one after it.
      if (this.#forming.operations.size > 0) this.#schedule();
      const tellAll = (): void => {
        for (const waiter of batch.waiters) waiter(undefined);
      };
      if (this.#options.tell === undefined) tellAll();
      else this.#options.tell(tellAll);
      return;
    }
    const later = this.#forming;
    this.#forming = emptyBatch();
    this.#options.onFailed([...batch.operations.keys(), ...later.operations.keys()], error);
    for (const waiter of batch.waiters) waiter(error);
    for (const waiter of later.waiters) waiter(error);
  }
}

function emptyBatch(): Batch {
  return { bytes: 0, sinceMs: undefined, operations: new Map(), waiters: [] };
}
