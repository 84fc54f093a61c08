/** Value files, as the log of values uses them: `system-value-files.ts` has those of the operating system, `sim/` its own. */
import type { StorageError } from "../../ports/storage.ts";

/** Told once, in a later turn, how something ended. */
export type Told = (error: StorageError | undefined) => void;

export interface ValueFile {
  /**
   * Writes pieces one after another, durable when it says done. After an error nothing more is written to the file; what was
   * written before is there. `disk-full` where space was lacking for it, `sync-failed` for anything else.
   */
  write(offset: number, pieces: readonly Uint8Array[], done: Told): void;
  /** Bytes of the caller's own, zeros where the file has none, or the disk cannot read them. Throws `StorageError` `read-failed`. */
  readNow(offset: number, length: number): Buffer;
  /** The same, told in a later turn. */
  read(offset: number, length: number, done: (result: Buffer | StorageError) => void): void;
  /** No call is under way. */
  close(): void;
}

/** A file that was there at the start. */
export interface FoundFile {
  readonly number: number;
  readonly bytes: number;
  readonly file: ValueFile;
}

export interface ValueFiles {
  /** Makes an empty file; its name is durable, and whatever goes with the first of all, when it says done. Fails with `disk-full`, whatever it is. */
  create(number: number, done: (result: ValueFile | StorageError) => void): void;
  /** Removes a file that has been closed. Where that fails it is found at the next start. */
  remove(number: number): void;
}
