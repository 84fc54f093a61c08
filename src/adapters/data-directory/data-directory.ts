/**
 * A node's place on disk: created private to its user, marked as ours with its format, refused otherwise.
 *
 * ```
 * <directory>/FORMAT   "dnd data directory, format 1\n"; one more while a journal may hold what `db` does not, two more with values
 * <directory>/db/      LevelDB; its LOCK keeps a second process out and dies with its holder
 * <directory>/journal  the last writes, until they are in `db` (adapters/journal)
 * <directory>/values/  large values, to which `db` points (adapters/values); made with the first of them
 * ```
 * Invariant: nothing is written into a directory that has content but no marker, or a marker of another format.
 */
import { randomBytes } from "node:crypto";
import {
  chmod,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
} from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Durability } from "../../model/config.ts";
import { type Storage, StorageError } from "../../ports/storage.ts";
import { openJournaledStorage } from "../journal/open-journaled-storage.ts";
import { openLevelStorage } from "../leveldb/level-storage.ts";
import { isNoSpace } from "../system/no-space.ts";
import { syncDirectory } from "../system/sync-directory.ts";
import { SeparatedStorage } from "../values/separated-storage.ts";
import { openValueFiles } from "../values/system-value-files.ts";
import { ValueLog } from "../values/value-log.ts";
import { DataDirectoryError } from "./data-directory-error.ts";

/** Raised whenever the layout of the directory or of the keys in it changes. Read and written; everything is in `db`. */
export const DATA_FORMAT = 1;
/** What is added where the journal holds what `db` may not: a version that knows no journals must not open that. */
const IN_USE = 1;
/** What is added where `db` points into `values`: a version that knows none of those must not open that either. */
const WITH_VALUES = 2;
const DATA_FORMAT_MAX: number = DATA_FORMAT + IN_USE + WITH_VALUES;

const MARKER = "FORMAT";
/** The marker before it is complete: a start that was interrupted leaves it behind. */
const MARKER_DRAFT = "FORMAT.new";
/** What an empty file system may hold. */
const IGNORED = /^(FORMAT(\.[0-9a-f]+)?\.new|lost\+found)$/;
const MARKER_PATTERN = /^dnd data directory, format (\d{1,9})\n$/;

/**
 * Opens the storage in `directory`, creating and marking it where it does not exist or is empty.
 *
 * @throws `DataDirectoryError` when it is not ours to open; `StorageError` `disk-full` when there is no space to
 *         recover in, `read-failed` when LevelDB's own files are damaged.
 */
export async function openDataDirectory(options: {
  readonly directory: string;
  readonly durability: Exclude<Durability, "memory">;
  /** See `LevelStorageOptions`. */
  readonly freeBytesMin?: number;
}): Promise<Storage> {
  const { durability, freeBytesMin = 0 } = options;
  const directory = await prepareDataDirectory(options.directory);
  // Synced, whatever is asked of the whole: a journal gives back what stands below for good.
  const below = await openLevelStorage({
    directory: join(directory, "db"),
    durability: "fsync",
    freeBytesMin,
  });
  const { isAtRest, hasValues, log } = await openValueLog(directory, below);
  const journaled = await openJournaledStorage({
    path: join(directory, "journal"),
    below,
    durability,
    isAtRest,
    onDrained: (done) => {
      void markAtRest(directory, log.numbers().length > 0, done);
    },
  }).catch((error: unknown) => {
    log.close();
    throw error;
  });
  const storage = new SeparatedStorage({
    below: journaled,
    log,
    // A value that is there for good is worth little where what points to it may be lost, and its file must not go before that has.
    isSeparating: durability === "fsync",
    defer: setImmediate,
    after: (ms, callback) => {
      setTimeout(callback, ms).unref();
    },
  });
  try {
    if (isAtRest) await replaceMarker(directory, formatOf({ isInUse: true, hasValues }));
    return storage;
  } catch (cause) {
    await new Promise<void>((resolve) => storage.close(resolve));
    if (isNoSpace(cause)) throw new StorageError("disk-full", `disk full: ${String(cause)}`, cause);
    throw unusable(directory, cause);
  }
}

