/** Opens a journal over a storage: makes its file, or puts below what it holds. */
import { randomInt } from "node:crypto";
import { writeSync } from "node:fs";
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type Storage, StorageError } from "../../ports/storage.ts";
import { isNoSpace } from "../system/no-space.ts";
import { syncDirectory } from "../system/sync-directory.ts";
import { alignedMemory } from "./aligned-memory.ts";
import { Journal } from "./journal.ts";
import {
  HEADER_BYTES,
  HEADERS_BYTES,
  newRing,
  type Ring,
  ringMemoryBytes,
} from "./journal-record.ts";
import { JournaledStorage } from "./journaled-storage.ts";
import { Memtable } from "./memtable.ts";
import { journalHeaders, recover } from "./recover.ts";
import { openJournalFile } from "./system-journal-file.ts";

/** Measured in docs/decisions/0038. */
export const JOURNAL_BYTES: number = 40 * 1024 * 1024;

const PAGE_BYTES = 4_096;
/** A millisecond or less of the event loop. */
const PAGES_A_TURN = 256;

export interface JournaledStorageSettings {
  /** The journal's file; made where it is missing, its directory must exist. */
  readonly path: string;
  /** What it is over, whose batches are durable when they are done. Closed with it, and when it cannot be opened. */
  readonly below: Storage;
  /** `fsync`: a batch is done when the disk has it. `os`: when the operating system has it. */
  readonly durability: "fsync" | "os";
  /** Called at the end, while `below` is still open, when the journal holds nothing that it does not. */
  readonly onDrained?: (done: () => void) => void;
  /** The journal holds nothing that `below` does not, whatever stands in it. */
  readonly isAtRest?: boolean;
  /** Bytes of the journal, a multiple of eight; for tests. */
  readonly capacity?: number;
}

/** Opens the journal, and puts below what a process that was ended left in it. @throws `StorageError` `disk-full`, `read-failed`. */
export async function openJournaledStorage(
  settings: JournaledStorageSettings,
): Promise<JournaledStorage> {
  const { path, below, durability, onDrained, isAtRest = false } = settings;
  const capacity = settings.capacity ?? JOURNAL_BYTES;
  const isSynced = durability === "fsync";
  try {
    if (!isAtRest) await recoverFrom(path, below);
    // What goes through the system's cache may come from anywhere.
    const memory = isSynced ? alignedMemory(ringMemoryBytes(capacity)) : undefined;
    const ring = newRing(capacity, randomInt(2 ** 32), memory);
    if (!isAtRest || !(await beginAnew(path, ring))) await makeJournal(path, ring);
    const file = await openJournalFile(path, isSynced, memory && wholeBlock(ring));
    return new JournaledStorage({
      below,
      journal: new Journal(file, ring),
      memtable: new Memtable(ring),
      isSynced,
      defer: setImmediate,
      ...(onDrained === undefined ? {} : { onDrained }),
    });
  } catch (error) {
    await new Promise<void>((resolve) => below.close(resolve));
    throw openErrorFrom(error, path);
  }
}

/** A block of a ring's memory; none of a ring that is not made of such. */
function wholeBlock({ bytes, header }: Ring): Buffer | undefined {
  return bytes.length % HEADER_BYTES === 0 ? header : undefined;
}

async function recoverFrom(path: string, below: Storage): Promise<void> {
  const bytes = await readIfThere(path);
  if (bytes === undefined) return;
  const file = await openJournalFile(path, false);
  try {
    await recover(bytes, file, below);
  } finally {
    await new Promise<void>((resolve) => file.close(resolve));
  }
}

/** Other headers for a file whose records are not wanted: with their salt none of them is one. False where it is not of this size. */
async function beginAnew(path: string, { bytes: { length }, salt }: Ring): Promise<boolean> {
  const headers = journalHeaders(length, salt);
  let file: FileHandle;
  try {
    file = await open(path, "r+");
  } catch {
    return false;
  }
  try {
    if ((await file.stat()).size !== headers.length + length) return false;
    await file.write(headers, 0, headers.length, 0);
    await file.datasync();
    return true;
  } finally {
    await file.close();
  }
}

/**
 * Complete or absent, and in its full size at once: what is written later needs no space.
 *
 * By pages. The system keeps what comes in one piece in one piece (large folios, Linux 6), and then writes two megabytes to the disk
 * for each record that is synced; so a file that was read is replaced.
 */
async function makeJournal(path: string, { bytes: { length }, salt }: Ring): Promise<void> {
  const draftPath = `${path}.new`;
  try {
    const draft = await open(draftPath, "w", 0o600);
    try {
      await writePages(draft.fd, journalHeaders(length, salt), Math.floor(length / PAGE_BYTES));
      await draft.truncate(HEADERS_BYTES + length);
      await draft.datasync();
    } finally {
      await draft.close();
    }
    await rename(draftPath, path);
  } catch (error) {
    await rm(draftPath, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function writePages(descriptor: number, headers: Buffer, pages: number): Promise<void> {
  writePage(descriptor, headers, 0);
  const nothing = Buffer.alloc(PAGE_BYTES);
  for (let page = 0; page < pages; page += 1) {
    writePage(descriptor, nothing, headers.length + page * PAGE_BYTES);
    if (page % PAGES_A_TURN === PAGES_A_TURN - 1) await nextTurn();
  }
}

function writePage(descriptor: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(descriptor, bytes, written, bytes.length - written, position + written);
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function openErrorFrom(error: unknown, path: string): StorageError {
  const code =
    error instanceof StorageError ? error.code : isNoSpace(error) ? "disk-full" : "read-failed";
  return new StorageError(code, `journal ${path} ${(error as Error).message}`, error);
}
