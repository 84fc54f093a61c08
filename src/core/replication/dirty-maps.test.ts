import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../model/ids.ts";
import { slotFrom } from "../../model/slot.ts";
import { DirtyMaps } from "./dirty-maps.ts";

const A = "a" as NodeId;
const B = "b" as NodeId;
const SLOT = slotFrom(5);
const OTHER = slotFrom(16_383);

/** Maps with `SLOT` set for `A`. */
function marked(): DirtyMaps {
  const maps = new DirtyMaps();
  maps.set(A, SLOT);
  return maps;
}

test("a bit is to be stored when it is set, and not when it was set already", () => {
  const maps = new DirtyMaps();
  assert.equal(maps.set(A, SLOT), true);
  assert.equal(maps.set(A, SLOT), false);
  assert.equal(maps.set(A, OTHER), true);
  assert.equal(maps.count(A), 2);
});

test("slots waiting for an exchange are found in order, and not while it runs", () => {
  const maps = marked();
  maps.set(A, OTHER);
  assert.equal(maps.next(A, 0), SLOT);
  assert.equal(maps.next(A, SLOT + 1), OTHER);
  maps.begin(A, SLOT);
  assert.equal(maps.next(A, 0), OTHER);
  maps.begin(A, OTHER);
  assert.equal(maps.next(A, 0), undefined);
});

test("a completed exchange erases its bit", () => {
  const maps = marked();
  const exchange = maps.begin(A, SLOT);
  assert.equal(maps.end(A, SLOT, exchange, true), true);
  assert.equal(maps.count(A), 0);
  assert.equal(maps.bits(A), undefined);
});

test("an exchange that failed leaves its bit, to be tried again", () => {
  const maps = marked();
  const exchange = maps.begin(A, SLOT);
  assert.equal(maps.end(A, SLOT, exchange, false), false);
  assert.equal(maps.next(A, 0), SLOT);
});

test("a bit set again while the exchange runs is not erased by it", () => {
  const maps = marked();
  const exchange = maps.begin(A, SLOT);
  maps.set(A, SLOT);
  assert.equal(maps.end(A, SLOT, exchange, true), false);
  assert.equal(maps.next(A, 0), SLOT);
});

test("an exchange that began before the bit was last set does not end one that began after", () => {
  const maps = marked();
  const first = maps.begin(A, SLOT);
  maps.set(A, SLOT);
  const second = maps.begin(A, SLOT);
  assert.equal(maps.end(A, SLOT, first, true), false);
  assert.equal(maps.count(A), 1);
  assert.equal(maps.end(A, SLOT, second, true), true);
  assert.equal(maps.count(A), 0);
});

test("an exchange that ended ends once", () => {
  const maps = marked();
  const exchange = maps.begin(A, SLOT);
  assert.equal(maps.end(A, SLOT, exchange, true), true);
  maps.set(A, SLOT);
  assert.equal(maps.end(A, SLOT, exchange, true), false);
  assert.equal(maps.count(A), 1);
});

test("what is stored is what is restored", () => {
  const maps = marked();
  maps.set(A, OTHER);
  const bits = maps.bits(A);
  assert.ok(bits !== undefined);
  const restored = new DirtyMaps();
  assert.equal(restored.restore(A, bits), true);
  assert.equal(restored.count(A), 2);
  assert.equal(restored.next(A, 0), SLOT);
  assert.deepEqual(restored.bits(A), bits);
});

test("bytes of another length are no dirty map", () => {
  assert.equal(new DirtyMaps().restore(A, new Uint8Array(7)), false);
});

test("what is stored of a running exchange still has its bit: a crash must not lose it", () => {
  const maps = marked();
  const before = maps.bits(A);
  maps.begin(A, SLOT);
  assert.deepEqual(maps.bits(A), before);
});

test("a map whose commit failed is stored with the next bit that is set, new or not", () => {
  const maps = marked();
  maps.noteUnstored(A);
  assert.equal(maps.set(A, SLOT), true);
  assert.equal(maps.set(A, SLOT), false);
});

test("targets are told in order of id, and a dropped one is gone", () => {
  const maps = new DirtyMaps();
  maps.set(B, SLOT);
  maps.set(A, SLOT);
  assert.deepEqual(maps.targets(), [A, B]);
  maps.drop(A);
  assert.deepEqual(maps.targets(), [B]);
  assert.equal(maps.next(A, 0), undefined);
});

test("it is known since when somebody may lack something of a slot, until nobody does", () => {
  const maps = new DirtyMaps();
  assert.equal(maps.missedSince(SLOT), undefined);
  maps.set(A, OTHER, 100);
  maps.set(A, SLOT, 200);
  maps.set(B, SLOT, 150);
  assert.equal(maps.missedSince(SLOT), 100, "since it went away, whatever was written first");
  assert.equal(maps.missedSince(slotFrom(6)), undefined);
  for (const slot of [SLOT, OTHER]) maps.end(A, slot, maps.begin(A, slot), true);
  assert.equal(maps.missedSince(SLOT), 150);
  maps.set(A, SLOT, 300);
  maps.end(B, SLOT, maps.begin(B, SLOT), true);
  assert.equal(maps.missedSince(SLOT), 300);
});

test("of a map from before this start it is not known since when", () => {
  const restored = new DirtyMaps();
  const bits = marked().bits(A);
  assert.ok(bits !== undefined && restored.restore(A, bits));
  assert.equal(restored.missedSince(SLOT), undefined);
});
