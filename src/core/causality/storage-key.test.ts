import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeIdFrom } from "../../model/ids.ts";
import { type Field, type Key, keyFromText } from "../../model/key.ts";
import { KEY_BYTES_MAX } from "../../model/limits.ts";
import { slotFrom } from "../../model/slot.ts";
import {
  allCellsRange,
  cellKey,
  dirtyMapKey,
  dirtyMapsRange,
  keyRange,
  leavesKey,
  metaKey,
  parseCellKey,
  parseDirtyMapKey,
  slotRange,
  slotStateKey,
  slotStatesRange,
} from "./storage-key.ts";

const KEY = keyFromText("ab");
const LAST_SLOT = slotFrom(16_383);

test("the layout is what the table says, for ever", () => {
  assert.equal(cellKey(slotFrom(0x0102), KEY, undefined), "d\x01\x02\x00\x02ab\x00");
  assert.equal(cellKey(slotFrom(0x0102), KEY, "f" as Field), "d\x01\x02\x00\x02ab\x01f");
  assert.equal(leavesKey(slotFrom(0x0102)), "g\x01\x02");
  assert.equal(slotStateKey(slotFrom(0x0102)), "s\x01\x02");
  assert.equal(dirtyMapKey(nodeIdFrom(1, 2)), "h0000000100000002");
  assert.equal(metaKey("clock"), "mclock");
});

test("the root and the field without a name are two cells, the root first", () => {
  const root = cellKey(LAST_SLOT, KEY, undefined);
  const unnamed = cellKey(LAST_SLOT, KEY, "" as Field);
  assert.ok(root < unnamed);
  assert.deepEqual(parseCellKey(unnamed), { slot: LAST_SLOT, key: KEY, field: "" });
});

test("the last slot's range ends after its cells and before everything else", () => {
  const { from, before } = slotRange(LAST_SLOT);
  const longest = cellKey(LAST_SLOT, "\xff".repeat(KEY_BYTES_MAX) as Key, "\xff" as Field);
  assert.ok(from < longest && longest < before);
  assert.ok(before < allCellsRange().before);
  assert.deepEqual(parseCellKey(longest)?.key.length, KEY_BYTES_MAX);
});

test("fields of a key whose bytes continue another key are not in that key's range", () => {
  const { from, before } = keyRange(LAST_SLOT, KEY);
  const longer = cellKey(LAST_SLOT, keyFromText("ab\x00"), undefined);
  assert.ok(longer < from || longer >= before);
});

test("what is not a cell's storage key does not parse", () => {
  const good = cellKey(LAST_SLOT, KEY, undefined);
  const bad = [
    "",
    "d",
    good.slice(0, -1), // no tag
    `${good}x`, // bytes after a root
    `e${good.slice(1)}`,
    `d\x40\x00${good.slice(3)}`, // slot 16 384
    `${good.slice(0, -1)}\x02`, // unknown tag
    "d\x00\x00\x00\x00\x00", // empty key
    "d\x00\x00\x80\x01ab\x00", // key longer than it is
    cellKey(LAST_SLOT, "k".repeat(KEY_BYTES_MAX + 1) as Key, undefined),
    cellKey(LAST_SLOT, KEY, "f".repeat(32_769) as Field),
  ];
  for (const text of bad) assert.equal(parseCellKey(text), undefined, JSON.stringify(text));
});

test("slot states and dirty maps lie in their ranges and parse back", () => {
  const states = slotStatesRange();
  assert.ok(states.from <= slotStateKey(slotFrom(0)) && slotStateKey(LAST_SLOT) < states.before);
  const id = nodeIdFrom(0xffff_ffff, 0xffff_ffff);
  const maps = dirtyMapsRange();
  assert.ok(maps.from <= dirtyMapKey(id) && dirtyMapKey(id) < maps.before);
  assert.equal(parseDirtyMapKey(dirtyMapKey(id)), id);
  assert.equal(parseDirtyMapKey("hffff"), undefined);
  assert.equal(parseDirtyMapKey(metaKey("clock")), undefined);
});
