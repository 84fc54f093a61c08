import assert from "node:assert/strict";
import { test } from "node:test";
import { Progress } from "./progress.ts";

test("there is no change while there is nothing to do", () => {
  const progress = new Progress();
  assert.equal(progress.report(), undefined);
  progress.sample({ slotsLeft: 0, slotsDone: 500, cellsDone: 9 }, 1_000);
  assert.equal(progress.report(), undefined);
  assert.deepEqual(new Set(Object.values(progress.gauges)), new Set([0]));
});

test("what was done before a change does not count for it", () => {
  const progress = new Progress();
  progress.sample({ slotsLeft: 0, slotsDone: 500, cellsDone: 9_000 }, 1_000);
  progress.sample({ slotsLeft: 100, slotsDone: 500, cellsDone: 9_000 }, 2_000);
  progress.sample({ slotsLeft: 80, slotsDone: 520, cellsDone: 9_400 }, 3_000);
  assert.deepEqual(progress.report(), {
    slotsLeft: 80,
    slotsDone: 20,
    slotsPerSecond: 10,
    cellsPerSecond: 200,
    secondsLeft: 8,
  });
});

test("a change that begins at start counts from nothing", () => {
  const progress = new Progress();
  progress.sample({ slotsLeft: 70, slotsDone: 30, cellsDone: 0 }, 1_000);
  assert.equal(progress.report()?.slotsDone, 30);
  assert.equal(progress.report()?.secondsLeft, undefined);
});

test("a change that stands still shows no speed, and no estimate, after ten seconds", () => {
  const progress = new Progress();
  for (let second = 0; second <= 30; second += 1) {
    const slotsDone = Math.min(100, 10 * second);
    progress.sample(
      { slotsLeft: 900 - slotsDone, slotsDone, cellsDone: slotsDone },
      1_000 * second,
    );
  }
  assert.deepEqual(progress.report(), {
    slotsLeft: 800,
    slotsDone: 100,
    slotsPerSecond: 0,
    cellsPerSecond: 0,
    secondsLeft: undefined,
  });
  assert.equal(progress.gauges["change-seconds-left"], 0);
});

test("the next change begins anew", () => {
  const progress = new Progress();
  progress.sample({ slotsLeft: 10, slotsDone: 0, cellsDone: 0 }, 0);
  progress.sample({ slotsLeft: 0, slotsDone: 10, cellsDone: 0 }, 1_000);
  progress.sample({ slotsLeft: 5, slotsDone: 12, cellsDone: 0 }, 2_000);
  assert.equal(progress.report()?.slotsDone, 2);
});
