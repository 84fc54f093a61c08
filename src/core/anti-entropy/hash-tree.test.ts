import assert from "node:assert/strict";
import { test } from "node:test";
import { hashBinary } from "../../base/hash.ts";
import { keyFromText } from "../../model/key.ts";
import { slotFrom } from "../../model/slot.ts";
import { NO_STAMP, stampFrom } from "../../model/stamp.ts";
import { cellKey } from "../causality/storage-key.ts";
import {
  differingIndices,
  differingLeaves,
  GROUP_COUNT,
  HashTree,
  hasLeaf,
  LEAF_COUNT,
  leafOf,
  SLOTS_PER_GROUP,
  SlotSums,
} from "./hash-tree.ts";
import { encodeCleanMark, encodeLeaves, parseCleanMark, parseLeaves } from "./leaves-record.ts";

const SLOT = slotFrom(SLOTS_PER_GROUP + 3);
const NEXT = slotFrom(SLOTS_PER_GROUP + 4);
const everywhere = (): boolean => true;

function differingSlots(a: HashTree, b: HashTree): number[] {
  const groups = differingIndices(a.groups(everywhere), b.groups(everywhere));
  const roots = differingIndices(a.root(everywhere), b.root(everywhere));
  assert.equal(roots.length > 0, groups.length > 0, "the root differs when a group does");
  return groups.flatMap((group) => {
    const slots = Array.from({ length: SLOTS_PER_GROUP }, (_, offset) =>
      slotFrom(group * SLOTS_PER_GROUP + offset),
    );
    return differingIndices(a.slots(slots), b.slots(slots)).map((index) => slots[index] as number);
  });
}

test("equal cells hash alike whatever the order in which they came", () => {
  const a = new HashTree();
  const b = new HashTree();
  a.add(SLOT, hashBinary("k"), 1);
  a.add(SLOT, hashBinary("l"), 2);
  b.add(SLOT, hashBinary("l"), 2);
  b.add(SLOT, hashBinary("k"), 1);
  assert.deepEqual(differingSlots(a, b), []);
});

test("sums over cells are those of a tree that holds them, whatever is named of the slot", () => {
  const tree = new HashTree();
  const sums = new SlotSums();
  tree.add(SLOT, hashBinary("gone"), 9);
  for (const [slot, key, checksum] of [
    [SLOT, "k", 1],
    [SLOT, "l", 2],
    [NEXT, "k", 1],
  ] as const) {
    tree.add(slot, hashBinary(key), checksum);
    sums.add(slot, key, checksum);
  }
  const both = () => [tree.sums(SLOT, 2), sums.sums.slice(2 * SLOT, 2 * SLOT + 4)] as const;
  assert.notDeepEqual(...both());
  tree.remove(SLOT, hashBinary("gone"), 9);
  tree.setCollected(SLOT, stampFrom(1, 2, 0));
  assert.deepEqual(...both());
});

test("one cell that differs in its checksum is found in its slot", () => {
  const a = new HashTree();
  const b = new HashTree();
  a.add(SLOT, hashBinary("k"), 1);
  b.add(SLOT, hashBinary("k"), 2);
  assert.deepEqual(differingSlots(a, b), [SLOT]);
});

test("a cell that only one holds is found in its slot", () => {
  const a = new HashTree();
  const b = new HashTree();
  a.add(SLOT, hashBinary("k"), 1);
  assert.deepEqual(differingSlots(a, b), [SLOT]);
  assert.deepEqual(differingSlots(b, a), [SLOT]);
});

test("two cells with each other's checksums do not cancel out", () => {
  const a = new HashTree();
  const b = new HashTree();
  a.add(SLOT, hashBinary("k"), 1);
  a.add(SLOT, hashBinary("l"), 2);
  b.add(SLOT, hashBinary("k"), 2);
  b.add(SLOT, hashBinary("l"), 1);
  assert.deepEqual(differingSlots(a, b), [SLOT]);
});

test("two slots with each other's cells do not cancel out", () => {
  const a = new HashTree();
  const b = new HashTree();
  a.add(SLOT, hashBinary("k"), 1);
  b.add(NEXT, hashBinary("k"), 1);
  assert.deepEqual(differingSlots(a, b), [SLOT, NEXT]);
});

