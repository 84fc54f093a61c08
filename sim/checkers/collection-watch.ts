/**
 * I6 watched on the disks while the run goes on: what a slot has collected up to rises only where nothing can come back,
 * and takes nothing that is still to be shown. Only where no bytes are destroyed on purpose.
 *
 * Invariant: the first machine that raises C of a slot to a stamp does so when every primary holds whatever any member has
 * of the slot up to there, or has dropped it when C rose before; C is named when nothing that is to be dropped up to there is left.
 * Source: docs/ARCHITECTURE.md, "Collection"; docs/decisions/0010-collection-by-acknowledgement.md.
 */
import { decodeRoot } from "../../src/core/causality/cell-codec.ts";
import {
  keyRange,
  parseCellKey,
  parseSlotStateKey,
  slotRange,
} from "../../src/core/causality/storage-key.ts";
import { slotOfKey } from "../../src/core/placement/slot-of-key.ts";
import type { RootCell } from "../../src/model/cell.ts";
import type { Key } from "../../src/model/key.ts";
import type { Slot } from "../../src/model/slot.ts";
import { compareStamps, formatStamp, NO_STAMP, type Stamp } from "../../src/model/stamp.ts";
import { parseSlotState, type SlotState } from "../../src/node/slot-states.ts";
import type { StorageOperation } from "../../src/ports/storage.ts";
import type { Machine, SimCluster } from "../cluster.ts";
import { deletedBy, NOTHING_COLLECTED, nodeIdOf, slotStateOf } from "../copies.ts";
import type { Disk } from "../disk.ts";
import type { Violation } from "../history.ts";

type Roots = Map<Key, RootCell>;

/** One machine's C of a slot rises; `before` is what stood where its batch went. */
interface Raise {
  readonly machine: Machine;
  readonly slot: Slot;
  readonly from: Stamp;
  readonly upTo: Stamp;
  readonly before: readonly StorageOperation[];
}

