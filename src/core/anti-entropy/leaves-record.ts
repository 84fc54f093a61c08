/**
 * The leaves of a slot as bytes, and the mark that says of which slots they are on disk: written when a node stops
 * in order, so that the next start need not read every cell.
 *
 * Invariant: bytes decode only to what was encoded: both end in a checksum, and that of a record is begun at its slot.
 * A record counts only beside a mark that names its slot, and the mark only while no cell has changed since.
 *
 * | record | bytes | what, most significant byte first                   |
 * |--------|-------|-----------------------------------------------------|
 * | 0      | 4     | cells of the slot                                   |
 * | 4      | 8     | when something may be collected, a double (ms)      |
 * | 12     | 32    | which leaves are not zero                           |
 * | 44     | 8 n   | those leaves                                        |
 * | last   | 4     | CRC-32 of the rest, begun at the slot's number      |
 *
 * The mark is the set of slots, one bit each, and its CRC-32.
 */
import { crc32 } from "../../base/checksum.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import type { Slot } from "../../model/slot.ts";
import { hasLeaf, LEAF_COUNT, LEAF_SET_BYTES } from "./hash-tree.ts";

const DUE_INDEX = 4;
const SET_INDEX = 12;
const LEAVES_INDEX = SET_INDEX + LEAF_SET_BYTES;
const CHECKSUM_BYTES = 4;
const MARK_BYTES = SLOT_COUNT / 8 + CHECKSUM_BYTES;

export interface SlotLeaves {
  readonly count: number;
  /** See `DueTimes`: wall-clock milliseconds, infinite where there is nothing to collect. */
  readonly dueMs: number;
  /** Two halves for each of the 256 leaves, high first. */
  readonly leaves: Uint32Array;
}

export function encodeLeaves(slot: Slot, { count, dueMs, leaves }: SlotLeaves): Uint8Array {
  const bytes = new Uint8Array(LEAVES_INDEX + 4 * leaves.length + CHECKSUM_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, count);
  view.setFloat64(DUE_INDEX, dueMs);
  let end = LEAVES_INDEX;
  for (let leaf = 0; leaf < LEAF_COUNT; leaf += 1) {
    const high = leaves[2 * leaf] as number;
    const low = leaves[2 * leaf + 1] as number;
    if (high === 0 && low === 0) continue;
    const at = SET_INDEX + (leaf >> 3);
    bytes[at] = (bytes[at] as number) | (1 << (leaf & 7));
    view.setUint32(end, high);
    view.setUint32(end + 4, low);
    end += 8;
  }
  view.setUint32(end, crc32(bytes.subarray(0, end), slot));
  return bytes.slice(0, end + CHECKSUM_BYTES);
}

/** What `encodeLeaves` wrote for this slot, or `undefined` for anything else. */
export function parseLeaves(slot: Slot, bytes: Uint8Array): SlotLeaves | undefined {
  const end = bytes.length - CHECKSUM_BYTES;
  if (end < LEAVES_INDEX || (end - LEAVES_INDEX) % 8 !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(end) !== crc32(bytes.subarray(0, end), slot)) return undefined;
  const leaves = new Uint32Array(2 * LEAF_COUNT);
  const present = bytes.subarray(SET_INDEX, LEAVES_INDEX);
  let at = LEAVES_INDEX;
  for (let leaf = 0; leaf < LEAF_COUNT; leaf += 1) {
    if (!hasLeaf(present, leaf)) continue;
    if (at === end) return undefined;
    leaves[2 * leaf] = view.getUint32(at);
    leaves[2 * leaf + 1] = view.getUint32(at + 4);
    at += 8;
  }
  if (at !== end) return undefined;
  return { count: view.getUint32(0), dueMs: view.getFloat64(DUE_INDEX), leaves };
}

/** The mark of a clean stop: of these slots there are records, of the others there is nothing to record. */
export function encodeCleanMark(slots: readonly Slot[]): Uint8Array {
  const bytes = new Uint8Array(MARK_BYTES);
  for (const slot of slots) bytes[slot >> 3] = (bytes[slot >> 3] as number) | (1 << (slot & 7));
  const end = MARK_BYTES - CHECKSUM_BYTES;
  new DataView(bytes.buffer).setUint32(end, crc32(bytes.subarray(0, end)));
  return bytes;
}

/** The slots that a mark names, or `undefined` if the bytes are none. */
export function parseCleanMark(bytes: Uint8Array): Set<Slot> | undefined {
  const end = MARK_BYTES - CHECKSUM_BYTES;
  if (bytes.length !== MARK_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(end) !== crc32(bytes.subarray(0, end))) return undefined;
  const slots = new Set<Slot>();
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    if (((bytes[slot >> 3] as number) & (1 << (slot & 7))) !== 0) slots.add(slot as Slot);
  }
  return slots;
}
