/**
 * A backup on disk, as it is read: the manifest, then the files that it lists.
 *
 * Invariant: only plain files of the directory itself are opened, by names that the manifest's parser has made sure are no paths;
 * a link, a device or a pipe in such a place is refused. What is given out has passed every check but the hash over its whole
 * file, which is known when the file ends: whoever must not act before goes through all of it first.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { textFromBytes } from "../../base/binary.ts";
import type { PlacedCell } from "../../core/operations/backup-difference.ts";
import { formatStamp } from "../../model/stamp.ts";
import { RecordReader } from "../../protocol/backup/cell-record.ts";
import {
  type BackupFacts,
  type BackupFile,
  CELL_KINDS,
  type CellCounts,
  MANIFEST_BYTES_MAX,
  MANIFEST_NAME,
  type Manifest,
  parseManifest,
} from "../../protocol/backup/manifest.ts";
import { CliError, EXIT, failure } from "../cli-error.ts";
import { CellChecker, type GonePlace } from "./cell-checker.ts";
import type { SlotRange } from "./page-client.ts";

/** What is wrong with a backup, or not there. */
export function badBackup(what: string): CliError {
  return failure("bad-backup", what, "nothing was stored; take another backup, or copy it again");
}

/** One backup as it stands on disk, whole or of what has changed since another. */
export interface Layer {
  readonly directory: string;
  readonly facts: BackupFacts;
  /** That of its manifest, and so of all that is in it. */
  readonly sha256: string;
}

/** The backup in a directory, its manifest's own hash and spelling checked. Throws `CliError`. */
export async function openLayer(directory: string): Promise<Layer> {
  const file = await openPlain(directory, MANIFEST_NAME, "manifest");
  let bytes: Buffer;
  try {
    const { size } = await file.stat();
    if (size > MANIFEST_BYTES_MAX) {
      throw badBackup(`${MANIFEST_NAME} is ${size} bytes, max ${MANIFEST_BYTES_MAX}`);
    }
    bytes = await file.readFile();
  } finally {
    await file.close();
  }
  const text = textFromBytes(bytes);
  const manifest: Manifest | string = text === undefined ? "it is not UTF-8" : parseManifest(text);
  if (typeof manifest === "string") throw badBackup(`${MANIFEST_NAME}: ${manifest}`);
  const sha256 = createHash("sha256").update(manifest.text).digest("hex");
  if (sha256 !== manifest.sha256)
    throw badBackup(`${MANIFEST_NAME} is not what its hash was made of`);
  return { directory, facts: manifest.facts, sha256 };
}

