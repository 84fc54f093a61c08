/** The journal's file on the operating system's disk. */
import { close, constants, fdatasync, open, write } from "node:fs";
import { constants as osConstants } from "node:os";
import { promisify } from "node:util";
import { StorageError } from "../../ports/storage.ts";
import type { JournalFile, Written } from "./journal.ts";

/**
 * Linux syncs a write in the call that makes it, data alone, which saves a round through the runtime's threads. Elsewhere the
 * flag is missing, or means less than a sync does (on macOS the drive may still hold it).
 */
const SYNCED_WRITES: number = process.platform === "linux" ? constants.O_DSYNC : 0;
/** By number: the runtime has no name for a quota. */
const NO_SPACE = new Set([-osConstants.errno.ENOSPC, -osConstants.errno.EDQUOT]);

/** Whether a full disk, or a quota, is the cause. */
export function isNoSpace(error: unknown): boolean {
  return NO_SPACE.has((error as NodeJS.ErrnoException).errno ?? 0);
}

/** Opens a journal's file, which is there. @param isSynced Writes are durable when they are done. */
export async function openJournalFile(path: string, isSynced: boolean): Promise<JournalFile> {
  const flags = constants.O_RDWR | (isSynced ? SYNCED_WRITES : 0);
  const descriptor = await promisify(open)(path, flags);
  return new SystemJournalFile(descriptor, isSynced);
}

class SystemJournalFile implements JournalFile {
  readonly #descriptor: number;
  readonly #isSynced: boolean;

  constructor(descriptor: number, isSynced: boolean) {
    this.#descriptor = descriptor;
    this.#isSynced = isSynced;
  }

  write(offset: number, bytes: Uint8Array, done: Written): void {
    write(this.#descriptor, bytes, 0, bytes.length, offset, (error, written) => {
      if (error !== null) done(errorFrom(error));
      // A call may be cut short, by a signal or by two gigabytes.
      else if (written < bytes.length) this.write(offset + written, bytes.subarray(written), done);
      else if (this.#isSynced && SYNCED_WRITES === 0) this.sync(done);
      else done(undefined);
    });
  }

  sync(done: Written): void {
    fdatasync(this.#descriptor, (error) => done(error === null ? undefined : syncErrorFrom(error)));
  }

  close(done: () => void): void {
    // Nothing is waiting to be written by it: an error has nothing to tell.
    close(this.#descriptor, () => done());
  }
}

function errorFrom(error: NodeJS.ErrnoException): StorageError {
  if (!isNoSpace(error)) return syncErrorFrom(error);
  return new StorageError("disk-full", `disk full: ${error.message}; nothing was stored`, error);
}

/** Also where space was lacking: what was not written is taken for written from then on, and the next sync says that all is well. */
function syncErrorFrom(error: NodeJS.ErrnoException): StorageError {
  const message = `write or sync of the journal failed: ${error.message}; may have been stored`;
  return new StorageError("sync-failed", message, error);
}
