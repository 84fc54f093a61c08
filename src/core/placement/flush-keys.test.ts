import assert from "node:assert/strict";
import { test } from "node:test";
import { type Key, keyFault } from "../../model/key.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import { slotFrom } from "../../model/slot.ts";
import { flushKeyOf, isFlushKey } from "./flush-keys.ts";
import { slotOfKey } from "./slot-of-key.ts";

test("each slot has a key of its own that flushes it, and no client can name one", () => {
  const keys = new Set<Key>();
  for (let index = 0; index < SLOT_COUNT; index += 1) {
    const key = flushKeyOf(slotFrom(index));
    assert.equal(slotOfKey(key), index);
    assert.ok(isFlushKey(key));
    assert.equal(keyFault(key), "reserved");
    keys.add(key);
  }
  assert.equal(keys.size, SLOT_COUNT);
  assert.equal(isFlushKey("flush{1}" as Key), false);
});

// On disk for as long as a slot is flushed: these may not change.
test("flush keys are what they were", () => {
  assert.equal(flushKeyOf(slotFrom(0)), "\0\0dnd:flush{3560}");
  assert.equal(flushKeyOf(slotFrom(16_383)), "\0\0dnd:flush{39296}");
});
