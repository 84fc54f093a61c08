// Goal: whatever end a process or its machine comes to, a journal and what is below it show what was done, whole and in order.
// Method: seeded runs of eight boots each (sim/journal-run.ts), with full and failing disks, torn writes and rot between boots.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type JournalProbes, runJournal } from "./journal-run.ts";

const SEEDS = 1_200;

test("a journal loses nothing, brings nothing back and tears nothing", async () => {
  const reached: Partial<Record<keyof JournalProbes, number>> = {};
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violations, probes } = await runJournal(seed);
    assert.deepEqual(violations, [], `seed ${seed}`);
    for (const [name, count] of Object.entries(probes) as [keyof JournalProbes, number][]) {
      reached[name] = (reached[name] ?? 0) + count;
    }
  }
  for (const [name, count] of Object.entries(reached)) assert.ok(count > 0, `${name} is reached`);
});

test("a seed is a run", async () => {
  assert.deepEqual(await runJournal(7), await runJournal(7));
});
