/** Members that come and go: seeds that once failed, each kept for what it found. `sim/departures-cli.ts` runs hundreds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DeparturePlan, runDepartures } from "./departures.ts";
import { makeStoreNode } from "./store-node-factory.ts";

const FOUND: readonly (readonly [string, number, Partial<DeparturePlan>])[] = [
  ["two dead nodes that shared slots are removed", 1, {}],
  ["what was asked of a node before it left is answered", 7, {}],
  ["a node that joins takes no request before it reaches anybody", 223, {}],
  [
    "two of three leave at once, and what both had is with the third",
    3,
    { kind: "leave", disturbance: "none", machines: 3, replicas: 3, leavers: 2 },
  ],
  [
    "a leaver that crashes midway goes on, and takes nothing with it",
    4,
    { kind: "leave", disturbance: "crash-of-one-who-goes", machines: 4, leavers: 1 },
  ],
];

for (const [claim, seed, plan] of FOUND) {
  test(`${claim} (seed ${seed})`, () => {
    const report = runDepartures({ seed, makeNode: makeStoreNode, plan });
    assert.deepEqual(report.violations, []);
    assert.ok(report.operations > 100, "there was load");
  });
}

test("the same seed twice gives the same trace", () => {
  const [first, second] = [11, 11].map(
    (seed) => runDepartures({ seed, makeNode: makeStoreNode, plan: { machines: 3 } }).hash,
  );
  assert.equal(first, second);
});
