import assert from "node:assert/strict";
import { test } from "node:test";
import { slotFrom } from "../../model/slot.ts";
import { DueTimes } from "./due-times.ts";

test("a slot is due at the least moment noted, and not again after a pass that noted nothing", () => {
  const times = new DueTimes();
  const slot = slotFrom(7);
  const everySlot = (): boolean => true;
  times.note(slot, 50);
  times.note(slot, 80);
  assert.deepEqual(times.due(49, everySlot), []);
  assert.deepEqual(times.due(50, everySlot), [slot]);
  times.clear(slot);
  assert.deepEqual(times.due(1e15, everySlot), []);
});

test("only slots that are wanted are due, in their order", () => {
  const times = new DueTimes();
  for (let index = 9; index >= 0; index -= 1) times.note(slotFrom(index), 1);
  assert.deepEqual(
    times.due(1, (slot) => slot % 4 === 1),
    [1, 5, 9],
  );
});
