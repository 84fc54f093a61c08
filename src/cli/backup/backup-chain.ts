/**
 * A backup with all that it builds on: increments laid over a whole one.
 *
 * Invariant: a backup is found by the hash of its manifest, which is in the manifest of the one that builds on it: so what the last of
 * them says fixes all of them, and no name that stands in a file is ever followed. Looked at are the directories that were given,
 * and those beside each backup of the chain. A place is said to be empty only over one that is not.
 */
import { readdir, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PlacedCell } from "../../core/operations/backup-difference.ts";
import type { Cell } from "../../model/cell.ts";
import { CELL_KINDS, type CellCounts } from "../../protocol/backup/manifest.ts";
import { CliError, failure } from "../cli-error.ts";
import { badBackup, checkCounts, type Layer, openLayer, recordsOf } from "./backup-directory.ts";
import type { GonePlace } from "./cell-checker.ts";
import type { SlotRange } from "./page-client.ts";

/** Backups in one chain: each has a file open while they are read. */
export const CHAIN_MAX = 256;
/** Directories looked at beside one backup. */
const NEIGHBOURS_MAX = 10_000;
/** Read at once of the only backup, and of each of several. */
const CHUNK_BYTES = 1024 * 1024;
const CHUNK_BYTES_OF_MANY = 128 * 1024;

/** The whole backup first, then each that builds on the one before. */
export type Chain = readonly [Layer, ...Layer[]];

/**
 * The chain that ends with the backup in a directory. Throws `CliError`.
 *
 * @param bases directories that are looked at before those beside it; each must hold a backup.
 */
export async function openChain(directory: string, bases: readonly string[]): Promise<Chain> {
  const layers: Layer[] = [];
  const search = new Search();
  let layer: Layer | undefined = await openLayer(directory);
  for (const base of bases) search.add(await openLayer(base));
  for (;;) {
    layers.unshift(layer);
    const base = layer.facts.increment?.base;
    if (base === undefined) return layers as unknown as Chain;
    if (layers.length === CHAIN_MAX) {
      throw badBackup(`${directory} builds on more than ${CHAIN_MAX - 1} backups`);
    }
    const found = await search.find(base.sha256, layer.directory);
    if (found === undefined) throw missing(layer, base, search);
    if (found.facts.cluster !== layer.facts.cluster) {
      throw badBackup(`${layer.directory} is of another cluster than what it builds on`);
    }
    if (found.facts.begun !== base.begun) {
      throw badBackup(`${layer.directory} says of what it builds on when it was begun, wrongly`);
    }
    layer = found;
  }
}

function missing(
  { directory }: Layer,
  { sha256, begun }: { readonly sha256: string; readonly begun: string },
  { unreadable }: Search,
): CliError {
  const damaged = unreadable.length === 0 ? "" : `; ${unreadable.join(", ")}: damaged, perhaps it`;
  return failure(
    "no-base",
    `${directory} builds on a backup begun ${begun}, with ${sha256} in its manifest, which is not there${damaged}`,
    "it is looked for beside the backup, and where --base DIR says; as it was, not changed",
  );
}

/** Backups by the hashes of their manifests. */
class Search {
  readonly #found = new Map<string, Layer>();
  readonly #looked = new Set<string>();
  /** Directories of the chain so far, beside which there may be more. */
  readonly #chain: string[] = [];
  /** Directories with a manifest that is not one. */
  readonly unreadable: string[] = [];

  add(layer: Layer): void {
    this.#found.set(layer.sha256, layer);
  }

