/** Goal: what is collected is watched on disks that are written by hand, a machine or two each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryTable } from "../../src/adapters/memory/memory-table.ts";
import { encodeCell } from "../../src/core/causality/cell-codec.ts";
import { cellKey, slotStateKey } from "../../src/core/causality/storage-key.ts";
import { slotOfKey } from "../../src/core/placement/slot-of-key.ts";
import type { RootCell, RootKind } from "../../src/model/cell.ts";
import { keyFromText } from "../../src/model/key.ts";
import { NO_STAMP, type Stamp } from "../../src/model/stamp.ts";
import { encodeSlotState } from "../../src/node/slot-states.ts";
import type { StorageOperation } from "../../src/ports/storage.ts";
import type { Machine, SimCluster } from "../cluster.ts";
import { NOTHING_COLLECTED } from "../copies.ts";
import { CollectionWatch } from "./collection-watch.ts";

const KEY = keyFromText("k");
const SLOT = slotOfKey(KEY);

function at(ms: number): Stamp {
  return { ms, counter: 0, boot: 1 };
}

function root(kind: RootKind, ms: number): RootCell {
  const plain = { expiresAtMs: 0, contentType: "", payload: new Uint8Array(0) };
  return { kind, type: "string", stamp: at(ms), cleared: at(ms), ...plain };
}

interface Held {
  readonly root?: RootCell;
  readonly collected?: Stamp;
  readonly isPrimary?: boolean;
}

/** Machines with these on their disks; the first one then raises C to 30. Answers with what is found wrong. */
function foundWhenFirstRaises(all: readonly Held[]): number {
  const primaries = all.flatMap(({ isPrimary = true }, index) => (isPrimary ? [`id${index}`] : []));
  const node = { status: () => ({ nodeId: "id0" }), locate: () => ({ primaries }) };
  const machines = all.map(({ root: cell, collected = NO_STAMP }, index) => {
    const disk = new MemoryTable();
    const state = encodeSlotState({ ...NOTHING_COLLECTED, collected });
    disk.apply([{ key: slotStateKey(SLOT), value: state }]);
    if (cell !== undefined) {
      disk.apply([{ key: cellKey(SLOT, KEY, undefined), value: encodeCell(cell, KEY, undefined) }]);
    }
    const owner = `id${index}`;
    return { index, disk, owner, node: index === 0 ? node : undefined, hasLeft: false };
  }) as unknown as Machine[];
  const cluster = { machines, scheduler: { nowMs: 0 } } as unknown as SimCluster;
  const watch = new CollectionWatch(cluster);
  const raising = machines[0] as Machine;
  const key = slotStateKey(SLOT);
  const before: StorageOperation[] = [{ key, value: raising.disk.get(key) }];
  const raised = encodeSlotState({ ...NOTHING_COLLECTED, collected: at(30) });
  (raising.disk as unknown as MemoryTable).apply([{ key, value: raised }]);
  watch.onBatch(raising, [{ key, value: raised }], before);
  return watch.violations.length;
}

test("C rises where every primary holds what any member has", () => {
  const held = { root: root("tombstone", 20) };
  assert.equal(foundWhenFirstRaises([held, held]), 0);
  assert.equal(foundWhenFirstRaises([held, {}]), 1);
  assert.equal(
    foundWhenFirstRaises([held, held, { root: root("tombstone", 25), isPrimary: false }]),
    1,
  );
  assert.equal(foundWhenFirstRaises([{}, held]), 1, "the one that raises it is one of them");
  assert.equal(foundWhenFirstRaises([held, { root: root("tombstone", 10) }]), 1);
});

// Seed 334: a node that has handed on its slots takes no part in collecting them, and ends with what it had.
test("what primaries dropped when C rose before, one that is leaving may hold", () => {
  const dropped = { collected: at(25) };
  const leaving = { root: root("tombstone", 20), isPrimary: false };
  assert.equal(foundWhenFirstRaises([dropped, dropped, leaving]), 0);
  assert.equal(foundWhenFirstRaises([dropped, {}, leaving]), 1, "one of them has not dropped it");
  assert.equal(foundWhenFirstRaises([{}, dropped, leaving]), 1);
  const older = { root: root("value", 10), collected: at(25) };
  assert.equal(
    foundWhenFirstRaises([dropped, older, leaving]),
    1,
    "what is older was never dropped",
  );
  assert.equal(foundWhenFirstRaises([older, older, leaving]), 1);
  const leavingWithValue = { root: root("value", 20), isPrimary: false };
  assert.equal(
    foundWhenFirstRaises([dropped, dropped, leavingWithValue]),
    1,
    "a value is not over",
  );
});
