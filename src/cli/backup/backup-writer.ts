/**
 * A backup on disk, as it is written.
 *
 * Invariant: the manifest comes last, by a rename, once every file that it lists is on disk under its name: a directory without
 * one is no backup. Whatever ends the command before leaves no manifest.
 */
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncDirectory } from "../../adapters/system/sync-directory.ts";
import {
  type BackupFacts,
  type BackupFile,
  factsText,
  fileName,
  MANIFEST_NAME,
  manifestText,
  orderedFacts,
} from "../../protocol/backup/manifest.ts";
import { failure, usageError } from "../cli-error.ts";

/** A file is closed by the first page that brings it here. */
const FILE_BYTES_MIN = 64 * 1024 * 1024;

/** It is everybody's data. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

interface Draft {
  readonly path: string;
  readonly handle: FileHandle;
  readonly hash: Hash;
  readonly firstSlot: number;
  cells: number;
  bytes: number;
}

type Closed = Omit<BackupFile, "name"> & { readonly path: string };

/** The files of one range of slots. */
export class RangeWriter {
  readonly #directory: string;
  readonly #range: number;
  readonly #firstSlot: number;
  readonly #lastSlot: number;
  #draft: Draft | undefined;
  #count = 0;
  readonly closed: Closed[] = [];

  constructor(
    directory: string,
    range: { readonly index: number; readonly firstSlot: number; readonly lastSlot: number },
  ) {
    this.#directory = directory;
    this.#range = range.index;
    this.#firstSlot = range.firstSlot;
    this.#lastSlot = range.lastSlot;
  }

  /** Adds the records of cells whose last is of `lastSlot`. */
  async add(records: Uint8Array, cells: number, lastSlot: number): Promise<void> {
    if (cells === 0) return;
    this.#draft ??= await this.#open();
    const draft = this.#draft;
    draft.hash.update(records);
    await draft.handle.writeFile(records);
    draft.cells += cells;
    draft.bytes += records.length;
    if (draft.bytes >= FILE_BYTES_MIN) await this.#close(lastSlot);
  }

  async end(): Promise<void> {
    await this.#close(this.#lastSlot);
  }

  /** Lets go of what is open; it stays as it is. */
  async abandon(): Promise<void> {
    await this.#draft?.handle.close();
    this.#draft = undefined;
  }

  async #open(): Promise<Draft> {
    const path = join(this.#directory, `range-${this.#range}-${this.#count}.part`);
    this.#count += 1;
    const handle = await open(path, "wx", FILE_MODE);
    const firstSlot = this.closed.at(-1)?.lastSlot ?? this.#firstSlot;
    return { path, handle, hash: createHash("sha256"), firstSlot, cells: 0, bytes: 0 };
  }

  async #close(lastSlot: number): Promise<void> {
    const draft = this.#draft;
    if (draft === undefined) return;
    this.#draft = undefined;
    const { path, handle, hash, firstSlot, cells, bytes } = draft;
    await handle.sync();
    await handle.close();
    this.closed.push({ path, firstSlot, lastSlot, cells, bytes, sha256: hash.digest("hex") });
  }
}

/** Makes the directory, or takes one that is empty. */
export async function openDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    await refuseFull(directory);
  } catch (error) {
    throw asUnwritable(error, directory);
  }
}

/** Throws `CliError` for a directory that holds anything; one that is not there is none. */
export async function refuseFull(directory: string): Promise<void> {
  let found: readonly string[];
  try {
    found = await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw asUnwritable(error, directory);
  }
  if (found.length === 0) return;
  throw usageError(
    `${directory} is not empty`,
    found.includes(MANIFEST_NAME)
      ? "it holds a backup; name another directory"
      : "without manifest.json it is no backup: remove it, or name another directory",
  );
}

/** Gives the files their names, in the order of their slots, and writes the manifest. */
export async function seal(
  directory: string,
  closed: readonly Closed[],
  facts: Omit<BackupFacts, "files">,
): Promise<BackupFacts> {
  const files: BackupFile[] = [];
  for (const { path, ...rest } of closed) {
    const name = fileName(files.length + 1);
    await rename(path, join(directory, name));
    files.push({ name, ...rest });
  }
  const whole = orderedFacts({ ...facts, files });
  const sha256 = createHash("sha256").update(factsText(whole)).digest("hex");
  // The names first: a manifest that is on disk must not list what is not.
  await syncDirectory(directory);
  const draft = join(directory, `${MANIFEST_NAME}.part`);
  const handle = await open(draft, "wx", FILE_MODE);
  await handle.writeFile(manifestText(whole, sha256));
  await handle.sync();
  await handle.close();
  await rename(draft, join(directory, MANIFEST_NAME));
  await syncDirectory(directory);
  await syncDirectory(dirname(directory));
  return whole;
}

/** Removes what a backup that failed has left, so that the next may have the directory. */
export async function clear(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (/^(range-\d+-\d+|manifest\.json)\.part$|^cells-\d{6}\.dnd$/.test(name)) {
      await rm(join(directory, name), { force: true });
    }
  }
}

/** The system's refusal in one sentence; anything else as it is. */
export function asUnwritable(error: unknown, directory: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error;
  return failure("unwritable", `${directory} cannot be written (${code})`);
}
