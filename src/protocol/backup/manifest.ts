/**
 * What a backup says of itself: `manifest.json`, written last.
 *
 * Invariant: a manifest has one spelling, and carries a hash over it, so that no change of a single bit passes. Names in it
 * follow one pattern and are no paths; files are in the order of their slots, each named once. The hashes find accidents: who
 * can write the directory can write another backup.
 */
import type { ThinSlots } from "../../model/backup.ts";
import type { Cell } from "../../model/cell.ts";
import { parseClusterId } from "../../model/ids.ts";
import { REPLICAS_MAX } from "../../model/limits.ts";
import { parseSlot } from "../../model/slot.ts";
import { parseStamp } from "../../model/stamp.ts";

export const MANIFEST_NAME = "manifest.json";
export const BACKUP_FORMAT = "dnd-backup";
/** Raised whenever the layout of manifest or files changes. A whole backup is as it was in version 1, and says so. */
export const BACKUP_VERSION = 1;
/** Of an increment: what has changed since another backup. Who knows version 1 alone refuses it. */
export const INCREMENT_VERSION = 2;
/** Room for some 30 000 files, or thin slots. */
export const MANIFEST_BYTES_MAX: number = 8 * 1024 * 1024;

export const CELL_KINDS: readonly Cell["kind"][] = [
  "value",
  "container",
  "tombstone",
  "field",
  "field-tombstone",
];

export type CellCounts = Readonly<Record<Cell["kind"], number>>;

export interface BackupFile {
  /** As `fileName` makes them. */
  readonly name: string;
  /** Slots that its cells are of: no other file but the one before and behind has any of these. */
  readonly firstSlot: number;
  readonly lastSlot: number;
  readonly cells: number;
  readonly bytes: number;
  /** Of the whole file, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
}

/** The backup that an increment builds on. */
export interface BaseFacts {
  /** The hash that its manifest carries, and so of all that is in it, and in what it builds on itself. */
  readonly sha256: string;
  /** As its manifest says: for people who look for it. */
  readonly begun: string;
}

/** What an increment says besides. */
export interface IncrementFacts {
  readonly base: BaseFacts;
  /** Places in which nothing stands any more: records whose cell is of no bytes. */
  readonly gone: number;
  /** Cells of each kind in what it comes to with all that it builds on. */
  readonly whole: CellCounts;
}

export interface BackupFacts {
  readonly format: typeof BACKUP_FORMAT;
  readonly version: number;
  /** The cluster that was backed up. */
  readonly cluster: string;
  /** RFC 3339 in UTC, by the clock of the command: what was acknowledged before it began is in the backup. */
  readonly begun: string;
  readonly ended: string;
  /** N of that cluster. */
  readonly replicas: number;
  /** Of all cells in its files; `null` without any. */
  readonly greatestStamp: string | null;
  /** In its files. */
  readonly cells: CellCounts;
  /** Slots of which fewer copies than a read quorum were heard: what they hold may be old, or missing. */
  readonly thin: readonly ThinSlots[];
  readonly files: readonly BackupFile[];
  /** Of a whole backup there is none. */
  readonly increment?: IncrementFacts;
}

export interface Manifest {
  readonly facts: BackupFacts;
  /** The text that `sha256` is over. */
  readonly text: string;
  readonly sha256: string;
}

/** The name of a backup's file: no path, and nothing that any system takes for more than a name. */
export function fileName(number: number): string {
  return `cells-${String(number).padStart(6, "0")}.dnd`;
}

/** The text whose hash the manifest carries. */
export function factsText(facts: BackupFacts): string {
  return JSON.stringify(facts, null, 2);
}

/** The manifest as it stands in its file; `sha256` is that of `factsText`. */
export function manifestText(facts: BackupFacts, sha256: string): string {
  return `${JSON.stringify({ ...facts, sha256 }, null, 2)}\n`;
}

/** Trust boundary: what stands in a manifest, or what is wrong with it. Whether its hash holds is for the caller to see. */
export function parseManifest(text: string): Manifest | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return "it is not JSON";
  }
  if (!isObject(parsed)) return "it is not a JSON object";
  if (parsed["format"] !== BACKUP_FORMAT) return "it is not the manifest of a backup";
  const { version } = parsed;
  if (version !== BACKUP_VERSION && version !== INCREMENT_VERSION) {
    return `its format is version ${JSON.stringify(version)}, and ${BACKUP_VERSION} and ${INCREMENT_VERSION} are known here`;
  }
  const problem = factsProblem(parsed);
  if (problem !== undefined) return problem;
  const facts = orderedFacts(parsed as unknown as BackupFacts);
  const sha256 = parsed["sha256"] as string;
  // Also against members that are unknown, or given twice.
  if (manifestText(facts, sha256) !== text) return "it is not spelled as it was written";
  return { facts, text: factsText(facts), sha256 };
}

