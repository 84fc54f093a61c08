/**
 * Takes a backup: a few ranges of slots side by side, each page checked cell by cell and written before the next one is asked for, so
 * that neither end holds more than a few pages, and the slower end sets the pace.
 */

import type { ThinSlots } from "../../model/backup.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import { formatStamp, maxStamp, NO_STAMP } from "../../model/stamp.ts";
import { RecordReader } from "../../protocol/backup/cell-record.ts";
import {
  BACKUP_FORMAT,
  BACKUP_VERSION,
  type BackupFacts,
  CELL_KINDS,
  type CellCounts,
} from "../../protocol/backup/manifest.ts";
import { failure } from "../cli-error.ts";
import { askCluster } from "../cluster-view.ts";
import type { NodeClient } from "../node-client.ts";
import { Progress } from "../progress.ts";
import { asUnwritable, clear, openDirectory, RangeWriter, seal } from "./backup-writer.ts";
import { CellChecker } from "./cell-checker.ts";
import { type FetchedPage, PageClient } from "./page-client.ts";

/** Ranges of slots, and so the fewest files; and how many are under way at once. */
const RANGES = 16;
const AT_ONCE = 3;

export interface TakeOptions {
  readonly directory: string;
  readonly allowsThin: boolean;
}

/** Writes a backup of the cluster that `client` is a node of. Throws `CliError`, and leaves nothing then. */
export async function takeBackup(
  client: NodeClient,
  { directory, allowsThin }: TakeOptions,
): Promise<BackupFacts> {
  const { cluster, shared, members, node } = await askCluster(client);
  if (cluster === null) throw failure("not-ready", "the node is in no cluster yet");
  const others = members
    .filter(({ id, liveness, httpAddress }) => id !== node && liveness !== "dead" && httpAddress)
    .map(({ httpAddress }) => httpAddress);
  await openDirectory(directory);
  const pages = new PageClient(client, others, { cluster, allowsThin });
  const begun = new Date().toISOString();
  try {
    const taken = await new Taking(directory, pages).run();
    return await seal(directory, taken.files, {
      format: BACKUP_FORMAT,
      version: BACKUP_VERSION,
      cluster,
      begun,
      ended: new Date().toISOString(),
      replicas: Number(shared["replicas"]),
      greatestStamp: taken.greatestStamp,
      cells: taken.counts,
      thin: taken.thin,
    });
  } catch (error) {
    await clear(directory).catch(() => undefined);
    throw asUnwritable(error, directory);
  } finally {
    pages.close();
  }
}

interface Range {
  readonly index: number;
  readonly firstSlot: number;
  readonly lastSlot: number;
  readonly writer: RangeWriter;
  readonly checker: CellChecker;
  readonly thin: ThinSlots[];
  /** The last slot that a cell was seen of. */
  slot: number;
  isDone: boolean;
}

class Taking {
  readonly #pages: PageClient;
  readonly #ranges: readonly Range[];
  readonly #progress = new Progress("backed up");
  #keys = 0;
  #hasFailed = false;

  constructor(directory: string, pages: PageClient) {
    this.#pages = pages;
    const slots = SLOT_COUNT / RANGES;
    this.#ranges = Array.from({ length: RANGES }, (_none, index) => {
      const range = { index, firstSlot: index * slots, lastSlot: (index + 1) * slots - 1 };
      return {
        ...range,
        writer: new RangeWriter(directory, range),
        checker: new CellChecker(),
        thin: [],
        slot: range.firstSlot,
        isDone: false,
      };
    });
  }

  async run() {
    const left = [...this.#ranges];
    const lanes = Array.from({ length: AT_ONCE }, async () => {
      for (let range = left.shift(); range !== undefined; range = left.shift()) {
        await this.#take(range);
      }
    });
    // All lanes are over before anything is cleared away under them.
    const results = await Promise.allSettled(lanes);
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) {
      for (const { writer } of this.#ranges) await writer.abandon().catch(() => undefined);
      throw failed.reason;
    }
    this.#progress.end(this.#keys);
    return {
      files: this.#ranges.flatMap(({ writer }) => writer.closed),
      thin: this.#ranges.flatMap(({ thin }) => thin),
      counts: this.#counts(),
      greatestStamp: this.#greatestStamp(),
    };
  }

  async #take(range: Range): Promise<void> {
    try {
      let cursor: string | undefined;
      do {
        const page = await this.#pages.fetch(range, cursor);
        // Another lane has failed, and this backup with it.
        if (this.#hasFailed) return;
        await this.#store(range, page);
        if (cursor !== undefined && page.cursor === cursor) {
          throw failure("bad-page", "a node gives the same page of the backup again and again");
        }
        cursor = page.cursor;
      } while (cursor !== undefined);
      await range.writer.end();
      range.isDone = true;
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  async #store(range: Range, { records, cells, thin }: FetchedPage): Promise<void> {
    const reader = new RecordReader();
    const found = reader.feed(records);
    if (typeof found === "string") throw failure("bad-page", `a page of the backup: ${found}`);
    if (!reader.isAtEnd || found.length !== cells) {
      throw failure("bad-page", `a page of the backup has ${found.length} cells of ${cells}`);
    }
    for (const cell of found) {
      const checked = range.checker.check(cell, range);
      if (typeof checked === "string") {
        throw failure("bad-page", `a page of the backup: ${checked}`);
      }
      range.slot = checked.slot;
      const { kind } = checked.cell;
      if (kind === "value" || kind === "container") this.#keys += 1;
    }
    range.thin.push(...thin);
    await range.writer.add(records, cells, range.slot);
    this.#progress.update(this.#keys, this.#fraction());
  }

  #fraction(): number {
    let slots = 0;
    for (const { firstSlot, lastSlot, slot, isDone } of this.#ranges) {
      slots += (isDone ? lastSlot + 1 : slot) - firstSlot;
    }
    return slots / SLOT_COUNT;
  }

  #counts(): CellCounts {
    const sums = CELL_KINDS.map((kind) => [
      kind,
      this.#ranges.reduce((sum, { checker }) => sum + checker.counts[kind], 0),
    ]);
    return Object.fromEntries(sums) as CellCounts;
  }

  #greatestStamp(): string | null {
    const greatest = this.#ranges.reduce(
      (stamp, { checker }) => maxStamp(stamp, checker.greatestStamp),
      NO_STAMP,
    );
    return greatest === NO_STAMP ? null : formatStamp(greatest);
  }
}
