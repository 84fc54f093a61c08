/**
 * What this node holds of the slots it is a primary of, a page at a time: its vote in a backup.
 *
 * Invariant: a page holds every cell that was durable when it was asked for, up to where it says that it has looked. Damage
 * is told as an empty cell: it is neither a copy nor a vote for absence. A slot without a vote here ends the page before it. The
 * C that goes with a slot was named before its cells were looked at, and still is.
 */
import { decodeCell } from "../core/causality/cell-codec.ts";
import { parseCellKey, slotRange } from "../core/causality/storage-key.ts";
import type { Placement } from "../core/placement/placement.ts";
import type { NodeId } from "../model/ids.ts";
import type { KeyedCell, PeerRequest, SlotCells } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import { compareStamps, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Storage, StorageEntry } from "../ports/storage.ts";
import type { CellStore } from "./cell-store.ts";
import { type Reply, refuse } from "./reply.ts";
import { scanSlots } from "./slot-scan.ts";
import type { SlotStates } from "./slot-states.ts";
import type { Votes } from "./votes.ts";

/** Bytes of one page, and so what a slot may hold and still be looked at in one go. One larger cell makes a page alone. */
export const SCAN_PAGE_BYTES: number = 1024 * 1024;
const SCAN_ENTRIES_MAX = 16_384;
const NO_BYTES = new Uint8Array(0);

type CellScan = Extract<PeerRequest, { kind: "cell-scan" | "sparse-scan" }>;

export interface CellScanPorts {
  readonly self: NodeId;
  readonly cells: CellStore;
  readonly storage: Storage;
  readonly placement: () => Placement;
  readonly states: SlotStates;
  readonly votes: Votes;
}

/** Answers one page; its caller has seen to it that both sides mean the same placement. */
export function scanCells(ports: CellScanPorts, request: CellScan, reply: Reply): void {
  const { storage } = ports;
  const placement = ports.placement();
  const isOwn = (slot: Slot): boolean => placement.isPrimary(slot, ports.self);
  const asked = slotsAt(request);
  const slots = withVote(ports, asked, isOwn);
  const last = slots.at(-1);
  if (last === undefined) {
    if (asked.length === 0)
      return reply({ kind: "slot-scan-reply", parts: [], through: undefined });
    return refuse(reply, "voteless", `slot ${asked[0]} is being mended here`);
  }
  const { after } = request;
  const namedBefore = namedOf(ports, isOwn);
  const limits = { entriesMax: SCAN_ENTRIES_MAX, bytesMax: SCAN_PAGE_BYTES };
  // A scan sees what is committed, and so all that was acknowledged before the question.
  scanSlots({ storage, slots, after, ...limits }, (page) => {
    if (page === undefined) return refuse(reply, "failed", "the disk could not be read");
    // Up to the end of the last slot that was to be looked at, or everything.
    const end = slots.length === asked.length ? undefined : slotRange(last).before;
    const parts = partsOf(ports, page.entries, isOwn);
    for (const slot of page.slots) {
      const named = namedBefore.get(slot);
      if (named === undefined) continue;
      const now = ports.states.named(slot);
      const collected = compareStamps(now, named) < 0 ? now : named;
      const part = parts.get(slot);
      parts.set(slot, part === undefined ? { slot, collected, cells: [] } : { ...part, collected });
    }
    const inOrder = [...parts.values()].sort((a, b) => a.slot - b.slot);
    reply({ kind: "slot-scan-reply", parts: inOrder, through: page.through ?? end });
  });
}

/** The slots that are asked for, from where the question goes on. */
function slotsAt(request: CellScan): readonly Slot[] {
  const { after } = request;
  const isAhead = (slot: Slot): boolean => slotRange(slot).before > after;
  if (request.kind === "sparse-scan") return request.slots.filter(isAhead);
  const slots: Slot[] = [];
  for (let index = request.firstSlot as number; index <= request.lastSlot; index += 1) {
    if (isAhead(index as Slot)) slots.push(index as Slot);
  }
  return slots;
}

/** Those before the first that this node holds and may not speak for. */
function withVote(
  { votes }: CellScanPorts,
  slots: readonly Slot[],
  isOwn: (slot: Slot) => boolean,
): readonly Slot[] {
  if (votes.voteless === 0) return slots;
  const index = slots.findIndex((slot) => !votes.has(slot) && isOwn(slot));
  return index < 0 ? slots : slots.slice(0, index);
}

function namedOf({ states }: CellScanPorts, isOwn: (slot: Slot) => boolean): Map<Slot, Stamp> {
  const named = new Map<Slot, Stamp>();
  for (const slot of states.slots()) {
    const stamp = states.named(slot);
    if (isOwn(slot) && compareStamps(stamp, NO_STAMP) > 0) named.set(slot, stamp);
  }
  return named;
}

function partsOf(
  ports: CellScanPorts,
  entries: readonly StorageEntry[],
  isOwn: (slot: Slot) => boolean,
): Map<Slot, SlotCells> {
  const cellsOf = new Map<Slot, KeyedCell[]>();
  const parts = new Map<Slot, SlotCells>();
  for (const { key: storageKey, value } of entries) {
    const place = parseCellKey(storageKey);
    if (place === undefined || !isOwn(place.slot)) continue;
    const { slot, key, field } = place;
    let bytes = value;
    if (decodeCell(value, key, field) === "damaged") {
      bytes = NO_BYTES;
      ports.cells.findAnew(place);
    }
    let cells = cellsOf.get(slot);
    if (cells === undefined) {
      cells = [];
      cellsOf.set(slot, cells);
      parts.set(slot, { slot, collected: NO_STAMP, cells });
    }
    cells.push({ key, field, bytes });
  }
  return parts;
}