  /** Among those known, else beside the directory of who asks for it, else beside those before. */
  async find(sha256: string, beside: string): Promise<Layer | undefined> {
    this.#chain.unshift(beside);
    for (const directory of this.#chain) {
      if (this.#found.has(sha256)) break;
      await this.#look(dirname(await realpath(directory)));
    }
    return this.#found.get(sha256);
  }

  async #look(parent: string): Promise<void> {
    if (this.#looked.has(parent)) return;
    this.#looked.add(parent);
    const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
    // Links are passed over: what they lead to is elsewhere.
    const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    for (const name of names.sort().slice(0, NEIGHBOURS_MAX)) {
      try {
        this.add(await openLayer(join(parent, name)));
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        if (error.code !== "no-backup") this.unreadable.push(name);
      }
    }
  }
}

/** Bytes in the files of all of them. */
export function bytesOf(chain: Chain): number {
  return chain.reduce(
    (sum, { facts }) => facts.files.reduce((bytes, file) => bytes + file.bytes, sum),
    0,
  );
}

export interface CellsOptions {
  /** Only cells of these; all where it is not said. */
  readonly slots?: SlotRange | undefined;
  /** Told how many bytes have been read of all files. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * What a chain comes to, some cells at a time, in the order of their places. Throws `CliError` at the first thing that is wrong;
 * what only the whole can show, such as a hash or a count, is found at the end of it.
 */
export async function* cellsOf(
  chain: Chain,
  { slots, onBytes }: CellsOptions = {},
): AsyncGenerator<readonly PlacedCell[]> {
  let bytesRead = 0;
  const onMore = (bytes: number): void => {
    bytesRead += bytes;
    onBytes?.(bytesRead);
  };
  const chunkBytes = chain.length === 1 ? CHUNK_BYTES : CHUNK_BYTES_OF_MANY;
  const sources = chain.map(
    (layer) => new Source(recordsOf(layer, { slots, chunkBytes, onBytes: onMore }), layer),
  );
  const counts = new Map<Cell["kind"], number>(CELL_KINDS.map((kind) => [kind, 0]));
  try {
    for (;;) {
      for (const source of sources) await source.fill();
      // Up to there all of them have been read.
      const frontiers = sources.flatMap(({ frontier }) => frontier ?? []);
      const upTo = frontiers.length === 0 ? undefined : frontiers.reduce(least);
      let cells: readonly PlacedCell[] = [];
      for (const source of sources) {
        const records = source.take(upTo);
        if (records.length > 0) cells = laidOver(cells, records, source.layer);
      }
      for (const { cell } of cells) counts.set(cell.kind, (counts.get(cell.kind) ?? 0) + 1);
      if (cells.length > 0) yield cells;
      if (upTo === undefined) break;
    }
  } finally {
    for (const source of sources) await source.close();
  }
  const whole = chain.at(-1)?.facts.increment?.whole;
  if (whole !== undefined && slots === undefined) {
    checkCounts(Object.fromEntries(counts) as CellCounts, whole);
  }
}

function least(a: string, b: string): string {
  return a < b ? a : b;
}

/** The records of one backup, read ahead by a chunk. */
class Source {
  readonly layer: Layer;
  readonly #chunks: AsyncGenerator<readonly (PlacedCell | GonePlace)[]>;
  #records: readonly (PlacedCell | GonePlace)[] = [];
  #isOver = false;

  constructor(chunks: AsyncGenerator<readonly (PlacedCell | GonePlace)[]>, layer: Layer) {
    this.#chunks = chunks;
    this.layer = layer;
  }

  async fill(): Promise<void> {
    while (this.#records.length === 0 && !this.#isOver) {
      const next = await this.#chunks.next();
      if (next.done === true) this.#isOver = true;
      else this.#records = next.value;
    }
  }

  /** Behind it there may be more that has not been read; `undefined` once there is not. */
  get frontier(): string | undefined {
    return this.#isOver ? undefined : this.#records.at(-1)?.position;
  }

  /** Everything up to a place, or everything. */
  take(upTo: string | undefined): readonly (PlacedCell | GonePlace)[] {
    const records = this.#records;
    const index = upTo === undefined ? -1 : records.findIndex(({ position }) => position > upTo);
    if (index < 0) {
      this.#records = [];
      return records;
    }
    this.#records = records.slice(index);
    return records.slice(0, index);
  }

  async close(): Promise<void> {
    await this.#chunks.return(undefined);
  }
}

/** Both are in the order of their places. */
function laidOver(
  below: readonly PlacedCell[],
  above: readonly (PlacedCell | GonePlace)[],
  { directory, facts }: Layer,
): readonly PlacedCell[] {
  // Of a whole backup nothing is gone.
  if (facts.increment === undefined) return above as readonly PlacedCell[];
  const cells: PlacedCell[] = [];
  let index = 0;
  for (const record of above) {
    let next = below[index];
    while (next !== undefined && next.position < record.position) {
      cells.push(next);
      index += 1;
      next = below[index];
    }
    const isThere = next?.position === record.position;
    if (isThere) index += 1;
    if (record.cell !== undefined) cells.push(record);
    else if (!isThere) {
      throw badBackup(`${directory} takes away a cell of slot ${record.slot} that is not there`);
    }
  }
  for (; index < below.length; index += 1) cells.push(below[index] as PlacedCell);
  return cells;
}
