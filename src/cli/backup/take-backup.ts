/**
 * Takes a backup: a few ranges of slots side by side, each part checked cell by cell and written before the next one is asked for, so
 * that neither end holds more than a few pages, and the slower end sets the pace.
 */
import type { ThinSlots } from "../../model/backup.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import { formatStamp, maxStamp, NO_STAMP } from "../../model/stamp.ts";
import {
  BACKUP_FORMAT,
  BACKUP_VERSION,
  type BackupFacts,
  CELL_KINDS,
  type CellCounts,
  INCREMENT_VERSION,
} from "../../protocol/backup/manifest.ts";
import { failure } from "../cli-error.ts";
import { askCluster } from "../cluster-view.ts";
import type { NodeClient } from "../node-client.ts";
import { Progress } from "../progress.ts";
import type { Chain } from "./backup-chain.ts";
import {
  asUnwritable,
  clear,
  openDirectory,
  RangeWriter,
  refuseFull,
  seal,
} from "./backup-writer.ts";
import { CellChecker } from "./cell-checker.ts";
import { Increment } from "./increment.ts";
import { cellsIn, PageClient, type Part, type SlotRange } from "./page-client.ts";

/** Ranges of slots, and so the fewest files; and how many are under way at once. */
const RANGES = 16;
const AT_ONCE = 3;

export interface TakeOptions {
  readonly directory: string;
  readonly allowsThin: boolean;
  /** What has changed since this one; all there is where it is not said. */
  readonly since?: Chain | undefined;
  /** Reads every slot, also where the nodes' own hashes say that nothing has changed. */
  readonly readsAll?: boolean | undefined;
}

export interface TakenBackup {
  readonly facts: BackupFacts;
  /** Slots that the nodes read for it. */
  readonly slotsRead: number;
  /** Bodies of all pages, and of the questions for them. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** Writes a backup of the cluster that `client` is a node of. Throws `CliError`, and leaves nothing then. */
export async function takeBackup(client: NodeClient, options: TakeOptions): Promise<TakenBackup> {
  const { directory, allowsThin, since, readsAll = false } = options;
  const { cluster, shared, members, node } = await askCluster(client);
  if (cluster === null) throw failure("not-ready", "the node is in no cluster yet");
  const others = members
    .filter(({ id, liveness, httpAddress }) => id !== node && liveness !== "dead" && httpAddress)
    .map(({ httpAddress }) => httpAddress);
  // Before the time that verifying the other one takes.
  await refuseFull(directory);
  const increment = since === undefined ? undefined : await Increment.open(since, cluster);
  await openDirectory(directory);
  const pages = new PageClient(client, others, { cluster, allowsThin });
  const begun = new Date().toISOString();
  try {
    await increment?.compare(pages, readsAll);
    const partsOf = (range: SlotRange): AsyncGenerator<Part> =>
      increment === undefined ? pagesOf(pages, range) : increment.partsOf(pages, range);
    const taken = await new Taking(directory, increment !== undefined, partsOf).run();
    const facts = await seal(directory, taken.files, {
      format: BACKUP_FORMAT,
      version: increment === undefined ? BACKUP_VERSION : INCREMENT_VERSION,
      cluster,
      begun,
      ended: new Date().toISOString(),
      replicas: Number(shared["replicas"]),
      greatestStamp: taken.greatestStamp,
      cells: taken.counts,
      thin: taken.thin,
      ...(increment === undefined ? {} : { increment: increment.facts(taken.gone) }),
    });
    const { bytesReceived, bytesSent } = pages;
    return { facts, slotsRead: increment?.slotsRead ?? SLOT_COUNT, bytesReceived, bytesSent };
  } catch (error) {
    await clear(directory).catch(() => undefined);
    throw asUnwritable(error, directory);
  } finally {
    pages.close();
  }
}

/** All there is in some slots, page by page. */
async function* pagesOf(pages: PageClient, range: SlotRange): AsyncGenerator<Part> {
  let cursor: string | undefined;
  do {
    const page = await pages.fetch(range, cursor);
    yield { cells: cellsIn(page), records: page.records, thin: page.thin };
    if (cursor !== undefined && page.cursor === cursor) {
      throw failure("bad-page", "a node gives the same page of the backup again and again");
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
}

interface Range extends SlotRange {
  readonly index: number;
  readonly writer: RangeWriter;
  readonly checker: CellChecker;
  readonly thin: ThinSlots[];
  /** The last slot that a cell was seen of. */
  slot: number;
  isDone: boolean;
}

class Taking {
  readonly #partsOf: (range: SlotRange) => AsyncGenerator<Part>;
  readonly #ranges: readonly Range[];
  readonly #progress = new Progress("backed up");
  #keys = 0;
  #hasFailed = false;

  constructor(
    directory: string,
    takesGone: boolean,
    partsOf: (range: SlotRange) => AsyncGenerator<Part>,
  ) {
    this.#partsOf = partsOf;
    const slots = SLOT_COUNT / RANGES;
    this.#ranges = Array.from({ length: RANGES }, (_none, index) => {
      const range = { index, firstSlot: index * slots, lastSlot: (index + 1) * slots - 1 };
      return {
        ...range,
        writer: new RangeWriter(directory, range),
        checker: new CellChecker(takesGone),
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
      gone: this.#ranges.reduce((sum, { checker }) => sum + checker.gone, 0),
      greatestStamp: this.#greatestStamp(),
    };
  }

  async #take(range: Range): Promise<void> {
    try {
      for await (const part of this.#partsOf(range)) {
        // Another lane has failed, and this backup with it.
        if (this.#hasFailed) return;
        await this.#store(range, part);
      }
      await range.writer.end();
      range.isDone = true;
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  async #store(range: Range, { cells, records, thin }: Part): Promise<void> {
    for (const cell of cells) {
      const checked = range.checker.check(cell, range);
      if (typeof checked === "string") {
        throw failure("bad-page", `a page of the backup: ${checked}`);
      }
      range.slot = checked.slot;
      const kind = checked.cell?.kind;
      if (kind === "value" || kind === "container") this.#keys += 1;
    }
    range.thin.push(...thin);
    await range.writer.add(records, cells.length, range.slot);
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
