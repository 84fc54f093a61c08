import assert from "node:assert/strict";
import { test } from "node:test";
import { slotFrom } from "../../model/slot.ts";
import { differingIndices, GROUP_COUNT, SLOTS_PER_GROUP, SlotHashes } from "./slot-hashes.ts";

const SLOT = slotFrom(SLOTS_PER_GROUP + 3);
const NEXT = slotFrom(SLOTS_PER_GROUP + 4);
const everywhere = (): boolean => true;

function differingSlots(a: SlotHashes, b: SlotHashes): number[] {
  const groups = differingIndices(a.groups(everywhere), b.groups(everywhere));
  return groups.flatMap((group) =>
    differingIndices(a.slotsOf(group, everywhere), b.slotsOf(group, everywhere)).map(
      (offset) => group * SLOTS_PER_GROUP + offset,
    ),
  );
}

test("equal cells hash alike whatever the order in which they came", () => {
  const a = new SlotHashes();
  const b = new SlotHashes();
  a.add(SLOT, "k", 1);
  a.add(SLOT, "l", 2);
  b.add(SLOT, "l", 2);
  b.add(SLOT, "k", 1);
  assert.deepEqual(differingSlots(a, b), []);
});

test("one cell that differs in its checksum is found in its slot", () => {
  const a = new SlotHashes();
  const b = new SlotHashes();
  a.add(SLOT, "k", 1);
  b.add(SLOT, "k", 2);
  assert.deepEqual(differingSlots(a, b), [SLOT]);
});

test("a cell that only one holds is found in its slot", () => {
  const a = new SlotHashes();
  const b = new SlotHashes();
  a.add(SLOT, "k", 1);
  assert.deepEqual(differingSlots(a, b), [SLOT]);
  assert.deepEqual(differingSlots(b, a), [SLOT]);
});

test("two cells with each other's checksums do not cancel out", () => {
  const a = new SlotHashes();
  const b = new SlotHashes();
  a.add(SLOT, "k", 1);
  a.add(SLOT, "l", 2);
  b.add(SLOT, "k", 2);
  b.add(SLOT, "l", 1);
  assert.deepEqual(differingSlots(a, b), [SLOT]);
});

test("two slots with each other's cells do not cancel out", () => {
  const a = new SlotHashes();
  const b = new SlotHashes();
  a.add(SLOT, "k", 1);
  b.add(NEXT, "k", 1);
  assert.deepEqual(differingSlots(a, b), [SLOT, NEXT]);
});

test("taking out what was put in leaves nothing behind", () => {
  const hashes = new SlotHashes();
  hashes.add(SLOT, "k", 1);
  hashes.add(SLOT, "l", 2);
  hashes.remove(SLOT, "k", 1);
  hashes.remove(SLOT, "l", 2);
  assert.equal(hashes.count(SLOT), 0);
  assert.equal(hashes.cells, 0);
  assert.deepEqual(differingSlots(hashes, new SlotHashes()), []);
});

test("slots that are not shared are left out", () => {
  const a = new SlotHashes();
  const b = new SlotHashes();
  a.add(SLOT, "k", 1);
  const isShared = (slot: number): boolean => slot !== SLOT;
  assert.deepEqual(differingIndices(a.groups(isShared), b.groups(isShared)), []);
  assert.deepEqual(differingIndices(a.slotsOf(1, isShared), b.slotsOf(1, isShared)), []);
});

test("lists of different length differ in what only one has", () => {
  const short = new Uint32Array([1, 1]);
  const long = new Uint32Array([1, 1, 2, 2]);
  assert.deepEqual(differingIndices(short, long), [1]);
  assert.deepEqual(differingIndices(long, short), [1]);
});

test("the groups cover all slots", () => {
  assert.equal(GROUP_COUNT * SLOTS_PER_GROUP, 16_384);
});