export class CollectionWatch {
  readonly violations: Violation[] = [];
  readonly #cluster: SimCluster;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
  }

  /** A batch was applied to a machine's disk; `before` is what stood there. */
  onBatch(
    machine: Machine,
    operations: readonly StorageOperation[],
    before: readonly StorageOperation[],
  ): void {
    for (const [key, value] of deletedBy(operations, before)) this.#onDropped(machine, key, value);
    for (const [index, { key, value }] of operations.entries()) {
      const slot = parseSlotStateKey(key);
      if (slot === undefined) continue;
      const former = stateIn(before[index]?.value);
      const now = stateIn(value);
      if (compareStamps(now.collected, former.collected) > 0) {
        this.#onRaised({ machine, slot, from: former.collected, upTo: now.collected, before });
      }
      if (compareStamps(now.named, former.named) > 0) this.#onNamed(machine, slot, now.named);
    }
  }

  #onRaised({ machine, slot, from, upTo, before }: Raise): void {
    const others = this.#cluster.machines.filter((one) => one !== machine);
    // Who follows one that has gone ahead drops what that one lacks.
    const isFirst = !others.some(
      ({ disk }) => compareStamps(slotStateOf(disk, slot).collected, upTo) >= 0,
    );
    const { node } = machine;
    if (!isFirst || node === undefined) return;
    const held = new Map(others.map((other) => [other, rootsOf(other.disk, slot)]));
    const own = rootsOf(machine.disk, slot);
    // What goes in the same batch was held when C was decided.
    for (const { key, value } of before) addRoot(own, slot, key, value);
    held.set(machine, own);
    for (const [holder, roots] of held) {
      if (holder.hasLeft || holder.isLost) continue;
      for (const [key, root] of roots) {
        const { stamp } = root;
        if (compareStamps(stamp, upTo) > 0) continue;
        const { primaries } = node.locate(key);
        for (const [primary, theirs] of held) {
          const id = nodeIdOf(primary);
          if (id === undefined || !primaries.includes(id)) continue;
          const there = theirs.get(key)?.stamp ?? NO_STAMP;
          if (compareStamps(there, stamp) >= 0) continue;
          // It held that, and dropped it when C rose before: who is leaving has no part in that, and may hold it still. What
          // holds anything older cannot have dropped it.
          const dropped = primary === machine ? from : slotStateOf(primary.disk, slot).collected;
          const isGone = !theirs.has(key) && compareStamps(stamp, dropped) <= 0;
          if (isGone && isOver(root, dropped)) continue;
          this.#tell(
            key,
            `C of n${machine.index} rose to ${formatStamp(upTo)} while n${primary.index} lacks ${formatStamp(stamp)}, which n${holder.index} holds`,
          );
          return;
        }
      }
    }
  }

  #onNamed(machine: Machine, slot: Slot, named: Stamp): void {
    for (const [key, root] of rootsOf(machine.disk, slot)) {
      if (compareStamps(root.stamp, named) > 0 || !isOver(root, named)) continue;
      this.#tell(
        key,
        `n${machine.index} named ${formatStamp(named)} as collected and still holds ${formatStamp(root.stamp)}`,
      );
      return;
    }
  }

  /** A value that has not expired gives way only to what a primary knows of it that does not hold it any more. */
  #onDropped(machine: Machine, storageKey: string, value: Uint8Array): void {
    const place = parseCellKey(storageKey);
    const { node } = machine;
    const self = nodeIdOf(machine);
    if (place === undefined || place.field !== undefined || node === undefined) return;
    const { slot, key } = place;
    const root = decodeRoot(value, key);
    const { primaries } = node.locate(key);
    if (root === "damaged" || self === undefined || !primaries.includes(self)) return;
    const { collected, flushed } = slotStateOf(machine.disk, slot);
    const isFlushed =
      compareStamps(root.stamp, flushed) <= 0 && compareStamps(flushed, collected) <= 0;
    if (isFlushed || isOver(root, collected)) return;
    if (isEmptied(root, collected, machine.disk, key)) return;
    const others = this.#cluster.machines.filter((one) => {
      const id = nodeIdOf(one);
      return one !== machine && id !== undefined && primaries.includes(id);
    });
    const isHeldByAll = others.every(({ disk }) => {
      const stamp = rootsOf(disk, slot).get(key)?.stamp;
      return stamp !== undefined && compareStamps(stamp, root.stamp) === 0;
    });
    if (!isHeldByAll) return;
    this.#tell(key, `n${machine.index} dropped ${formatStamp(root.stamp)}, which is not over`);
  }

  #tell(key: Key, what: string): void {
    const at = this.#cluster.scheduler.nowMs.toFixed(0);
    if (this.violations.length < 5) {
      this.violations.push({ invariant: "I6", key, detail: `at ${at} key ${key}: ${what}` });
    }
  }
}

/** Whether a root shows nothing from `upTo` on: deleted, or expired before that millisecond. */
function isOver({ kind, expiresAtMs }: RootCell, upTo: Stamp): boolean {
  return kind === "tombstone" || (expiresAtMs !== 0 && expiresAtMs < upTo.ms);
}

/** Whether a root is of a hash or set of which no field is left. */
function isEmptied(root: RootCell, upTo: Stamp, disk: Disk, key: Key): boolean {
  if (root.kind !== "container" || root.type === "counter") return false;
  if (compareStamps(root.stamp, upTo) > 0) return false;
  const range = { ...keyRange(slotOfKey(key), key), entriesMax: 1, bytesMax: 1e9 };
  return disk.scan(range).entries.length === 0;
}

function stateIn(value: Uint8Array | undefined): SlotState {
  return (value === undefined ? undefined : parseSlotState(value)) ?? NOTHING_COLLECTED;
}

function rootsOf(disk: Disk, slot: Slot): Roots {
  const roots: Roots = new Map();
  const range = { ...slotRange(slot), entriesMax: 1e9, bytesMax: 1e12 };
  for (const { key, value } of disk.scan(range).entries) addRoot(roots, slot, key, value);
  return roots;
}

/** Keeps the newer of two. */
function addRoot(
  roots: Roots,
  slot: Slot,
  storageKey: string,
  value: Uint8Array | undefined,
): void {
  const place = parseCellKey(storageKey);
  if (value === undefined || place?.slot !== slot || place.field !== undefined) return;
  const root = decodeRoot(value, place.key);
  if (root === "damaged") return;
  const known = roots.get(place.key);
  if (known === undefined || compareStamps(known.stamp, root.stamp) < 0) roots.set(place.key, root);
}
