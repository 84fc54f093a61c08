/**
 * What this node holds of the slots it is a primary of, a page at a time: its vote in a backup.
 *
 * Invariant: a page holds every cell that was durable when it was asked for, up to where it says that it has looked. Damage
 * is told as an empty cell: it is neither a copy nor a vote for absence. A slot without a vote here ends the page before it. The
 * C that goes with a slot was named before its cells were looked at, and still is.
 */
import { decodeCell } from "../core/causality/cell-codec.ts";
import { nextStorageKey, parseCellKey, slotRange } from "../core/causality/storage-key.ts";
import type { Placement } from "../core/placement/placement.ts";
import type { NodeId } from "../model/ids.ts";
import type { KeyedCell, PeerRequest, SlotCells } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import { compareStamps, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Storage, StorageEntry, StorageKey } from "../ports/storage.ts";
import type { CellStore } from "./cell-store.ts";
import { type Reply, refuse } from "./reply.ts";
import type { SlotStates } from "./slot-states.ts";
import type { Votes } from "./votes.ts";

/** Bytes of one page, and so what a slot may hold and still be looked at in one go. One larger cell makes a page alone. */
export const SCAN_PAGE_BYTES: number = 1024 * 1024;
const SCAN_ENTRIES_MAX = 16_384;
const NO_BYTES = new Uint8Array(0);

type CellScan = Extract<PeerRequest, { kind: "cell-scan" }>;

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
  const last = lastWithVote(ports, request, isOwn);
  if (last === undefined) {
    return refuse(reply, "voteless", `slot ${request.firstSlot} is being mended here`);
  }
  const from = startOf(request);
  const { before } = slotRange(last);
  const namedBefore = namedOf(ports, isOwn);
  const range = { from, before, entriesMax: SCAN_ENTRIES_MAX, bytesMax: SCAN_PAGE_BYTES };
  // A scan sees what is committed, and so all that was acknowledged before the question.
  storage.scan(range, (result) => {
    if (result.kind === "failed") return refuse(reply, "failed", result.error.message);
    const entries = fitting(result.entries);
    const isWhole = result.isComplete && entries.length === result.entries.length;
    // Up to the end of the last slot that was to be looked at, or everything.
    const end = last === request.lastSlot ? undefined : before;
    const through = isWhole ? end : entries.at(-1)?.key;
    const parts = partsOf(ports, entries, isOwn);
    const isLookedAt = (slot: Slot): boolean => {
      const { from: first, before: next } = slotRange(slot);
      return next > from && first < before && (through === undefined || first <= through);
    };
    for (const [slot, named] of namedBefore) {
      const now = ports.states.named(slot);
      const collected = compareStamps(now, named) < 0 ? now : named;
      const part = parts.get(slot);
      if (part !== undefined) parts.set(slot, { ...part, collected });
      else if (isLookedAt(slot)) parts.set(slot, { slot, collected, cells: [] });
    }
    const inOrder = [...parts.values()].sort((a, b) => a.slot - b.slot);
    reply({ kind: "slot-scan-reply", parts: inOrder, through });
  });
}

function startOf({ firstSlot, after }: CellScan): StorageKey {
  const { from } = slotRange(firstSlot);
  return after < from ? from : nextStorageKey(after);
}

/** The last slot before one that this node holds and may not speak for; `undefined` where that is the first. */
function lastWithVote(
  { votes }: CellScanPorts,
  { firstSlot, lastSlot }: CellScan,
  isOwn: (slot: Slot) => boolean,
): Slot | undefined {
  if (votes.voteless === 0) return lastSlot;
  for (let index = firstSlot as number; index <= lastSlot; index += 1) {
    if (votes.has(index as Slot) || !isOwn(index as Slot)) continue;
    return index === firstSlot ? undefined : ((index - 1) as Slot);
  }
  return lastSlot;
}

function namedOf({ states }: CellScanPorts, isOwn: (slot: Slot) => boolean): Map<Slot, Stamp> {
  const named = new Map<Slot, Stamp>();
  for (const slot of states.slots()) {
    const stamp = states.named(slot);
    if (isOwn(slot) && compareStamps(stamp, NO_STAMP) > 0) named.set(slot, stamp);
  }
  return named;
}

/** The last entry of a scan may be of any size; beside others it could outgrow a frame. */
function fitting(entries: readonly StorageEntry[]): readonly StorageEntry[] {
  let bytes = 0;
  for (const [index, { key, value }] of entries.entries()) {
    bytes += key.length + value.length;
    if (index > 0 && bytes > SCAN_PAGE_BYTES) return entries.slice(0, index);
  }
  return entries;
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
