/**
 * Foreign cells: what this node holds of slots that are not its own, kept for primaries that were away or left
 * behind when a slot moved. Each goes to every primary and pending node, and only then is dropped. A batch of slots goes
 * page by page; a page is offered to all owners of its slots at once, each getting the part that it owns.
 *
 * Invariant: a foreign cell is dropped by a step that checks that it is the very one that everybody has taken, that those
 * asked are the owners still, by the epoch, and that this node is neither primary nor pending. A slot is dropped when its
 * own owners have taken it: it waits for those of no other.
 */
import { assert } from "../base/assert.ts";
import { checksumOf, decodeCell } from "../core/causality/cell-codec.ts";
import { parseCellKey, slotRange } from "../core/causality/storage-key.ts";
import type { Placement } from "../core/placement/placement.ts";
import type { Epoch, NodeId } from "../model/ids.ts";
import type { KeyedCell } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import type { Storage, StorageEntry, StorageKey } from "../ports/storage.ts";
import { type OfferedSlot, offer, PAGE_CELLS_MAX } from "./offer.ts";
import type { ExchangePorts } from "./slot-exchange.ts";
import { scanSlots } from "./slot-scan.ts";

/** What is read from disk for one page. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;

export interface HandoverOptions {
  readonly ports: ExchangePorts;
  readonly storage: Storage;
  readonly self: NodeId;
  readonly placement: () => Placement;
  /** In ascending order. */
  readonly slots: readonly Slot[];
  /** Told once, with the slots of which not every cell was handed over. */
  readonly done: (kept: ReadonlySet<Slot>) => void;
}

/** One slot of a page, until it is dropped or failed. */
interface Outstanding extends OfferedSlot {
  /** Owners that have not answered. */
  waiting: number;
  isTaken: boolean;
}

export class Handover {
  readonly #options: HandoverOptions;
  /** Those in which nothing has failed, in ascending order. */
  readonly #open: Set<Slot>;
  readonly #kept = new Set<Slot>();

  constructor(options: HandoverOptions) {
    assert(options.slots.length > 0, "a handover has slots");
    this.#options = options;
    this.#open = new Set(options.slots);
  }

  start(): void {
    this.#page("");
  }

  /** `after` is the storage key to go on after; empty for the beginning of the first slot. */
  #page(after: StorageKey): void {
    const { ports, storage, done } = this.#options;
    ports.share.admit((release) => {
      const { pageShare } = ports.share;
      const limits = {
        entriesMax: Math.floor(PAGE_CELLS_MAX * pageShare),
        bytesMax: Math.floor(PAGE_BYTES_MAX * pageShare),
      };
      scanSlots({ storage, slots: [...this.#open], after, ...limits }, (page) => {
        const cells = this.#readable(page?.entries ?? []);
        release();
        if (page === undefined) {
          for (const slot of this.#open) if (slotRange(slot).before > after) this.#fail(slot);
          return done(this.#kept);
        }
        this.#give(cells, after, () => {
          if (page.through === undefined) done(this.#kept);
          else this.#page(page.through);
        });
      });
    });
  }

  #readable(entries: readonly StorageEntry[]): Map<Slot, KeyedCell[]> {
    const cells = new Map<Slot, KeyedCell[]>();
    for (const { key: storageKey, value } of entries) {
      const place = parseCellKey(storageKey);
      if (place === undefined) continue;
      const { slot, key, field } = place;
      if (decodeCell(value, key, field) === "damaged") {
        // It must not leave the node, and is not known to be anywhere else: it stays, to be healed.
        this.#options.ports.cells.findAnew(place);
        this.#kept.add(slot);
        continue;
      }
      const cell = { key, field, bytes: value };
      const list = cells.get(slot);
      if (list === undefined) cells.set(slot, [cell]);
      else list.push(cell);
    }
    return cells;
  }

  /** Goes on when all of it is dropped, or failed. */
  #give(page: ReadonlyMap<Slot, KeyedCell[]>, after: StorageKey, then: () => void): void {
    const { ports, placement, self } = this.#options;
    const now = placement();
    const byOwner = new Map<NodeId, Outstanding[]>();
    let left = 0;
    for (const [slot, cells] of page) {
      const owners = [...now.primaries(slot), ...now.pending(slot)];
      if (owners.length === 0 || owners.includes(self)) {
        this.#fail(slot);
        continue;
      }
      left += 1;
      const outstanding = { slot, cells, waiting: owners.length, isTaken: true };
      for (const owner of owners) {
        const list = byOwner.get(owner);
        if (list === undefined) byOwner.set(owner, [outstanding]);
        else list.push(outstanding);
      }
    }
    if (left === 0) return then();
    for (const [owner, offered] of byOwner) {
      offer(ports, { owner, offered, after }, (untaken) => {
        const settled = settle(offered, untaken);
        if (settled.length === 0) return;
        this.#drop(settled, now.epoch, () => {
          left -= settled.length;
          if (left === 0) then();
        });
      });
    }
  }

  /** Drops what all owners have taken; the rest of these slots failed. */
  #drop(settled: readonly Outstanding[], epoch: Epoch, then: () => void): void {
    const { ports, placement, self } = this.#options;
    for (const { slot, isTaken } of settled) if (!isTaken) this.#fail(slot);
    const taken = settled.filter(({ isTaken }) => isTaken);
    if (taken.length === 0) return then();
    ports.share.admit((release) => {
      const now = placement();
      for (const { slot, cells } of taken) {
        // Another placement may have other owners: they have not taken anything yet.
        if (now.epoch !== epoch || now.isHolder(slot, self)) this.#fail(slot);
        else this.#dropCells(slot, cells);
      }
      release();
      then();
    });
  }

  #dropCells(slot: Slot, cells: readonly KeyedCell[]): void {
    const { ports } = this.#options;
    for (const { key, field, bytes } of cells) {
      if (ports.cells.drop(slot, key, field, checksumOf(bytes))) {
        ports.counters.add("foreign-cells-dropped");
      }
    }
  }

  /** What is left of the slot waits for the next round. */
  #fail(slot: Slot): void {
    this.#kept.add(slot);
    this.#open.delete(slot);
  }
}

/** Notes one owner's answer; tells the slots whose owners have now all answered. */
function settle(offered: readonly Outstanding[], untaken: ReadonlySet<Slot>): Outstanding[] {
  const settled: Outstanding[] = [];
  for (const one of offered) {
    if (untaken.has(one.slot)) one.isTaken = false;
    one.waiting -= 1;
    if (one.waiting === 0) settled.push(one);
  }
  return settled;
}
