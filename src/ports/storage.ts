/**
 * An ordered map of binary strings to bytes, with atomic batches. One suite of contract tests
 * (`test/contracts/storage.ts`) holds for every adapter and for the simulator's disk.
 */

/** A binary string (one byte a character), at most 66 KiB; ordered bytewise. */
export type StorageKey = string;

/** `value: undefined` removes the key. */
export interface StorageOperation {
  readonly key: StorageKey;
  readonly value: Uint8Array | undefined;
}

/** A set of keys; does not change while a scan goes on. */
export interface HiddenKeys {
  has(key: StorageKey): boolean;
}

export interface ScanRange {
  /** Inclusive lower bound. */
  readonly from: StorageKey;
  /** Exclusive upper bound. */
  readonly before: StorageKey;
  /** Stop after this many entries. */
  readonly entriesMax: number;
  /** Stop after the entry that reaches this many bytes of keys and values. */
  readonly bytesMax: number;
  /** Keys that are passed over as if they were not there. */
  readonly hidden?: HiddenKeys;
}

export interface StorageEntry {
  readonly key: StorageKey;
  readonly value: Uint8Array;
}

/** `isComplete`: the range holds nothing after the last entry. */
export type ScanResult =
  | {
      readonly kind: "scanned";
      readonly entries: readonly StorageEntry[];
      readonly isComplete: boolean;
    }
  | { readonly kind: "failed"; readonly error: StorageError };

/** Stable codes; `fatal` ones mean that nothing this process says about its disk can be trusted any more. */
export type StorageErrorCode =
  | "read-failed" // an I/O error or a damaged block
  | "disk-full" // nothing of the batch was stored; retried by reopening once space is back
  | "sync-failed" // it is unknown what is durable: the process must end
  | "closed";

export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly code: StorageErrorCode;
  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export interface Storage {
  /** Whether space is so short that nothing more should be stored than what gives some back, or is little. */
  readonly isLow?: boolean;
  /** Bytes of files that hold large values alone, with what was replaced in them and is not given back yet; absent: there are none. */
  readonly apartBytes?: number;
  /** The committed value, `undefined` when there is none. Synchronous. Throws `StorageError` `read-failed`. Bytes are the caller's. */
  get(key: StorageKey): Uint8Array | undefined;
  /**
   * Applies all operations or none, in order, and makes them as durable as the storage was opened for.
   * `done` runs in a later turn, never within the call. At most one write is under way at a time: the
   * caller (`node/group-commit.ts`) waits for `done`. Operations' bytes must not change until then.
   */
  write(
    operations: readonly StorageOperation[],
    done: (error: StorageError | undefined) => void,
  ): void;
  /** Reads a range of what is committed, in key order. `done` runs in a later turn. */
  scan(range: ScanRange, done: (result: ScanResult) => void): void;
  /** Ends it; everything written before is kept. */
  close(done: () => void): void;
}