/** Just the members there are, in their order. */
export function orderedFacts(facts: BackupFacts): BackupFacts {
  const { format, version, cluster, begun, ended, replicas, greatestStamp, cells } = facts;
  const { increment } = facts;
  return {
    format,
    version,
    cluster,
    begun,
    ended,
    replicas,
    greatestStamp,
    cells: countsOf(cells),
    thin: facts.thin.map(({ firstSlot, lastSlot, copies }) => ({ firstSlot, lastSlot, copies })),
    files: facts.files.map((file) => ({
      name: file.name,
      firstSlot: file.firstSlot,
      lastSlot: file.lastSlot,
      cells: file.cells,
      bytes: file.bytes,
      sha256: file.sha256,
    })),
    ...(increment === undefined ? {} : { increment: incrementOf(increment) }),
  };
}

function incrementOf({ base, gone, whole }: IncrementFacts): IncrementFacts {
  return { base: { sha256: base.sha256, begun: base.begun }, gone, whole: countsOf(whole) };
}

function countsOf(counts: CellCounts): CellCounts {
  return Object.fromEntries(CELL_KINDS.map((kind) => [kind, counts[kind]])) as CellCounts;
}

type Json = Readonly<Record<string, unknown>>;

function factsProblem(manifest: Json): string | undefined {
  const { cluster, begun, ended, replicas, greatestStamp, cells, thin, files, sha256 } =
    manifest as Json & { readonly [name: string]: unknown };
  if (typeof cluster !== "string" || parseClusterId(cluster) === undefined) {
    return "cluster is not the id of one";
  }
  if (!isTime(begun) || !isTime(ended)) return "begun or ended is not a time";
  if (!isCount(replicas) || replicas < 1 || replicas > REPLICAS_MAX) return "replicas is no N";
  if (greatestStamp !== null && !isStamp(greatestStamp)) return "greatestStamp is not a stamp";
  if (!isCellCounts(cells)) return "cells does not count the cells of each kind";
  if (!isHash(sha256)) return "sha256 is not a hash";
  if (!Array.isArray(thin)) return "thin is not a list";
  if (!Array.isArray(files)) return "files is not a list";
  return thinProblem(thin) ?? filesProblem(files) ?? incrementProblem(manifest);
}

function incrementProblem({ version, increment }: Json): string | undefined {
  if (version === BACKUP_VERSION) {
    return increment === undefined ? undefined : "it is an increment, and of version 1";
  }
  if (!isObject(increment)) return "it does not say what it is an increment of";
  const { base, gone, whole } = increment;
  if (!isObject(base) || !isHash(base["sha256"]) || !isTime(base["begun"])) {
    return "base does not name a backup";
  }
  if (!isCount(gone)) return "gone is not a count";
  return isCellCounts(whole) ? undefined : "whole does not count the cells of each kind";
}

function isCellCounts(counts: unknown): boolean {
  return isObject(counts) && CELL_KINDS.every((kind) => isCount(counts[kind]));
}

function thinProblem(thin: readonly unknown[]): string | undefined {
  for (const one of thin) {
    if (!isObject(one) || !isSlotRange(one) || !isCount(one["copies"])) {
      return "thin holds what is no range of slots";
    }
  }
  return undefined;
}

function filesProblem(files: readonly unknown[]): string | undefined {
  let lastSlot = 0;
  for (const [index, file] of files.entries()) {
    if (!isObject(file)) return "files holds what is no file";
    const { name, firstSlot, cells, bytes, sha256 } = file;
    // In this order and no other, so that none is named twice and none can be a path.
    if (name !== fileName(index + 1)) {
      return `file ${index + 1} is named ${JSON.stringify(name)?.slice(0, 80)}, not ${fileName(index + 1)}`;
    }
    if (!isSlotRange(file)) return `${name} has no range of slots`;
    if ((firstSlot as number) < lastSlot) return `${name} begins with a slot of a file before`;
    lastSlot = file["lastSlot"] as number;
    if (!isCount(cells) || !isCount(bytes)) return `${name} has no count of cells and bytes`;
    if (!isHash(sha256)) return `${name} has no hash`;
  }
  return undefined;
}

function isSlotRange({ firstSlot, lastSlot }: Json): boolean {
  const first = parseSlot(firstSlot as number);
  const last = parseSlot(lastSlot as number);
  return first !== undefined && last !== undefined && first <= last;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHash(value: unknown): boolean {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function isStamp(value: unknown): boolean {
  return typeof value === "string" && parseStamp(value) !== undefined;
}

function isTime(value: unknown): boolean {
  return typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
}
