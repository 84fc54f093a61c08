import assert from "node:assert/strict";
import { test } from "node:test";
import { slotFrom } from "../../model/slot.ts";
import { DueTimes } from "./due-times.ts";

test("a slot is due at the least moment noted, and not again after a pass that noted nothing", () => {
  const times = new DueTimes();
  const slot = slotFrom(7);
  times.note(slot, 50);
  times.note(slot, 80);
  assert.deepEqual(
    times.due(49, () => true, 10),
    [],
  );
  assert.deepEqual(
    times.due(50, () => true, 10),
    [slot],
  );
  times.clear(slot);
  assert.deepEqual(
    times.due(1e15, () => true, 10),
    [],
  );
});

test("no more slots are due at once than are asked for, and only those wanted", () => {
  const times = new DueTimes();
  for (let index = 0; index < 10; index += 1) times.note(slotFrom(index), 1);
  assert.deepEqual(
    times.due(1, (slot) => slot % 2 === 1, 3),
    [1, 3, 5],
  );
});
