// Goal: whatever end a process or its machine comes to, values that are kept apart are read as they were written, and take no space for long.
// Method: seeded runs of eight boots each (sim/values-run.ts), with full and failing disks, torn writes, rot and files that come back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runValues, type ValuesProbes } from "./values-run.ts";

const SEEDS = 150;

test("values that are kept apart are read as they were written, and their space comes back", () => {
  const reached: Partial<Record<keyof ValuesProbes, number>> = {};
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violations, probes } = runValues(seed);
    assert.deepEqual(violations, [], `seed ${seed}`);
    for (const [name, count] of Object.entries(probes) as [keyof ValuesProbes, number][]) {
      reached[name] = (reached[name] ?? 0) + count;
    }
  }
  for (const [name, count] of Object.entries(reached)) assert.ok(count > 0, `${name} is reached`);
});

test("a seed is a run", () => {
  assert.deepEqual(runValues(7), runValues(7));
});
