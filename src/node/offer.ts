/**
 * What one owner is given of a page of foreign cells: one list says what it lacks, and that is sent, in as few messages as
 * hold it.
 *
 * Invariant: a slot is called taken by an owner only if each of its cells is in the owner's list just so, or was merged
 * there and is durable.
 */
import { checksumOf } from "../core/causality/cell-codec.ts";
import { cellKey } from "../core/causality/storage-key.ts";
import type { NodeId } from "../model/ids.ts";
import type { KeyedCell, PeerReply } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import type { StorageKey } from "../ports/storage.ts";
import { askPage, type ExchangePorts } from "./slot-exchange.ts";

/** About what a digest takes in a list. */
const DIGEST_BYTES = 64;
/** Cells of a page, and digests of a list. */
export const PAGE_CELLS_MAX = 4_096;

/** Cells of one slot, in storage order. */
export interface OfferedSlot {
  readonly slot: Slot;
  readonly cells: readonly KeyedCell[];
}

export interface Offer {
  readonly owner: NodeId;
  /** In ascending order of slots. */
  readonly offered: readonly OfferedSlot[];
  /** The storage key that the page begins after; empty for the beginning of its first slot. */
  readonly after: StorageKey;
}

interface OfferedCell {
  readonly slot: Slot;
  readonly cell: KeyedCell;
}

type ListedSlots = Extract<PeerReply, { kind: "slot-list-reply" }>["parts"];

const NONE: ReadonlySet<Slot> = new Set();

/** Tells the slots that the owner did not take. */
export function offer(
  ports: ExchangePorts,
  { owner, offered, after }: Offer,
  done: (untaken: ReadonlySet<Slot>) => void,
): void {
  const parts = offered.map(({ slot }) => ({ slot, leaves: undefined }));
  const list = { kind: "slot-list", parts, after, limit: digestsMax(offered) } as const;
  askPage(ports, owner, list, "slot-list-reply", (reply) => {
    if (reply === undefined) done(new Set(offered.map(({ slot }) => slot)));
    else send(ports, owner, lackingOf(offered, reply.parts), done);
  });
}

/**
 * The owner may hold far more of these slots than is kept for it: a list that takes more bytes than the cells would saves
 * nothing. The smallest cells are not much larger than their digests.
 */
function digestsMax(offered: readonly OfferedSlot[]): number {
  let count = 0;
  let bytes = 0;
  for (const { cells } of offered) {
    count += cells.length;
    for (const cell of cells) bytes += cell.key.length + cell.bytes.length;
  }
  return Math.min(PAGE_CELLS_MAX, Math.max(2 * count, Math.ceil(bytes / DIGEST_BYTES)));
}

/** What is not listed just so, also because the list ends before it. */
function lackingOf(offered: readonly OfferedSlot[], listed: ListedSlots): OfferedCell[] {
  const held = new Map<StorageKey, number>();
  for (const { slot, digests } of listed) {
    for (const { key, field, checksum } of digests) held.set(cellKey(slot, key, field), checksum);
  }
  const lacking: OfferedCell[] = [];
  for (const { slot, cells } of offered) {
    for (const cell of cells) {
      const checksum = held.get(cellKey(slot, cell.key, cell.field));
      if (checksum !== checksumOf(cell.bytes)) lacking.push({ slot, cell });
    }
  }
  return lacking;
}

function send(
  ports: ExchangePorts,
  owner: NodeId,
  lacking: readonly OfferedCell[],
  done: (untaken: ReadonlySet<Slot>) => void,
): void {
  if (lacking.length === 0) return done(NONE);
  const count = fitting(lacking, ports.counterpart.cellsBytesMax());
  const cells = new Map<Slot, KeyedCell[]>();
  for (const { slot, cell } of lacking.slice(0, count)) {
    const list = cells.get(slot);
    if (list === undefined) cells.set(slot, [cell]);
    else list.push(cell);
  }
  const parts = [...cells].map(([slot, list]) => ({
    slot,
    collected: ports.counterpart.named(slot),
    cells: list,
  }));
  askPage(ports, owner, { kind: "merge", parts }, "merge-reply", (reply) => {
    // What is left after silence would only meet more of it.
    if (reply === undefined) done(new Set(lacking.map(({ slot }) => slot)));
    else send(ports, owner, lacking.slice(count), done);
  });
}

/** How many of these cells one message holds: a frame has room for the largest value alone, and little more. */
function fitting(cells: readonly OfferedCell[], bytesMax: number): number {
  let bytes = 0;
  let count = 0;
  for (const { cell } of cells) {
    bytes += cell.key.length + cell.bytes.length;
    if (count > 0 && bytes > bytesMax) break;
    count += 1;
  }
  return count;
}
