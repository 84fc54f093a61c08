/**
 * What has changed since a backup: the nodes are told what it holds, by sums over slots and then by digests of cells, and give what is
 * something else.
 *
 * Invariant: a slot is passed over only where a read quorum of its primaries holds just what the backup does; of every other all is
 * compared that the backup knows, by content, with all that the cluster holds. What is in doubt is read. So the chain that ends
 * with this increment comes to what a whole backup begun with it would have held.
 * Source: docs/decisions/0027-incremental-backups.md.
 */
import { digestOf } from "../../adapters/http/known-digests.ts";
import { SlotSums } from "../../core/anti-entropy/hash-tree.ts";
import { checksumOf } from "../../core/causality/cell-codec.ts";
import { slotRange } from "../../core/causality/storage-key.ts";
import {
  type Change,
  changesSince,
  type PlacedCell,
  recordOf,
} from "../../core/operations/backup-difference.ts";
import type { ThinSlots } from "../../model/backup.ts";
import type { Cell } from "../../model/cell.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import type { Slot } from "../../model/slot.ts";
import type { StorageKey } from "../../ports/storage.ts";
import { encodeRecords } from "../../protocol/backup/cell-record.ts";
import { DIGESTS_MAX } from "../../protocol/backup/known-cells.ts";
import {
  CELL_KINDS,
  type CellCounts,
  type IncrementFacts,
} from "../../protocol/backup/manifest.ts";
import { failure } from "../cli-error.ts";
import { CHAIN_MAX, type Chain, cellsOf } from "./backup-chain.ts";
import { CellChecker } from "./cell-checker.ts";
import {
  cellsIn,
  type KnownPage,
  type PageClient,
  type Part,
  type SlotRange,
} from "./page-client.ts";
import { readThrough } from "./read-through.ts";

/** Of the backup, so much is read ahead of what the cluster is asked for: about what it tells in one page. */
const AHEAD_BYTES = 1024 * 1024;

export class Increment {
  readonly #chain: Chain;
  readonly #sums = new SlotSums();
  /** Cells of each kind in what the chain comes to, this increment included as far as it has been made. */
  readonly #counts = new Map<Cell["kind"], number>(CELL_KINDS.map((kind) => [kind, 0]));
  /** To be read, in ascending order. */
  #slots: readonly Slot[] = [];

  private constructor(chain: Chain) {
    this.#chain = chain;
  }