export interface RecordsOptions {
  /** Only records of these; files without one of them are left unread, and with them what only the whole can show. */
  readonly slots?: SlotRange | undefined;
  readonly chunkBytes: number;
  /** Told how many more bytes have been read. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * All records of a backup, some at a time, in the order of their places. Throws `CliError` at the first thing that is wrong; what
 * only the whole can show, such as a hash or a count, is found at the end of it.
 */
export async function* recordsOf(
  { directory, facts }: Layer,
  { slots, chunkBytes, onBytes }: RecordsOptions,
): AsyncGenerator<readonly (PlacedCell | GonePlace)[]> {
  const { increment } = facts;
  const checker = new CellChecker(increment !== undefined);
  for (const file of facts.files) {
    if (slots !== undefined && !isTouching(file, slots)) continue;
    for await (const { cells, bytes } of recordsOfFile(directory, file, checker, chunkBytes)) {
      onBytes(bytes);
      yield slots === undefined ? cells : cells.filter(isOf(slots));
    }
  }
  if (slots !== undefined) return;
  const { counts, greatestStamp, gone } = checker;
  checkCounts(counts, facts.cells);
  if (gone !== (increment?.gone ?? 0)) {
    throw badBackup(
      `${gone} places where nothing is any more, and the manifest says ${increment?.gone}`,
    );
  }
  const isEmpty = CELL_KINDS.every((kind) => counts[kind] === 0);
  if ((isEmpty ? null : formatStamp(greatestStamp)) !== facts.greatestStamp) {
    throw badBackup("the greatest stamp is another than the manifest says");
  }
}

/** Throws where the cells of a kind are not as many as were said. */
export function checkCounts(counts: CellCounts, said: CellCounts): void {
  for (const kind of CELL_KINDS) {
    if (counts[kind] === said[kind]) continue;
    throw badBackup(`${counts[kind]} cells of kind ${kind}, and the manifest says ${said[kind]}`);
  }
}

function isOf({ firstSlot, lastSlot }: SlotRange): (cell: PlacedCell | GonePlace) => boolean {
  return ({ slot }) => slot >= firstSlot && slot <= lastSlot;
}

function isTouching(file: BackupFile, { firstSlot, lastSlot }: SlotRange): boolean {
  return file.firstSlot <= lastSlot && file.lastSlot >= firstSlot;
}

async function* recordsOfFile(
  directory: string,
  file: BackupFile,
  checker: CellChecker,
  chunkBytes: number,
): AsyncGenerator<{
  readonly cells: readonly (PlacedCell | GonePlace)[];
  readonly bytes: number;
}> {
  const handle = await openPlain(directory, file.name, "file");
  try {
    const { size } = await handle.stat();
    if (size !== file.bytes) {
      throw badBackup(`${file.name} is ${size} bytes, and the manifest says ${file.bytes}`);
    }
    const hash = createHash("sha256");
    const records = new RecordReader();
    let bytesRead = 0;
    let count = 0;
    while (bytesRead < file.bytes) {
      // A chunk of its own each time: cells are views of it, and may be kept for a while.
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, file.bytes - bytesRead));
      const { bytesRead: bytes } = await handle.read(chunk, 0, chunk.length, bytesRead);
      if (bytes === 0) throw badBackup(`${file.name} ends after ${bytesRead} bytes`);
      bytesRead += bytes;
      const part = chunk.subarray(0, bytes);
      hash.update(part);
      const found = records.feed(part);
      if (typeof found === "string") throw badBackup(`${file.name}: ${found}`);
      const cells = found.map((cell) => {
        const checked = checker.check(cell, file);
        if (typeof checked === "string") throw badBackup(`${file.name}: ${checked}`);
        return checked;
      });
      count += cells.length;
      yield { cells, bytes };
    }
    if (!records.isAtEnd) throw badBackup(`${file.name} ends within a record`);
    if (count !== file.cells) {
      throw badBackup(`${file.name} holds ${count} cells, and the manifest says ${file.cells}`);
    }
    if (hash.digest("hex") !== file.sha256) {
      throw badBackup(`${file.name} is not what its hash was made of`);
    }
  } finally {
    await handle.close();
  }
}

/** Opens a plain file of the directory to read it; nothing that stands there in the place of one is followed or waited for. */
async function openPlain(
  directory: string,
  name: string,
  what: "manifest" | "file",
): Promise<FileHandle> {
  // Where the system lacks one of these it is undefined, and adds nothing.
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let handle: FileHandle;
  try {
    handle = await open(join(directory, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    if (code === "ELOOP" || code === "EMLINK") throw badBackup(`${name} is a link`);
    if (code === "ENXIO" || code === "ENODEV") throw badBackup(`${name} is not a plain file`);
    if (code !== "ENOENT" && code !== "ENOTDIR") {
      throw failure("unreadable", `${name} in ${directory} cannot be read (${code})`);
    }
    if (what === "file") throw badBackup(`${name} is not there`);
    throw new CliError(`${directory} holds no backup: there is no ${name}`, {
      exit: EXIT.failed,
      code: "no-backup",
      hint: "a backup that was interrupted has none",
    });
  }
  const isPlain = await handle.stat().then((found) => found.isFile());
  if (isPlain) return handle;
  await handle.close();
  throw badBackup(`${name} is not a plain file`);
}
