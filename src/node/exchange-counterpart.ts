/**
 * The other side of an exchange: tells hashes, digests and cells of this node's slots to whoever compares with it. The
 * exchange of this very node lists its own cells here too.
 *
 * Invariant: what is told is durable, and the C that goes with a slot was named before its cells were looked at: what
 * the answer lacks up to that C was dropped by right. Where the answer may lack something else, no C is named.
 * Source: docs/ARCHITECTURE.md, "Convergence"; docs/decisions/0012-exchange-over-many-slots.md.
 */
import {
  differingIndices,
  differingLeaves,
  hasLeaf,
  leafOf,
} from "../core/anti-entropy/hash-tree.ts";
import { checksumOf, decodeCell, peekStamp } from "../core/causality/cell-codec.ts";
import { type CellPlace, parseCellKey } from "../core/causality/storage-key.ts";
import type { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { NodeId } from "../model/ids.ts";
import type {
  CellDigest,
  KeyedCell,
  PeerReply,
  PeerRequest,
  SlotCells,
} from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import { compareStamps, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Storage, StorageKey } from "../ports/storage.ts";
import { scanCells } from "./cell-scan.ts";
import type { CellStore } from "./cell-store.ts";
import type { GroupCommit } from "./group-commit.ts";
import { type Reply, refuse } from "./reply.ts";
import { type SlotPage, scanSlots } from "./slot-scan.ts";
import type { SlotStates } from "./slot-states.ts";
import type { Votes } from "./votes.ts";

/** Cells of one message: a frame holds the largest value alone, and little more. */
const CELLS_BYTES_MAX = 512 * 1024;
/** Digests of one message, whatever was asked for. */
const LIST_ENTRIES_MAX = 8_192;
/** What is read from disk for one listing. */
const LIST_BYTES_MAX = 4 * 1024 * 1024;
/** Cells of one answer to `slot-scan`. */
const SCAN_ENTRIES_MAX = 16_384;

type RequestOf<Kind extends PeerRequest["kind"]> = Extract<PeerRequest, { kind: Kind }>;
type ReplyOf<Kind extends PeerReply["kind"]> = Extract<PeerReply, { kind: Kind }>;
type ListedSlot = ReplyOf<"slot-list-reply">["parts"][number];

export interface ExchangeCounterpartOptions {
  readonly self: NodeId;
  readonly cells: CellStore;
  readonly commit: GroupCommit;
  readonly storage: Storage;
  readonly placement: () => Placement;
  readonly states: SlotStates;
  readonly votes: Votes;
  /** What part of the largest page a page may be, to 1: see `BackgroundShare`. */
  readonly pageShare: () => number;
}

/** Digests of many slots; everything up to `through` is in it, or everything if that is `undefined`. */
export interface ListedSlots {
  readonly parts: readonly ListedSlot[];
  readonly through: StorageKey | undefined;
}

export class ExchangeCounterpart {
  readonly #options: ExchangeCounterpartOptions;

  constructor(options: ExchangeCounterpartOptions) {
    this.#options = options;
  }

  /** Whether the root, or which groups, differ from the asker's, over the slots both hold. */
  compare(from: NodeId, request: RequestOf<"compare">, reply: Reply): void {
    if (!this.#isBuilt(reply)) return;
    const { hashes } = this.#options.cells;
    const isShared = this.sharedWith(from);
    const mine = request.level === "root" ? hashes.root(isShared) : hashes.groups(isShared);
    const differing = differingIndices(mine, request.hashes);
    this.#replyDurable(reply, { kind: "compare-reply", isVoteless: this.#isVoteless(), differing });
  }

  /** Which of these slots differ from the asker's. */
  compareSlots({ slots, hashes }: RequestOf<"slot-compare">, reply: Reply): void {
    if (!this.#isBuilt(reply)) return;
    const mine = this.#options.cells.hashes.slots(slots);
    const differing = differingIndices(mine, hashes).map((index) => slots[index] as Slot);
    this.#replyDurable(reply, { kind: "compare-reply", isVoteless: this.#isVoteless(), differing });
  }

  #isVoteless(): boolean {
    return this.#options.votes.voteless > 0;
  }

  /** In which leaves these slots differ from the asker's. */
  compareLeaves(request: RequestOf<"leaf-compare">, reply: Reply): void {
    if (!this.#isBuilt(reply)) return;
    const tree = this.#options.cells.hashes;
    const parts = request.parts.map(({ slot, hashes }) => ({
      slot,
      collected: this.named(slot),
      leaves: differingLeaves(tree.leaves(slot), hashes),
    }));
    this.#replyDurable(reply, { kind: "leaf-compare-reply", parts });
  }

  /** Digests of slots, in storage order. Damaged cells are left out: they are healed apart from exchanges. */
  list({ parts, after, limit }: RequestOf<"slot-list">, reply: Reply): void {
    this.digests(parts, after, limit, (listed) => {
      if (listed === undefined) refuse(reply, "failed", "the disk could not be read");
      else reply({ kind: "slot-list-reply", ...listed });
    });
  }

  /** See `list`; `undefined` when the disk could not be read. */
  digests(
    asked: RequestOf<"slot-list">["parts"],
    after: StorageKey,
    limit: number,
    done: (listed: ListedSlots | undefined) => void,
  ): void {
    const leavesOf = new Map(asked.map(({ slot, leaves }) => [slot, leaves]));
    const slots = asked.map(({ slot }) => slot);
    const pageShare = this.#options.pageShare();
    const entriesMax = Math.max(1, Math.min(limit, Math.floor(LIST_ENTRIES_MAX * pageShare)));
    const limits = { entriesMax, bytesMax: Math.floor(LIST_BYTES_MAX * pageShare) };
    this.#scan(slots, after, limits, (page, namedBefore) => {
      if (page === undefined) return done(undefined);
      const digests = new Map<Slot, CellDigest[]>(page.slots.map((slot) => [slot, []]));
      const damaged = new Set<Slot>();
      for (const { key: storageKey, value } of page.entries) {
        const place = parseCellKey(storageKey);
        if (place === undefined) continue;
        const { slot, key, field } = place;
        const leaves = leavesOf.get(slot);
        if (leaves !== undefined && !hasLeaf(leaves, leafOf(storageKey))) continue;
        if (decodeCell(value, key, field) === "damaged") {
          this.#noteDamaged(damaged, place);
          continue;
        }
        const stamp = peekStamp(value) ?? NO_STAMP;
        digests.get(slot)?.push({ key, field, stamp, checksum: checksumOf(value) });
      }
      const parts = page.slots.map((slot) => ({
        slot,
        collected: damaged.has(slot) ? NO_STAMP : this.#least(slot, namedBefore),
        digests: digests.get(slot) ?? [],
      }));
      done({ parts, through: page.through });
    });
  }

  /** The cells of whole slots, in storage order, as many as fit a page. Damaged ones are left out. */
  scan({ slots, after }: RequestOf<"slot-scan">, reply: Reply): void {
    const limits = { entriesMax: SCAN_ENTRIES_MAX, bytesMax: this.cellsBytesMax() };
    this.#scan(slots, after, limits, (page, namedBefore) => {
      if (page === undefined) return refuse(reply, "failed", "the disk could not be read");
      const cells = new Map<Slot, KeyedCell[]>(page.slots.map((slot) => [slot, []]));
      const damaged = new Set<Slot>();
      for (const { key: storageKey, value } of page.entries) {
        const place = parseCellKey(storageKey);
        if (place === undefined) continue;
        const { slot, key, field } = place;
        if (decodeCell(value, key, field) === "damaged") this.#noteDamaged(damaged, place);
        else cells.get(slot)?.push({ key, field, bytes: value });
      }
      const parts = page.slots.map((slot) => ({
        slot,
        collected: damaged.has(slot) ? NO_STAMP : this.#least(slot, namedBefore),
        cells: cells.get(slot) ?? [],
      }));
      reply({ kind: "slot-scan-reply", parts, through: page.through });
    });
  }

  /** A page of all cells of this node's own slots, for a backup. */
  tellCells(request: RequestOf<"cell-scan" | "sparse-scan">, reply: Reply): void {
    scanCells(this.#options, request, reply);
  }

  /**
   * Of those slots that this node is a primary of, the ones for which it cannot say that it holds just the cells that the asker
   * knows of, as far as sums over them tell.
   */
  compareSums({ firstSlot, sums }: RequestOf<"sum-compare">, reply: Reply): void {
    if (!this.#isBuilt(reply)) return;
    const { cells, self, votes } = this.#options;
    const placement = this.#options.placement();
    const count = sums.length / 2;
    const mine = cells.hashes.sums(firstSlot, count);
    const differing: Slot[] = [];
    for (let index = 0; index < count; index += 1) {
      const slot = (firstSlot + index) as Slot;
      if (!placement.isPrimary(slot, self)) continue;
      const isSame =
        mine[2 * index] === sums[2 * index] && mine[2 * index + 1] === sums[2 * index + 1];
      if (!isSame || !votes.has(slot)) differing.push(slot);
    }
    this.#replyDurable(reply, { kind: "compare-reply", isVoteless: this.#isVoteless(), differing });
  }

  /** The wanted cells, as many as fit a page; the asker asks again for the rest. */
  fetch({ wanted }: RequestOf<"fetch">, reply: Reply): void {
    const { cells } = this.#options;
    const found = new Map<Slot, KeyedCell[]>();
    const unreadable = new Set<Slot>();
    const bytesMax = this.cellsBytesMax();
    let bytes = 0;
    let taken = 0;
    for (const { slot, key, field } of wanted) {
      const cell = slotOfKey(key) === slot ? cells.find(slot, key, field) : undefined;
      if (cell?.kind === "held") {
        const size = key.length + cell.bytes.length;
        // A frame holds the largest value alone, and little more.
        if (bytes > 0 && bytes + size > bytesMax) break;
        bytes += size;
        const list = found.get(slot);
        if (list === undefined) found.set(slot, [{ key, field, bytes: cell.bytes }]);
        else list.push({ key, field, bytes: cell.bytes });
      } else if (cell?.kind === "damaged") {
        // It was listed, so it is owed: passing it over would make the exchange look complete.
        unreadable.add(slot);
      } else if (cell?.kind === "failed") {
        // The disk, not the cell: it may be read the next time.
        return refuse(reply, "failed", cell.detail);
      }
      taken += 1;
    }
    const parts: SlotCells[] = [];
    for (const slot of inOrder(found.keys())) {
      parts.push({ slot, collected: this.named(slot), cells: found.get(slot) ?? [] });
    }
    const answer = { parts, taken, unreadable: inOrder(unreadable) };
    this.#replyDurable(reply, { kind: "fetch-reply", ...answer });
  }

  /** Bytes of cells in one page, as this node's own requests allow; a larger cell makes a page alone. */
  cellsBytesMax(): number {
    return Math.floor(CELLS_BYTES_MAX * this.#options.pageShare());
  }

  /** C as it goes with what this node tells of a slot. While the hashes are built it may not know all it holds. */
  named(slot: Slot): Stamp {
    const { cells, states } = this.#options;
    return cells.isBuilt ? states.named(slot) : NO_STAMP;
  }

  /** Whether this node and another both hold a slot, or will. Equal on both sides under one epoch. */
  sharedWith(other: NodeId): (slot: Slot) => boolean {
    const placement = this.#options.placement();
    const [own, others] = [placement.rolesOf(this.#options.self), placement.rolesOf(other)];
    return (slot) => own.isHolder(slot) && others.isHolder(slot);
  }

  /** Looked up, so that it is healed; it may be mended by now. */
  #noteDamaged(damaged: Set<Slot>, place: CellPlace): void {
    damaged.add(place.slot);
    this.#options.cells.findAnew(place);
  }

  #isBuilt(reply: Reply): boolean {
    if (this.#options.cells.isBuilt) return true;
    refuse(reply, "not-ready", "the hashes are being built");
    return false;
  }

  /** A scan of what is committed, once what was merged before the question is, and what was named before it. */
  #scan(
    slots: readonly Slot[],
    after: StorageKey,
    limits: { readonly entriesMax: number; readonly bytesMax: number },
    done: (page: SlotPage | undefined, namedBefore: ReadonlyMap<Slot, Stamp>) => void,
  ): void {
    // What was merged before this question must be in the answer: a node that joins counts on it, and so does a dirty
    // bit that is set beside its cell. A scan sees only what is committed.
    this.#options.commit.whenDurable((error) => {
      const named = new Map<Slot, Stamp>();
      if (error !== undefined) return done(undefined, named);
      for (const slot of slots) named.set(slot, this.named(slot));
      const { storage } = this.#options;
      scanSlots({ storage, slots, after, ...limits }, (page) => done(page, named));
    });
  }

  /** What was named before the cells were looked at; less, if this node lost its authority meanwhile. */
  #least(slot: Slot, namedBefore: ReadonlyMap<Slot, Stamp>): Stamp {
    const before = namedBefore.get(slot) ?? NO_STAMP;
    const now = this.named(slot);
    return compareStamps(now, before) < 0 ? now : before;
  }

  #replyDurable(reply: Reply, answer: PeerReply): void {
    this.#options.commit.whenDurable((error) => {
      if (error === undefined) reply(answer);
      else refuse(reply, "failed", error.message);
    });
  }
}

function inOrder(slots: Iterable<Slot>): Slot[] {
  return [...slots].sort((a, b) => a - b);
}
