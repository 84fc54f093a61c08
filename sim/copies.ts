/**
 * What stands on the disks of a cluster, whoever runs: who holds a cell, and who holds one alone. Only the world sees
 * this; it keeps faults within what is promised, and counts copies.
 */
import { decodeCell } from "../src/core/causality/cell-codec.ts";
import { cellKey, parseCellKey, slotStateKey } from "../src/core/causality/storage-key.ts";
import { slotOfKey } from "../src/core/placement/slot-of-key.ts";
import type { CellAddress } from "../src/model/cell.ts";
import type { NodeId } from "../src/model/ids.ts";
import type { Key } from "../src/model/key.ts";
import type { Slot } from "../src/model/slot.ts";
import { compareStamps, NO_STAMP, type Stamp } from "../src/model/stamp.ts";
import { parseSlotState, type SlotState } from "../src/node/slot-states.ts";
import type { StorageKey, StorageOperation } from "../src/ports/storage.ts";
import type { Machine } from "./cluster.ts";
import type { Disk } from "./disk.ts";

/** The stamp of the cell that stands there; `undefined` for none, or for one that fails its checksum. */
export function stampOnDisk(disk: Disk, storageKey: StorageKey): Stamp | undefined {
  const place = parseCellKey(storageKey);
  const bytes = disk.get(storageKey);
  if (place === undefined || bytes === undefined) return undefined;
  const cell = decodeCell(bytes, place.key, place.field);
  return cell === "damaged" ? undefined : cell.stamp;
}

/** Machines with an intact cell of `key`, its root unless said otherwise, that is not older than `stamp`. */
export function holdersOf(
  machines: readonly Machine[],
  key: Key,
  stamp: Stamp,
  field?: CellAddress,
): Machine[] {
  const storageKey = cellKey(slotOfKey(key), key, field);
  return machines.filter(({ disk }) => isHeld(disk, storageKey, stamp));
}

/** What a batch deleted, as it stood before: storage key and value. */
export function* deletedBy(
  operations: readonly StorageOperation[],
  before: readonly StorageOperation[],
): Generator<readonly [StorageKey, Uint8Array]> {
  for (const [index, { key, value }] of operations.entries()) {
    const gone = before[index]?.value;
    if (value === undefined && gone !== undefined) yield [key, gone];
  }
}

/** Whose a machine's disk is: its node may serve before its start is over, and be down now. */
export function nodeIdOf({ node, owner }: Machine): NodeId | undefined {
  return node?.status().nodeId ?? owner;
}

export const NOTHING_COLLECTED: SlotState = {
  floor: NO_STAMP,
  collected: NO_STAMP,
  named: NO_STAMP,
  flushed: NO_STAMP,
};

/** How far a disk has come in collecting a slot. */
export function slotStateOf(disk: Disk, slot: Slot): SlotState {
  const bytes = disk.get(slotStateKey(slot));
  return (bytes === undefined ? undefined : parseSlotState(bytes)) ?? NOTHING_COLLECTED;
}

/** Whether a machine has collected its slot of `key` up to `stamp`: what was deleted up to there, it need not hold. */
export function hasCollected({ disk }: Machine, key: Key, stamp: Stamp): boolean {
  return compareStamps(slotStateOf(disk, slotOfKey(key)).collected, stamp) >= 0;
}

/** Whether every cell of a machine's disk, or a newer one, stands on that of another of `others` too. */
export function isHeldElsewhere(machine: Machine, others: readonly Machine[]): boolean {
  return machine.disk.contents().every(({ key }) => {
    const stamp = stampOnDisk(machine.disk, key);
    if (stamp === undefined) return parseCellKey(key) === undefined;
    return others.some((other) => other !== machine && isHeld(other.disk, key, stamp));
  });
}

/** Whether this cell is intact on the disk of another of `others`, and damaged on none. */
export function isSafeToDamage(
  machine: Machine,
  others: readonly Machine[],
  storageKey: StorageKey,
): boolean {
  const stamp = stampOnDisk(machine.disk, storageKey);
  if (stamp === undefined) return false;
  const isDamaged = others.some(
    ({ disk }) => disk.get(storageKey) !== undefined && stampOnDisk(disk, storageKey) === undefined,
  );
  return (
    !isDamaged && others.some((other) => other !== machine && isHeld(other.disk, storageKey, stamp))
  );
}

function isHeld(disk: Disk, storageKey: StorageKey, stamp: Stamp): boolean {
  const held = stampOnDisk(disk, storageKey);
  return held !== undefined && compareStamps(held, stamp) >= 0;
}
