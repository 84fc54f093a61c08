/**
 * The last write wins, however wrong the clocks are (I7), and a read sees what was acknowledged before it.
 * Method: thousands of seeds of a small model around the real coordinators; SEED=n plays one. The same model without
 * push-back, or with reads of one, must fail: a check that has never caught anything proves nothing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ModelOptions, playModel } from "./push-back-model.ts";

const SEEDS = 2_000;

function seeds(): number[] {
  const given = process.env["SEED"];
  if (given !== undefined) return [Number(given)];
  return Array.from({ length: SEEDS }, (_, index) => index + 1);
}

function assertHolds(options: Omit<ModelOptions, "seed">): void {
  let restamps = 0;
  let acknowledged = 0;
  for (const seed of seeds()) {
    const report = playModel({ ...options, seed });
    assert.deepEqual(report.violations, [], `SEED=${seed}`);
    restamps += report.restamps;
    acknowledged += report.acknowledged;
  }
  assert.ok(process.env["SEED"] !== undefined || restamps > SEEDS, "writes were stamped again");
  assert.ok(process.env["SEED"] !== undefined || acknowledged > SEEDS, "writes were acknowledged");
}

test("a write begun after another's ack never loses to it, and a read begun after it sees it", () => {
  assertHolds({ hasLosses: false });
});

test("so it is when connections break under requests", () => {
  assertHolds({ hasLosses: true });
});

test("the model finds a cluster without push-back", () => {
  const mutant = { hasLosses: false, hasPushBack: false };
  assert.ok(seeds().some((seed) => playModel({ ...mutant, seed }).violations.length > 0));
});

test("the model finds reads of a single replica", () => {
  const mutant = { hasLosses: false, r: 1 };
  assert.ok(seeds().some((seed) => playModel({ ...mutant, seed }).violations.length > 0));
});
