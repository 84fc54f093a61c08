/** The journal's file on the operating system's disk. */
import { close, constants, fdatasync, open, read, write } from "node:fs";
import { promisify } from "node:util";
import { StorageError } from "../../ports/storage.ts";
import { isNoSpace } from "../system/no-space.ts";
import { SYNCED_WRITES } from "../system/synced-writes.ts";
import type { JournalFile, Written } from "./journal.ts";
import { HEADER_BYTES, HEADERS_BYTES } from "./journal-record.ts";

/** As `SYNCED_WRITES`, and without a copy in the system's cache (docs/decisions/0035). Elsewhere the flag is missing. */
const DIRECT: number = process.platform === "linux" ? constants.O_DIRECT : 0;
/** What every device and file system takes that takes such writes at all; less would have some read the rest of a sector first. */
const DIRECT_BLOCK_BYTES: number = HEADER_BYTES;

/**
 * Opens a journal's file, which is there.
 *
 * @param isSynced Writes are durable when they are done.
 * @param trial A block of the memory that will be written from, if that is aligned. Writes go past the system's cache if they are
 *   synced and that can be done, which is tried.
 */
export async function openJournalFile(
  path: string,
  isSynced: boolean,
  trial?: Buffer,
): Promise<JournalFile> {
  const flags = constants.O_RDWR | (isSynced ? SYNCED_WRITES : 0);
  if (isSynced && trial !== undefined && DIRECT !== 0) {
    const descriptor = await openDirect(path, flags | DIRECT, trial);
    if (descriptor !== undefined) {
      return new SystemJournalFile(descriptor, isSynced, DIRECT_BLOCK_BYTES);
    }
  }
  return new SystemJournalFile(await promisify(open)(path, flags), isSynced, 1);
}

/**
 * `undefined` where the system, the file system or the device does not take writes past the cache, or not from this memory. What else
 * may be wrong is found out by the ordinary way.
 *
 * @param trial Where the ring's first block goes and comes from. A start finds no record in that, whatever becomes of it; a header,
 *   half written while no record stands yet, would be taken for damage.
 */
async function openDirect(path: string, flags: number, trial: Buffer): Promise<number | undefined> {
  const descriptor = await promisify(open)(path, flags).catch(() => undefined);
  if (descriptor === undefined) return undefined;
  const where = [0, DIRECT_BLOCK_BYTES, HEADERS_BYTES] as const;
  try {
    const { bytesRead } = await promisify(read)(descriptor, trial, ...where);
    const { bytesWritten } = await promisify(write)(descriptor, trial, ...where);
    if (bytesRead === DIRECT_BLOCK_BYTES && bytesWritten === DIRECT_BLOCK_BYTES) return descriptor;
  } catch {
    // Not this way.
  }
  await promisify(close)(descriptor);
  return undefined;
}

class SystemJournalFile implements JournalFile {
  readonly blockBytes: number;
  readonly #descriptor: number;
  readonly #isSynced: boolean;

  constructor(descriptor: number, isSynced: boolean, blockBytes: number) {
    this.#descriptor = descriptor;
    this.#isSynced = isSynced;
    this.blockBytes = blockBytes;
  }

  write(offset: number, bytes: Uint8Array, done: Written): void {
    write(this.#descriptor, bytes, 0, bytes.length, offset, (error, written) => {
      if (error !== null) done(errorFrom(error));
      else if (written < bytes.length) this.#writeRest(offset, bytes, written, done);
      else if (this.#isSynced && SYNCED_WRITES === 0) this.sync(done);
      else done(undefined);
    });
  }

  /** A call may be cut short, by a signal or by two gigabytes; not all file systems do it where a block ends. */
  #writeRest(offset: number, bytes: Uint8Array, written: number, done: Written): void {
    const whole = written - (written % this.blockBytes);
    if (whole > 0) this.write(offset + whole, bytes.subarray(whole), done);
    else done(syncErrorFrom(new Error(`${written} of ${bytes.length} bytes taken`)));
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
