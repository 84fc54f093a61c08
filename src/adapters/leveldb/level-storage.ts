/**
 * The `Storage` port over LevelDB (docs/decisions/0004). Commits run off the event loop, reads by key on it.
 *
 * Invariants: after a failed batch LevelDB is never written to again before it was reopened, because a record
 * appended behind a torn one would be lost at the next start; and a batch answered "disk-full" is not there after
 * reopening, even if its record survived whole in the log.
 */
import { mkdir, realpath } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { assert } from "../../base/assert.ts";
import { compareBytes } from "../../base/binary.ts";
import {
  type ScanRange,
  type ScanResult,
  type Storage,
  StorageError,
  type StorageKey,
  type StorageOperation,
} from "../../ports/storage.ts";
import { DataDirectoryError } from "../data-directory/data-directory-error.ts";
import { type FreeSpaceProbe, hasSpaceFor, logBytes } from "./free-space.ts";
import {
  getLevel,
  LEVEL_TUNING,
  type Level,
  type LevelTuning,
  openLevel,
  valuesBefore,
  writeLevel,
} from "./level-database.ts";
import {
  isLocked,
  isNoSpace,
  openErrorFrom,
  readErrorFrom,
  writeErrorFrom,
} from "./level-errors.ts";
import { scanLevel } from "./level-scan.ts";
import { SpaceWatch } from "./space-watch.ts";

export interface LevelStorageOptions {
  /** LevelDB's own directory; created where it is missing, its parent must exist. */
  readonly directory: string;
  /** `fsync`: `write` is done when the disk has it. `os`: when the operating system has it. */
  readonly durability: "fsync" | "os";
  /** LevelDB's settings; for benchmarks and tests. */
  readonly tuning?: Partial<LevelTuning>;
  /** Free bytes below which the storage is low; by default never. */
  readonly freeBytesMin?: number;
  /** Tells whether a full disk has space again; for tests. */
  readonly hasSpaceFor?: FreeSpaceProbe;
  /** How long writes fail fast after a look for space, in milliseconds; for tests. */
  readonly reopenPauseMs?: number;
}

/** Looking for space costs a trial file, and a failed attempt to reopen the reads: not at every batch. */
const REOPEN_PAUSE_MS = 500;

/**
 * `open`: as it should be. `full`: LevelDB stands, for reading only. `shut`: it does not stand, reopening is
 * under way or has failed. `failed`: a sync failed; reads go on, writes never again.
 */
type State = "open" | "full" | "shut" | "failed";

/** Canonical paths open in this process: see `openLevelStorage`. */
const openDirectories = new Set<string>();

/**
 * Opens the database in `options.directory` and recovers what was committed.
 *
 * @throws `DataDirectoryError` `locked`; `StorageError` `disk-full` or `read-failed`.
 */
export async function openLevelStorage(options: LevelStorageOptions): Promise<Storage> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const directory = await realpath(options.directory);
  // LevelDB would find out too, but by closing a second descriptor of its lock file, and POSIX then takes the
  // lock of the whole process away: the next process would get in.
  if (openDirectories.has(directory)) throw lockedError(directory);
  openDirectories.add(directory);
  const tuning = { ...LEVEL_TUNING, ...options.tuning };
  try {
    const level = await openLevel(directory, tuning);
    const space = new SpaceWatch({ directory, floorBytes: options.freeBytesMin ?? 0 });
    await space.start();
    return new LevelStorage(level, { ...options, directory, tuning, space });
  } catch (error) {
    openDirectories.delete(directory);
    if (isLocked(error)) throw lockedError(directory);
    throw openErrorFrom(error, directory);
  }
}

class LevelStorage implements Storage {
  readonly #directory: string;
  readonly #tuning: LevelTuning;
  readonly #isSynced: boolean;
  readonly #hasSpaceFor: FreeSpaceProbe;
  readonly #reopenPauseMs: number;
  readonly #space: SpaceWatch;
  #level: Level;
  #state: State = "open";
  #isClosed = false;
  /** The write under way; resolves, never rejects, when it is over. */
  #writing: Promise<StorageError | undefined> | undefined;
  /** After a refused batch: what its keys held before it. */
  #before: readonly StorageOperation[] = [];
  #reopenNotBeforeMs = 0;

  constructor(
    level: Level,
    options: LevelStorageOptions & { readonly tuning: LevelTuning; readonly space: SpaceWatch },
  ) {
    this.#level = level;
    this.#space = options.space;
    this.#directory = options.directory;
    this.#tuning = options.tuning;
    this.#isSynced = options.durability === "fsync";
    this.#hasSpaceFor = options.hasSpaceFor ?? hasSpaceFor;
    this.#reopenPauseMs = options.reopenPauseMs ?? REOPEN_PAUSE_MS;
  }

  get isLow(): boolean {
    return this.#space.isLow;
  }