/** With the lock, which is given up where this fails. */
async function openValueLog(directory: string, below: Storage) {
  try {
    // Asked again: until now another process may have marked it otherwise.
    const added = (await formatIn(directory)) - DATA_FORMAT;
    const hasValues = (added & WITH_VALUES) !== 0;
    const { files, found } = await openValueFiles({
      directory: join(directory, "values"),
      isMarked: hasValues,
      mark: () => replaceMarker(directory, formatOf({ isInUse: true, hasValues: true })),
    });
    const log = new ValueLog({ files, found, defer: setImmediate });
    return { isAtRest: (added & IN_USE) === 0, hasValues, log };
  } catch (cause) {
    await new Promise<void>((resolve) => below.close(resolve));
    throw cause instanceof DataDirectoryError ? cause : unusable(directory, cause);
  }
}

function formatOf(state: { readonly isInUse: boolean; readonly hasValues: boolean }): number {
  return DATA_FORMAT + (state.isInUse ? IN_USE : 0) + (state.hasValues ? WITH_VALUES : 0);
}

/**
 * Makes sure that `directory` exists, is private and carries our marker; answers with its canonical path.
 * Not a lock: that is taken by opening the database in it.
 */
export async function prepareDataDirectory(directory: string): Promise<string> {
  try {
    const created = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (created !== undefined) await syncDirectory(dirname(resolve(created)));
    const path = await realpath(directory);
    const names = await readdir(path);
    if (!names.includes(MARKER)) {
      const stranger = names.find((name) => !IGNORED.test(name));
      if (stranger !== undefined) throw notOurs(path, `holds "${stranger}" but no ${MARKER} file`);
      await writeFirstMarker(path);
    }
    await formatIn(path);
    await makePrivate(path);
    return path;
  } catch (cause) {
    if (cause instanceof DataDirectoryError) throw cause;
    throw unusable(directory, cause);
  }
}

function unusable(directory: string, cause: unknown): DataDirectoryError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `data directory ${directory} cannot be used: ${reason}`;
  return new DataDirectoryError("unusable", message, cause);
}

/** The format that the marker in `path` tells. */
async function formatIn(path: string): Promise<number> {
  const text = await readFile(join(path, MARKER), "latin1");
  const format = MARKER_PATTERN.exec(text)?.[1];
  if (format === undefined) throw notOurs(path, `has a ${MARKER} file that is not a dnd marker`);
  const number = Number(format);
  if (number >= DATA_FORMAT && number <= DATA_FORMAT_MAX) return number;
  throw new DataDirectoryError(
    "wrong-format",
    `data directory ${path} has format ${format}, and this dnd reads formats ${DATA_FORMAT} to ${DATA_FORMAT_MAX}; ` +
      (number > DATA_FORMAT_MAX
        ? "a later version wrote it, and can go on with it"
        : "an earlier version wrote it: docs/upgrading.md says how to go on"),
  );
}

function notOurs(path: string, detail: string): DataDirectoryError {
  return new DataDirectoryError(
    "not-ours",
    `${path} is not a dnd data directory: it ${detail}; choose an empty or a new one`,
  );
}

async function markAtRest(directory: string, hasValues: boolean, done: () => void): Promise<void> {
  try {
    await replaceMarker(directory, formatOf({ isInUse: false, hasValues }));
  } catch {
    // The directory stays as it is: for this version, and later ones.
  }
  done();
}

/** Without the lock, so never in the place of another one: that may have been written by who has the lock by now. */
async function writeFirstMarker(path: string): Promise<void> {
  const draft = join(path, `${MARKER}.${randomBytes(8).toString("hex")}.new`);
  try {
    await writeMarker(draft, DATA_FORMAT);
    try {
      await link(draft, join(path, MARKER));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // File systems that have no links: there a marker that comes in between is lost.
      if (code !== "EEXIST") await rename(draft, join(path, MARKER));
    }
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(path);
}

/** By who has the lock. Complete or as before: written aside, synced, renamed, and the renaming synced. */
async function replaceMarker(path: string, format: number): Promise<void> {
  await writeMarker(join(path, MARKER_DRAFT), format);
  await rename(join(path, MARKER_DRAFT), join(path, MARKER));
  await syncDirectory(path);
}

async function writeMarker(path: string, format: number): Promise<void> {
  const marker = await open(path, "w", 0o600);
  try {
    await marker.writeFile(`dnd data directory, format ${format}\n`);
    await marker.sync();
  } finally {
    await marker.close();
  }
}

async function makePrivate(path: string): Promise<void> {
  try {
    await chmod(path, 0o700);
  } catch (error) {
    // A volume that belongs to someone else and is lent to this user (as container platforms do) stays as it
    // is: the database below it is created private in any case.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
  }
  await mkdir(join(path, "db"), { recursive: true, mode: 0o700 });
}