test("taking out what was put in leaves nothing behind", () => {
  const hashes = new HashTree();
  hashes.add(SLOT, hashBinary("k"), 1);
  hashes.add(SLOT, hashBinary("l"), 2);
  hashes.remove(SLOT, hashBinary("k"), 1);
  hashes.remove(SLOT, hashBinary("l"), 2);
  assert.equal(hashes.count(SLOT), 0);
  assert.equal(hashes.cells, 0);
  assert.deepEqual(differingSlots(hashes, new HashTree()), []);
});

test("slots that are not shared are left out", () => {
  const a = new HashTree();
  const b = new HashTree();
  a.add(SLOT, hashBinary("k"), 1);
  const isShared = (slot: number): boolean => slot !== SLOT;
  assert.deepEqual(differingIndices(a.groups(isShared), b.groups(isShared)), []);
  assert.deepEqual(differingIndices(a.root(isShared), b.root(isShared)), []);
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

test("a differing cell is found in its leaf, and in no other", () => {
  const a = new HashTree();
  const b = new HashTree();
  const place = cellKey(SLOT, keyFromText("k"), undefined);
  for (let index = 0; index < 1_000; index += 1) {
    a.add(SLOT, hashBinary(cellKey(SLOT, keyFromText(`other ${index}`), undefined)), index);
    b.add(SLOT, hashBinary(cellKey(SLOT, keyFromText(`other ${index}`), undefined)), index);
  }
  a.add(SLOT, hashBinary(place), 1);
  b.add(SLOT, hashBinary(place), 2);
  const differing = differingLeaves(a.leaves(SLOT), b.leaves(SLOT));
  const found = Array.from({ length: LEAF_COUNT }, (_, leaf) => leaf).filter((leaf) =>
    hasLeaf(differing, leaf),
  );
  assert.deepEqual(found, [leafOf(place)]);
});

test("a slot without cells differs from one with them in just their leaves", () => {
  const tree = new HashTree();
  tree.add(SLOT, hashBinary("k"), 1);
  assert.equal(hasLeaf(differingLeaves(tree.leaves(SLOT), undefined), leafOf("k")), true);
  assert.deepEqual(differingLeaves(undefined, undefined), new Uint8Array(LEAF_COUNT / 8));
});

test("cells spread over the leaves", () => {
  const counts = Array.from({ length: LEAF_COUNT }, () => 0);
  for (let index = 0; index < LEAF_COUNT * 100; index += 1) {
    const leaf = leafOf(cellKey(SLOT, keyFromText(`key ${index}`), undefined));
    counts[leaf] = (counts[leaf] as number) + 1;
  }
  assert.ok(Math.min(...counts) > 50 && Math.max(...counts) < 170);
});

test("slots that differ only in what is named of them are found, also empty ones, also after a rebuild", () => {
  const a = new HashTree();
  const b = new HashTree();
  a.setCollected(SLOT, stampFrom(2 ** 40, 3, 0));
  assert.deepEqual(differingSlots(a, b), [SLOT]);
  a.clear();
  assert.deepEqual(differingSlots(a, b), [SLOT]);
  b.setCollected(SLOT, stampFrom(2 ** 40, 3, 0));
  assert.deepEqual(differingSlots(a, b), []);
  b.setCollected(SLOT, stampFrom(2 ** 40 + 2 ** 33, 3, 0));
  assert.deepEqual(differingSlots(a, b), [SLOT]);
  b.setCollected(SLOT, NO_STAMP);
  a.setCollected(SLOT, NO_STAMP);
  assert.deepEqual(differingSlots(a, b), []);
});

test("leaves that were written and read are those of the cells, and go on with them", () => {
  const built = new HashTree();
  for (let index = 0; index < 20; index += 1) built.add(SLOT, hashBinary(`key ${index}`), index);
  const leaves = built.leaves(SLOT);
  assert.ok(leaves !== undefined);
  const parsed = parseLeaves(
    SLOT,
    encodeLeaves(SLOT, { count: built.count(SLOT), dueMs: 7, leaves }),
  );
  assert.ok(parsed !== undefined);
  const restored = new HashTree();
  restored.restore(SLOT, parsed);
  assert.equal(restored.cells, 20);
  assert.deepEqual(differingSlots(built, restored), []);
  assert.deepEqual(restored.leaves(SLOT), built.leaves(SLOT));
  for (let index = 0; index < 20; index += 1)
    restored.remove(SLOT, hashBinary(`key ${index}`), index);
  assert.deepEqual(differingSlots(restored, new HashTree()), []);
});

test("a cell that is replaced leaves what its removal and its next form leave", () => {
  const [replaced, changed] = [new HashTree(), new HashTree()];
  for (const tree of [replaced, changed]) {
    for (let index = 0; index < 5; index += 1) tree.add(SLOT, hashBinary(`key ${index}`), index);
  }
  const address = hashBinary("key 3");
  replaced.replace(SLOT, address, 3, 0xffff_fff0);
  changed.remove(SLOT, address, 3);
  changed.add(SLOT, address, 0xffff_fff0);
  assert.deepEqual(differingSlots(replaced, changed), []);
  assert.deepEqual(replaced.leaves(SLOT), changed.leaves(SLOT));
  assert.equal(replaced.cells, changed.cells);
  assert.throws(() => new HashTree().replace(SLOT, address, 3, 4));
});

// Goal: no reader is shown less than has been done, however many changes are made together. Method: the same changes to two trees, one
// of which is read after each of them and so never has any left to make.
test("whoever reads first sees all that was done before", () => {
  const readers: readonly ((tree: HashTree) => unknown)[] = [
    (tree) => tree.root(everywhere),
    (tree) => tree.groups(everywhere),
    (tree) => tree.slots([SLOT, NEXT]),
    (tree) => tree.sums(SLOT, 2),
    (tree) => [tree.leaves(SLOT), tree.leaves(NEXT)],
    (tree) => {
      tree.clearSlot(NEXT);
      return [tree.leaves(SLOT), tree.leaves(NEXT), tree.sums(SLOT, 2)];
    },
    (tree) => {
      tree.clear();
      return tree.root(everywhere);
    },
  ];
  for (const [which, read] of readers.entries()) {
    for (const count of [1, 63, 64, 65, 200]) {
      const [eager, lazy] = [new HashTree(), new HashTree()];
      for (let index = 0; index < count; index += 1) {
        const slot = index % 3 === 0 ? NEXT : SLOT;
        for (const tree of [eager, lazy]) tree.add(slot, hashBinary(`key ${index}`), index);
        eager.sums(SLOT, 1);
      }
      assert.deepEqual(read(lazy), read(eager), `reader ${which} after ${count} changes`);
      for (const tree of [eager, lazy]) tree.add(NEXT, hashBinary("another"), 1);
      assert.deepEqual(lazy.root(everywhere), eager.root(everywhere), `reader ${which}, then on`);
    }
  }
});

test("a slot that something is left of is not restored", () => {
  const tree = new HashTree();
  tree.add(SLOT, hashBinary("key"), 1);
  tree.remove(SLOT, hashBinary("key"), 2);
  const leaves = new Uint32Array(2 * LEAF_COUNT);
  assert.throws(() => tree.restore(SLOT, { count: 0, leaves }), { message: /restored before/ });
});

test("a record with any byte changed, cut short, or of another slot is none", () => {
  const tree = new HashTree();
  for (let index = 0; index < 3; index += 1) tree.add(SLOT, hashBinary(`key ${index}`), index);
  const leaves = tree.leaves(SLOT);
  assert.ok(leaves !== undefined);
  const bytes = encodeLeaves(SLOT, { count: 3, dueMs: Number.POSITIVE_INFINITY, leaves });
  for (let index = 0; index < bytes.length; index += 1) {
    const changed = Uint8Array.from(bytes);
    changed[index] = (changed[index] as number) ^ 0x10;
    assert.equal(parseLeaves(SLOT, changed), undefined);
    assert.equal(parseLeaves(SLOT, bytes.subarray(0, index)), undefined);
  }
  assert.equal(parseLeaves(NEXT, bytes), undefined);
});

test("the mark of a clean stop names its slots, and nothing else is one", () => {
  const bytes = encodeCleanMark([SLOT, NEXT]);
  assert.deepEqual(parseCleanMark(bytes), new Set([SLOT, NEXT]));
  assert.equal(parseCleanMark(bytes.subarray(1)), undefined);
  bytes[0] = (bytes[0] as number) ^ 1;
  assert.equal(parseCleanMark(bytes), undefined);
});