  /** Verifies the backup that it is to build on. Throws `CliError`. */
  static async open(chain: Chain, cluster: string): Promise<Increment> {
    const { directory, facts } = chain.at(-1) ?? chain[0];
    if (facts.cluster !== cluster) {
      throw failure(
        "other-cluster",
        `${directory} is a backup of cluster ${facts.cluster}, and this is ${cluster}`,
        "take a whole backup, without --since",
      );
    }
    if (chain.length >= CHAIN_MAX) {
      throw failure(
        "long-chain",
        `${directory} builds on ${chain.length - 1} others, and a chain is ${CHAIN_MAX} at most`,
        "take a whole backup, without --since",
      );
    }
    const increment = new Increment(chain);
    await readThrough(chain, (cell) => increment.#add(cell));
    return increment;
  }

  /** Finds out which slots are to be read: asks the nodes, or takes all. */
  async compare(pages: PageClient, readsAll: boolean): Promise<void> {
    const differing = readsAll ? undefined : await pages.compare(this.#sums.sums);
    const all = Array.from({ length: SLOT_COUNT }, (_none, slot) => slot);
    this.#slots = (differing ?? all) as readonly Slot[];
  }

  get slotsRead(): number {
    return this.#slots.length;
  }

  facts(gone: number): IncrementFacts {
    const { sha256, facts } = this.#chain.at(-1) ?? this.#chain[0];
    const whole = Object.fromEntries(this.#counts) as CellCounts;
    return { base: { sha256, begun: facts.begun }, gone, whole };
  }

  /** What has changed in some slots, part by part. */
  async *partsOf(pages: PageClient, range: SlotRange): AsyncGenerator<Part> {
    let slots = this.#slots.filter((slot) => slot >= range.firstSlot && slot <= range.lastSlot);
    if (slots.length === 0) return;
    const base = new BaseReader(this.#chain, range, new Set(slots));
    // Checks the order of what comes, over all pages.
    const checker = new CellChecker(false);
    let cursor: string | undefined;
    let end: StorageKey = "";
    try {
      while (slots.length > 0) {
        const { cells, wholeBefore } = await base.ahead();
        const whole = slots.filter((slot) => slot < wholeBefore);
        const some = whole.length > 0 ? whole : slots.slice(0, 1);
        const last = slotRange(some.at(-1) as Slot).before;
        const known = cells.filter(({ position }) => position < last).slice(0, DIGESTS_MAX);
        const page = await pages.fetchUnknown({
          slots: some,
          cursor,
          digests: known.map(digestOf),
        });
        if (page.end <= end || page.end > last) {
          throw failure("bad-page", "a node gives a page of the backup that leads nowhere");
        }
        end = page.end;
        const changes = changesSince({
          base: await base.take(end),
          found: foundIn(page, checker, new Set(some)),
          isSame: page.isSame,
          isThin: (slot) => isAmong(page.thin, slot),
        });
        for (const change of changes) this.#count(change);
        const records = changes.map(recordOf);
        yield { cells: records, records: encodeRecords(records), thin: page.thin };
        slots = slots.filter((slot) => slotRange(slot).before > page.end);
        // Where the page ended with a slot, the next one is asked for from its beginning, wherever that is.
        const [next] = slots;
        const isWithin = next !== undefined && page.end > slotRange(next).from;
        cursor = isWithin ? page.cursor : undefined;
      }
      // To its end, so that what was read of it is known to be what it was.
      await base.take(undefined);
    } finally {
      await base.close();
    }
  }

  #add({ slot, position, bytes, cell }: PlacedCell): void {
    this.#sums.add(slot, position, checksumOf(bytes));
    this.#change(cell, 1);
  }

  #count({ before, after }: Change): void {
    if (before !== undefined) this.#change(before.cell, -1);
    if (after !== undefined) this.#change(after.cell, 1);
  }

  #change({ kind }: Cell, by: number): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + by);
  }
}

/** The cells of a page, each where it may be. */
function foundIn(
  page: KnownPage,
  checker: CellChecker,
  slots: ReadonlySet<Slot>,
): readonly PlacedCell[] {
  const all = { firstSlot: 0, lastSlot: SLOT_COUNT - 1 };
  return cellsIn(page).map((cell) => {
    const checked = checker.check(cell, all);
    if (typeof checked === "string") throw failure("bad-page", `a page of the backup: ${checked}`);
    if (checked.cell === undefined || !slots.has(checked.slot) || checked.position > page.end) {
      throw failure(
        "bad-page",
        `a page of the backup has a cell of slot ${checked.slot} that it must not`,
      );
    }
    return checked;
  });
}

function isAmong(thin: readonly ThinSlots[], slot: Slot): boolean {
  return thin.some(({ firstSlot, lastSlot }) => firstSlot <= slot && slot <= lastSlot);
}

/** What the backup holds of some slots of a range, from where the cluster has been compared with it. */
class BaseReader {
  readonly #chunks: AsyncGenerator<readonly PlacedCell[]>;
  readonly #slots: ReadonlySet<Slot>;
  #cells: PlacedCell[] = [];
  #bytes = 0;
  /** Everything before this slot has been read. */
  #wholeBefore = 0;

  constructor(chain: Chain, range: SlotRange, slots: ReadonlySet<Slot>) {
    this.#chunks = cellsOf(chain, { slots: range });
    this.#slots = slots;
  }

  /** What comes next, as much as one page is compared with, and the first slot that may not be there to its end. */
  async ahead(): Promise<{ readonly cells: readonly PlacedCell[]; readonly wholeBefore: number }> {
    while (this.#bytes < AHEAD_BYTES && (await this.#read()));
    return { cells: this.#cells, wholeBefore: this.#wholeBefore };
  }

  /** What stands up to a place, or all the rest, which is then done with. */
  async take(end: StorageKey | undefined): Promise<readonly PlacedCell[]> {
    const isBehind = ({ position }: PlacedCell): boolean => end !== undefined && position > end;
    while (!this.#cells.some(isBehind) && (await this.#read()));
    const index = this.#cells.findIndex(isBehind);
    const taken = index < 0 ? this.#cells : this.#cells.slice(0, index);
    this.#cells = index < 0 ? [] : this.#cells.slice(index);
    for (const { bytes } of taken) this.#bytes -= bytes.length;
    return taken;
  }

  async close(): Promise<void> {
    await this.#chunks.return(undefined);
  }

  /** False at the end. */
  async #read(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) {
      this.#wholeBefore = SLOT_COUNT;
      return false;
    }
    for (const cell of next.value) {
      this.#wholeBefore = cell.slot;
      if (!this.#slots.has(cell.slot)) continue;
      this.#cells.push(cell);
      this.#bytes += cell.bytes.length;
    }
    return true;
  }
}
