/**
 * What is below separated values: a disk that is durable when it says so, and whose refused and failed batches may be there after
 * all when the process ends, as those of the journal and the tables may (`journal-run.ts`).
 */
import {
  type ScanRange,
  type ScanResult,
  type Storage,
  StorageError,
  type StorageKey,
  type StorageOperation,
} from "../src/ports/storage.ts";
import type { Disk } from "./disk.ts";
import type { SimRandom } from "./random.ts";

export class ValuesBelow implements Storage {
  /** The next write fails to sync, and with it all that follow. */
  failsNextSync = false;
  /** Told of every batch that is begun. */
  onBatch: (operations: readonly StorageOperation[]) => void = () => undefined;
  readonly #storage: Storage;
  readonly #disk: Disk;
  readonly #random: SimRandom;
  readonly #defer: (run: () => void) => void;
  readonly #isHaunted: boolean;
  #underWay: readonly StorageOperation[] = [];
  #lingering: readonly StorageOperation[] = [];
  #isFailed = false;

  /** @param isHaunted A batch that was refused may stand in its log until it takes another one. */
  constructor(options: {
    readonly storage: Storage;
    readonly disk: Disk;
    readonly random: SimRandom;
    readonly defer: (run: () => void) => void;
    readonly isHaunted: boolean;
  }) {
    this.#storage = options.storage;
    this.#disk = options.disk;
    this.#random = options.random;
    this.#defer = options.defer;
    this.#isHaunted = options.isHaunted;
  }

  /** Whether a batch that was not done may be there at the next start. */
  get isLingering(): boolean {
    return this.#lingering.length > 0;
  }

  /** What may be there at the next start. */
  pending(): readonly StorageOperation[] {
    return [...this.#underWay, ...this.#lingering];
  }

  get(key: StorageKey): Uint8Array | undefined {
    return this.#storage.get(key);
  }

  scan(range: ScanRange, done: (result: ScanResult) => void): void {
    this.#storage.scan(range, done);
  }

  close(done: () => void): void {
    if (!this.#disk.faults.isFull && !this.#isFailed) this.#lingering = [];
    this.#storage.close(done);
  }

  write(
    operations: readonly StorageOperation[],
    done: (error: StorageError | undefined) => void,
  ): void {
    this.onBatch(operations);
    const kept = operations.map(({ key, value }) => ({ key, value: value && Buffer.from(value) }));
    if (this.failsNextSync && !this.#isFailed) {
      this.#isFailed = true;
      this.#lingering = kept;
      if (this.#random.oneIn(3)) this.#disk.apply(kept);
    }
    if (this.#isFailed) {
      this.#defer(() => done(new StorageError("sync-failed", "fdatasync: planted")));
      return;
    }
    const { isFull } = this.#disk.faults;
    // Undone before anything else is tried.
    if (!isFull) this.#lingering = [];
    const isGone = isFull && this.#lingering.length === 0;
    this.#underWay = kept;
    this.#storage.write(operations, (error) => {
      this.#underWay = [];
      const isLeft = this.#isHaunted && isGone && this.#random.oneIn(2);
      if (error?.code === "disk-full" && isLeft) this.#lingering = kept;
      done(error);
    });
  }

  /** The process has ended. */
  endBoot(): void {
    if (this.isLingering && (!this.#isFailed || this.#random.oneIn(2)))
      this.#disk.apply(this.#lingering);
    this.#lingering = [];
    this.#underWay = [];
  }
}
