/** Backups as they stand on disk, made by hand: as `dnd backup` writes them, and then otherwise. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cellsOf, openChain } from "../../src/cli/backup/backup-chain.ts";
import { openDirectory, RangeWriter, seal } from "../../src/cli/backup/backup-writer.ts";
import { CellChecker } from "../../src/cli/backup/cell-checker.ts";
import { CliError } from "../../src/cli/cli-error.ts";
import { encodeCell } from "../../src/core/causality/cell-codec.ts";
import { cellKey } from "../../src/core/causality/storage-key.ts";
import { flushKeyOf } from "../../src/core/placement/flush-keys.ts";
import { slotOfKey } from "../../src/core/placement/slot-of-key.ts";
import type { CellAddress, RootCell } from "../../src/model/cell.ts";
import { type Field, type Key, keyFromText } from "../../src/model/key.ts";
import type { KeyedCell } from "../../src/model/peer-message.ts";
import { slotFrom } from "../../src/model/slot.ts";
import { formatStamp, NO_STAMP } from "../../src/model/stamp.ts";
import { encodeRecords } from "../../src/protocol/backup/cell-record.ts";
import {
  BACKUP_FORMAT,
  BACKUP_VERSION,
  type BackupFacts,
  factsText,
  INCREMENT_VERSION,
  type IncrementFacts,
  manifestText,
} from "../../src/protocol/backup/manifest.ts";

export const STAMP = { ms: 1_800_000_000_000, counter: 0, boot: 7 };
export const LAST_SLOT = 16_383;

export function root(key: Key, change: Partial<RootCell> = {}): KeyedCell {
  const cell: RootCell = {
    kind: "value",
    stamp: STAMP,
    type: "string",
    expiresAtMs: 0,
    cleared: NO_STAMP,
    contentType: "text/plain",
    payload: Buffer.from(`value of ${key}`),
    ...change,
  };
  return { key, field: undefined, bytes: encodeCell(cell, key, undefined) };
}

function field(key: Key, address: Field): KeyedCell {
  const rest = { type: "hash", expiresAtMs: 0, since: NO_STAMP, stamp: STAMP } as const;
  const cell = { kind: "field", payload: Buffer.from("v"), ...rest } as const;
  return { key, field: address, bytes: encodeCell(cell, key, address) };
}

export function inOrder(cells: readonly KeyedCell[]): KeyedCell[] {
  const position = ({ key, field: address }: KeyedCell) => cellKey(slotOfKey(key), key, address);
  return cells.toSorted((a, b) => (position(a) < position(b) ? -1 : 1));
}

/** Cells of every kind, in many slots. */
export function someCells(): KeyedCell[] {
  const cells = Array.from({ length: 30 }, (_none, index) => root(keyFromText(`key${index}`)));
  const hash = keyFromText("hash");
  cells.push(root(hash, { kind: "container", type: "hash", payload: new Uint8Array(0) }));
  for (const name of ["ha", "hb", "hc"]) cells.push(field(hash, name as Field));
  cells.push(root(keyFromText("gone"), { kind: "tombstone", payload: new Uint8Array(0) }));
  const flush = flushKeyOf(slotFrom(100));
  cells.push(root(flush, { kind: "tombstone", payload: new Uint8Array(0) }));
  return inOrder(cells);
}

/** Writes a backup of these cells as `dnd backup` does, in two files. */
export async function writeBackup(
  directory: string,
  cells: readonly KeyedCell[],
  increment?: Omit<IncrementFacts, "gone">,
): Promise<string> {
  await openDirectory(directory);
  const half = LAST_SLOT >> 1;
  const checker = new CellChecker(increment !== undefined);
  for (const cell of cells) {
    assert.equal(typeof checker.check(cell, { firstSlot: 0, lastSlot: LAST_SLOT }), "object");
  }
  const ranges = [
    { index: 0, firstSlot: 0, lastSlot: half },
    { index: 1, firstSlot: half + 1, lastSlot: LAST_SLOT },
  ];
  const closed = [];
  for (const range of ranges) {
    const writer = new RangeWriter(directory, range);
    const own = cells.filter(({ key }) => {
      const slot = slotOfKey(key);
      return slot >= range.firstSlot && slot <= range.lastSlot;
    });
    await writer.add(encodeRecords(own), own.length, range.lastSlot);
    await writer.end();
    closed.push(...writer.closed);
  }
  const isEmpty = checker.gone === cells.length;
  await seal(directory, closed, {
    format: BACKUP_FORMAT,
    version: increment === undefined ? BACKUP_VERSION : INCREMENT_VERSION,
    cluster: "0123456789abcdef",
    begun: "2026-11-26T12:00:00.000Z",
    ended: "2026-11-26T12:00:01.000Z",
    replicas: 3,
    greatestStamp: isEmpty ? null : formatStamp(STAMP),
    cells: checker.counts,
    thin: [],
    ...(increment === undefined ? {} : { increment: { ...increment, gone: checker.gone } }),
  });
  return directory;
}

/** All cells of a backup, or the sentence that it is refused with. */
export async function readBackup(
  directory: string,
  bases: readonly string[] = [],
): Promise<readonly { key: Key; field: CellAddress }[] | string> {
  try {
    const chain = await openChain(directory, bases);
    const cells = [];
    for await (const some of cellsOf(chain)) cells.push(...some);
    return cells;
  } catch (error) {
    assert.ok(error instanceof CliError, String(error));
    return error.message;
  }
}

export function refusalIn(found: Awaited<ReturnType<typeof readBackup>>): string {
  return typeof found === "string" ? found : `nothing is wrong with its ${found.length} cells`;
}

/** Changes what the manifest says, and gives it the hash that goes with that. */
export async function forge(
  directory: string,
  change: (facts: BackupFacts) => unknown,
): Promise<void> {
  const path = join(directory, "manifest.json");
  const { sha256: _sha256, ...facts } = JSON.parse(await readFile(path, "utf8"));
  const forged = change(facts as BackupFacts) as BackupFacts;
  const sha256 = createHash("sha256").update(factsText(forged)).digest("hex");
  await writeFile(path, manifestText(forged, sha256));
}

/** Puts other cells into the first file, with lengths, counts and hashes that go with them. */
export async function forgeCells(
  directory: string,
  bytes: Uint8Array,
  count: number,
): Promise<void> {
  const { files } = JSON.parse(await readFile(join(directory, "manifest.json"), "utf8"));
  await writeFile(join(directory, files[0].name), bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  await forge(directory, (facts) => ({
    ...facts,
    files: facts.files.map((file, index) =>
      index === 0 ? { ...file, bytes: bytes.length, cells: count, sha256 } : file,
    ),
  }));
}
