/**
 * A node's place on disk: created private to its user, marked as ours with its format, refused otherwise.
 *
 * ```
 * <directory>/FORMAT   "dnd data directory, format 1\n"
 * <directory>/db/      LevelDB; its LOCK keeps a second process out and dies with its holder
 * ```
 * Invariant: nothing is written into a directory that has content but no marker, or a marker of another format.
 */
import { chmod, mkdir, open, readdir, readFile, realpath, rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Durability } from "../../model/config.ts";
import type { Storage } from "../../ports/storage.ts";
import { openLevelStorage } from "../leveldb/level-storage.ts";
import { DataDirectoryError } from "./data-directory-error.ts";

/** Raised whenever the layout of the directory or of the keys in it changes. */
export const DATA_FORMAT = 1;

const MARKER = "FORMAT";
/** The marker before it is complete: a start that was interrupted leaves it behind. */
const MARKER_DRAFT = "FORMAT.new";
/** What an empty file system may hold. */
const IGNORED = new Set([MARKER_DRAFT, "lost+found"]);
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
  return openLevelStorage({ directory: join(directory, "db"), durability, freeBytesMin });
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
    if (names.includes(MARKER)) {
      checkMarker(path, await readFile(join(path, MARKER), "latin1"));
    } else {
      const stranger = names.find((name) => !IGNORED.has(name));
      if (stranger !== undefined) throw notOurs(path, `holds "${stranger}" but no ${MARKER} file`);
      await writeMarker(path);
    }
    await makePrivate(path);
    return path;
  } catch (cause) {
    if (cause instanceof DataDirectoryError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `data directory ${directory} cannot be used: ${reason}`;
    throw new DataDirectoryError("unusable", message, cause);
  }
}

function checkMarker(path: string, text: string): void {
  const format = MARKER_PATTERN.exec(text)?.[1];
  if (format === undefined) throw notOurs(path, `has a ${MARKER} file that is not a dnd marker`);
  if (Number(format) === DATA_FORMAT) return;
  throw new DataDirectoryError(
    "wrong-format",
    `data directory ${path} has format ${format}, and this dnd reads format ${DATA_FORMAT}; ` +
      (Number(format) > DATA_FORMAT
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

/** Complete or absent: written aside, synced, renamed, and the renaming synced. */
async function writeMarker(path: string): Promise<void> {
  const draft = await open(join(path, MARKER_DRAFT), "w", 0o600);
  try {
    await draft.writeFile(`dnd data directory, format ${DATA_FORMAT}\n`);
    await draft.sync();
  } finally {
    await draft.close();
  }
  await rename(join(path, MARKER_DRAFT), join(path, MARKER));
  await syncDirectory(path);
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory as a file; its file systems journal names by themselves.
  if (process.platform === "win32") return;
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
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
