/** Value files on the operating system's disk: one directory of them, each named by its number in hexadecimal. */
import {
  close,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  open,
  openSync,
  read,
  readSync,
  writev,
} from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Buffer } from "../../base/buffer.ts";
import { StorageError } from "../../ports/storage.ts";
import { isNoSpace } from "../system/no-space.ts";
import { syncDirectory } from "../system/sync-directory.ts";
import { SYNCED_WRITES } from "../system/synced-writes.ts";
import type { FoundFile, Told, ValueFile, ValueFiles } from "./value-files.ts";

const NEW_FILE: number = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | SYNCED_WRITES;
const NAME = /^[0-9a-f]{8}$/;

export interface SystemValueFilesOptions {
  /** Made with the first file. */
  readonly directory: string;
  /** Whoever may come to what points to values knows that there may be some. */
  readonly isMarked: boolean;
  /** Sees to that, before there is the first. */
  readonly mark: () => Promise<void>;
}

/** The files of a directory, and what makes more of them. Rejects with the system's error. */
export async function openValueFiles(
  options: SystemValueFilesOptions,
): Promise<{ readonly files: ValueFiles; readonly found: readonly FoundFile[] }> {
  const { directory } = options;
  const found: FoundFile[] = [];
  try {
    for (const name of await namesIn(directory)) {
      if (!NAME.test(name)) continue;
      const descriptor = openIfThere(join(directory, name));
      if (descriptor === undefined) continue;
      const file = new SystemValueFile(descriptor);
      const { size: bytes } = fstatSync(descriptor);
      found.push({ number: Number.parseInt(name, 16), bytes, file });
    }
  } catch (error) {
    for (const { file } of found) file.close();
    throw error;
  }
  return { files: new SystemValueFiles(options), found };
}

/** One that was removed last may go only now. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

class SystemValueFiles implements ValueFiles {
  readonly #options: SystemValueFilesOptions;
  #isMarked: boolean;
  /** The directory is there for good. */
  #isMade = false;

  constructor(options: SystemValueFilesOptions) {
    this.#options = options;
    this.#isMarked = options.isMarked;
  }

  create(number: number, done: (result: ValueFile | StorageError) => void): void {
    void this.#createAndTell(number, done);
  }

  remove(number: number): void {
    // Found, and looked at again, at the next start.
    rm(this.#pathOf(number), { force: true }).catch(() => undefined);
  }

  async #createAndTell(
    number: number,
    done: (result: ValueFile | StorageError) => void,
  ): Promise<void> {
    let result: ValueFile | StorageError;
    try {
      result = await this.#create(number);
    } catch (error) {
      // Nothing was written to it, so whatever it is may be tried again.
      const { message } = error as Error;
      result = new StorageError("disk-full", `no file can be made: ${message}; nothing was stored`);
    }
    done(result);
  }

  async #create(number: number): Promise<ValueFile> {
    const { directory, mark } = this.#options;
    if (!this.#isMarked) {
      await mark();
      this.#isMarked = true;
    }
    if (!this.#isMade) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await syncDirectory(dirname(directory));
      this.#isMade = true;
    }
    const descriptor = await new Promise<number>((resolve, reject) => {
      open(this.#pathOf(number), NEW_FILE, 0o600, (error, opened) => {
        if (error === null) resolve(opened);
        else reject(error);
      });
    });
    try {
      await syncDirectory(directory);
      return new SystemValueFile(descriptor);
    } catch (error) {
      closeSync(descriptor);
      this.remove(number);
      throw error;
    }
  }

  #pathOf(number: number): string {
    return join(this.#options.directory, number.toString(16).padStart(8, "0"));
  }
}

class SystemValueFile implements ValueFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(offset: number, pieces: readonly Uint8Array[], done: Told): void {
    writev(this.#descriptor, pieces, offset, (error, written) => {
      if (error !== null) done(errorFrom(error));
      else if (written < sizeOf(pieces)) this.#writeRest(offset, pieces, written, done);
      else if (SYNCED_WRITES === 0) this.#sync(done);
      else done(undefined);
    });
  }

  readNow(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    let at = 0;
    try {
      while (at < length) {
        const count = readSync(this.#descriptor, bytes, at, length - at, offset + at);
        if (count === 0) break;
        at += count;
      }
    } catch (error) {
      if (!isBadSector(error)) throw readError(error as Error);
    }
    return bytes.fill(0, at);
  }

  read(offset: number, length: number, done: (result: Buffer | StorageError) => void): void {
    const bytes = Buffer.allocUnsafeSlow(length);
    const readOn = (at: number): void => {
      read(this.#descriptor, bytes, at, length - at, offset + at, (error, count) => {
        if (error !== null) done(isBadSector(error) ? bytes.fill(0, at) : readError(error));
        else if (count > 0 && at + count < length) readOn(at + count);
        else done(bytes.fill(0, at + count));
      });
    };
    readOn(0);
  }

  close(): void {
    // Nothing waits to be written by it.
    close(this.#descriptor, () => undefined);
  }

  /** A call may be cut short, by a signal or by two gigabytes. */
  #writeRest(offset: number, pieces: readonly Uint8Array[], written: number, done: Told): void {
    if (written > 0) {
      this.write(offset + written, [Buffer.concat(pieces).subarray(written)], done);
    } else done(errorFrom(new Error(`none of ${sizeOf(pieces)} bytes taken`)));
  }

  /** Where space was lacking too: nothing is written to the file any more, and what was before is durable. */
  #sync(done: Told): void {
    fdatasync(this.#descriptor, (error) => done(error === null ? undefined : errorFrom(error)));
  }
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const { length } of pieces) bytes += length;
  return bytes;
}

function errorFrom(error: NodeJS.ErrnoException): StorageError {
  if (isNoSpace(error)) {
    return new StorageError("disk-full", `disk full: ${error.message}; nothing was stored`, error);
  }
  const message = `write or sync of values failed: ${error.message}; may have been stored`;
  return new StorageError("sync-failed", message, error);
}

/** What cannot be read there any more is damaged: it is told as other bytes, and healed. */
function isBadSector(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "EIO";
}

function readError(error: Error): StorageError {
  return new StorageError("read-failed", `a value cannot be read: ${error.message}`, error);
}
