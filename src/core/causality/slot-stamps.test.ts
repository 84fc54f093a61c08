import assert from "node:assert/strict";
import { test } from "node:test";
import { slotFrom } from "../../model/slot.ts";
import { compareStamps, NO_STAMP, type Stamp } from "../../model/stamp.ts";
import { SlotStamps } from "./slot-stamps.ts";

test("slots have the stamps that were set, and compare as stamps do", () => {
  const all: Stamp[] = [];
  for (const ms of [1, 2, 2 ** 48 - 1])
    for (const counter of [0, 1, 0xffff])
      for (const boot of [0, 1, Number.MAX_SAFE_INTEGER]) all.push({ ms, counter, boot });
  const stamps = new SlotStamps();
  for (const slot of [slotFrom(0), slotFrom(1), slotFrom(16_383)]) {
    assert.equal(stamps.at(slot), undefined);
    for (const held of all) {
      assert.equal(new SlotStamps().isBelow(slot, held, held), false);
      assert.equal(new SlotStamps().isBelow(slot, held, NO_STAMP), true);
      stamps.set(slot, held);
      assert.deepEqual(stamps.at(slot), held);
      for (const stamp of all) {
        assert.equal(stamps.isBelow(slot, stamp, NO_STAMP), compareStamps(held, stamp) < 0);
      }
    }
  }
  assert.equal(stamps.at(slotFrom(2)), undefined);
});