  get(key: StorageKey): Uint8Array | undefined {
    if (this.#isClosed) throw closedError();
    try {
      return getLevel(this.#level, key);
    } catch (error) {
      throw this.#readError(error);
    }
  }

  write(
    operations: readonly StorageOperation[],
    done: (error: StorageError | undefined) => void,
  ): void {
    assert(this.#writing === undefined, "one write is under way at a time");
    if (this.#isClosed) {
      setImmediate(() => done(closedError()));
      return;
    }
    this.#writing = this.#state === "open" ? this.#commit(operations) : this.#retry(operations);
    tell(this.#writing, (error) => {
      this.#writing = undefined;
      done(error);
    });
  }

  scan(range: ScanRange, done: (result: ScanResult) => void): void {
    if (this.#isClosed) {
      setImmediate(() => done({ kind: "failed", error: closedError() }));
      return;
    }
    tell(this.#scan(range), done);
  }

  close(done: () => void): void {
    assert(!this.#isClosed, "a storage is closed once");
    this.#isClosed = true;
    tell(this.#end(), done);
  }

  async #scan(range: ScanRange): Promise<ScanResult> {
    try {
      return await scanLevel(this.#level, range);
    } catch (error) {
      return { kind: "failed", error: this.#readError(error) };
    }
  }

  /** One batch in one record of the log. Resolves to why it failed. */
  async #commit(operations: readonly StorageOperation[]): Promise<StorageError | undefined> {
    try {
      await writeLevel(this.#level, operations, this.#isSynced);
      return undefined;
    } catch (error) {
      return this.#onWriteFailed(operations, error);
    }
  }

  #onWriteFailed(operations: readonly StorageOperation[], cause: unknown): StorageError {
    const error = writeErrorFrom(cause);
    if (error.code !== "disk-full") {
      this.#state = "failed";
      return error;
    }
    try {
      // LevelDB has not applied the batch, but where it was the sync that lacked space (file systems that
      // allocate late, quotas) its record stands whole in the log, and reopening would apply it. So what was
      // there before is remembered, to be put back.
      this.#before = valuesBefore(this.#level, operations);
      this.#state = "full";
      return error;
    } catch (readError) {
      this.#state = "failed";
      return writeErrorFrom(readError);
    }
  }

  /** A write after one that failed. */
  async #retry(operations: readonly StorageOperation[]): Promise<StorageError | undefined> {
    // A later turn, always: nothing below awaits when the answer is already known.
    await nextTurn();
    if (this.#state === "failed") {
      return new StorageError("sync-failed", "an earlier write or sync failed; nothing was stored");
    }
    return (await this.#reopen()) ?? this.#commit(operations);
  }

  /** Closes LevelDB and opens it again if there is space; resolves to why it could not be. */
  async #reopen(): Promise<StorageError | undefined> {
    const error = new StorageError("disk-full", "disk full; nothing was stored");
    if (performance.now() < this.#reopenNotBeforeMs) return error;
    this.#reopenNotBeforeMs = performance.now() + this.#reopenPauseMs;
    // What opening writes at once, the logs as tables, and room for the first compactions.
    const bytes = (await logBytes(this.#directory)) + 2 * this.#tuning.writeBufferSize;
    if (!(await this.#hasSpaceFor(this.#directory, bytes))) return error;
    this.#state = "shut";
    try {
      await this.#level.close();
      // In its place only when the refused batch is undone: nobody may read what was not stored.
      this.#level = await openLevelWith(this.#before, this.#directory, this.#tuning);
    } catch (cause) {
      if (isNoSpace(cause)) return error;
      // Damaged, or taken by another process while the lock was free: either way no longer ours to write.
      this.#state = "failed";
      return new StorageError("sync-failed", "cannot reopen after a full disk", cause);
    }
    this.#before = [];
    this.#state = "open";
    return undefined;
  }

  async #end(): Promise<void> {
    this.#space.close();
    await this.#writing;
    // So that the refused batch is undone also for the next start. Where there is still no space for that, its
    // record may come back: it was answered "disk-full" by a sync, on a disk that stayed full until the end.
    if (this.#before.length > 0) {
      this.#reopenNotBeforeMs = 0;
      await this.#reopen();
    }
    await this.#level.close();
    openDirectories.delete(this.#directory);
  }

  #readError(error: unknown): StorageError {
    if (this.#isClosed) return closedError();
    if (this.#state !== "shut") return readErrorFrom(error);
    return new StorageError("read-failed", "the storage is reopening after a full disk", error);
  }
}

/** Opens the database with the keys of `before` as they were: a batch since then is undone where its record survived. */
async function openLevelWith(
  before: readonly StorageOperation[],
  directory: string,
  tuning: LevelTuning,
): Promise<Level> {
  const level = await openLevel(directory, tuning);
  try {
    const changed = before.filter(({ key, value }) => {
      const held = getLevel(level, key);
      return held === undefined || value === undefined
        ? held !== value
        : compareBytes(held, value) !== 0;
    });
    if (changed.length > 0) await writeLevel(level, changed, true);
    return level;
  } catch (error) {
    await level.close();
    throw error;
  }
}

/**
 * Calls `done` with what `promise` resolves to, outside of it: what `done` throws is a bug that must end the
 * process, and not become a rejection that somebody may have chosen to ignore.
 */
function tell<Value>(promise: Promise<Value>, done: (value: Value) => void): void {
  promise.then(
    (value) => process.nextTick(done, value),
    (error: unknown) => process.nextTick(rethrow, error),
  );
}

function rethrow(error: unknown): never {
  throw error;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function lockedError(directory: string): DataDirectoryError {
  const message = `data directory ${directory} is in use by another node`;
  return new DataDirectoryError("locked", message);
}

function closedError(): StorageError {
  return new StorageError("closed", "the storage is closed");
}
