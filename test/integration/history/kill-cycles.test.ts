/**
 * Goal: no acknowledged write is lost by real processes, whatever is killed or stopped when.
 * Method: a few cycles of `npm run kill-cycles` on a small cluster. Again with the seed it printed: SEED=n.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { killRun } from "./kill-run.ts";

/** No new cycle after this: a slow machine must not make a slow suite. */
const SECONDS_MAX = 15;
/** The same for every run, so that what one change fails the next one fails too; other seeds by hand. */
const SEED = 20_260_712;

test("nothing acknowledged is lost, invented or brought back through kill -9 and SIGSTOP", async (t) => {
  const seed = Number(process.env["SEED"] ?? SEED);
  t.diagnostic(`seed ${seed}`);
  const report = await killRun({
    seed,
    nodes: 3,
    cycles: 4,
    secondsMax: SECONDS_MAX,
    lanesPerNode: 3,
    keys: 1_000,
    hotKeys: 4,
    calmMs: 800,
    absentMsMax: 1_500,
    pauseMsMax: 2_000,
    say: (line) => t.diagnostic(line),
  });
  const shown = report.violations
    .slice(0, 10)
    .map(({ invariant, detail }) => `${invariant}: ${detail}`);
  assert.deepEqual(shown, [], `SEED=${seed}; data and logs are in ${report.folder}`);
  // A run in which nothing happened would prove nothing.
  assert.ok(report.acknowledged > 50 && report.kills > 0, JSON.stringify(report));
});
