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
import { formatStamp } from "../../model/stamp.ts";
import { RecordReader } from "../../protocol/backup/cell-record.ts";
import {
  type BackupFacts,
  type BackupFile,
  CELL_KINDS,
  MANIFEST_BYTES_MAX,
  MANIFEST_NAME,
  type Manifest,
  parseManifest,
} from "../../protocol/backup/manifest.ts";
import { CliError, EXIT, failure } from "../cli-error.ts";
import { CellChecker, type CheckedCell } from "./cell-checker.ts";

const CHUNK_BYTES = 1024 * 1024;

/** What is wrong with a backup, or not there. */
export function badBackup(what: string): CliError {
  return failure("bad-backup", what, "nothing was stored; take another backup, or copy it again");
}

/** The manifest, its own hash and spelling checked. Throws `CliError`. */
export async function readManifest(directory: string): Promise<BackupFacts> {
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
  return manifest.facts;
}

/**
 * All cells of a backup, some at a time, in the order of their places. Throws `CliError` at the first thing that is wrong; what
 * only the whole can show, such as a hash or a count, is found at the end of it.
 *
 * @param onBytes told how many bytes have been read of all files.
 */
export async function* cellsOf(
  directory: string,
  facts: BackupFacts,
  onBytes: (bytes: number) => void = () => undefined,
): AsyncGenerator<readonly CheckedCell[]> {
  const checker = new CellChecker();
  let bytesRead = 0;
  for (const file of facts.files) {
    for await (const { cells, bytes } of cellsOfFile(directory, file, checker)) {
      bytesRead += bytes;
      onBytes(bytesRead);
      yield cells;
    }
  }
  const { counts, greatestStamp } = checker;
  for (const kind of CELL_KINDS) {
    if (counts[kind] === facts.cells[kind]) continue;
    throw badBackup(
      `${counts[kind]} cells of kind ${kind}, and the manifest says ${facts.cells[kind]}`,
    );
  }
  const isEmpty = CELL_KINDS.every((kind) => counts[kind] === 0);
  if ((isEmpty ? null : formatStamp(greatestStamp)) !== facts.greatestStamp) {
    throw badBackup("the greatest stamp is another than the manifest says");
  }
}

async function* cellsOfFile(
  directory: string,
  file: BackupFile,
  checker: CellChecker,
): AsyncGenerator<{ readonly cells: readonly CheckedCell[]; readonly bytes: number }> {
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
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, file.bytes - bytesRead));
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
