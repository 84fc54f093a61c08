/**
 * The simulator itself: it repeats, and its checkers see what is planted. The toy store stands in for the node where the
 * point is the checker; planted histories where no store would be wrong in that way.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SHARED_CONFIG_DEFAULT } from "../src/model/config.ts";
import { type RunReport, run } from "./run.ts";
import { drawPlan, type RunPlan } from "./run-plan.ts";
import { type ToyBug, toyNode } from "./toy-node.ts";

const NOT_FOR_TOYS = [
  "full-disk",
  "failed-sync",
  "join",
  "clock-step",
  "slow-disk",
  "clock-back-at-restart",
  "clock-year-ahead",
  "leave",
  "remove",
  "wipe",
  "read-error",
  "bit-rot",
  "old-copy",
  "bit-rot-notes",
  "bit-rot-facts",
  "small-buffers",
  "stuck-stream",
] as const;

/** One machine, and no fault that the toy is not made for. */
function toyPlan(seed: number): Partial<RunPlan> {
  const plan = drawPlan(seed);
  const kinds = new Map(plan.faults.kinds);
  for (const kind of NOT_FOR_TOYS) kinds.delete(kind);
  return {
    machines: 1,
    broken: [],
    shared: { ...SHARED_CONFIG_DEFAULT, replicas: 1 },
    faults: { ...plan.faults, kinds },
    workload: { ...plan.workload, hasShortDeadlines: false, replicas: 1, ttlMsMax: undefined },
  };
}

function runToy(seed: number, bug?: ToyBug, hasLyingDisks = false): RunReport {
  return run({
    seed,
    hasNoCells: true,
    makeNode: toyNode(bug),
    hasLyingDisks,
    plan: toyPlan(seed),
  });
}

const SEEDS = Array.from({ length: 25 }, (_none, index) => index + 1);

test("a store that does what it says passes", () => {
  for (const seed of SEEDS) {
    assert.deepEqual(runToy(seed).violations, [], `seed ${seed}`);
  }
});

// Each bug must be found within a few seeds, by the invariant that it breaks.
const CAUGHT: readonly (readonly [ToyBug, string])[] = [
  ["acks-before-sync", "I1"],
  ["invents-values", "I2"],
  ["applies-refused-writes", "I3"],
  ["answers-late", "I12"],
  ["answers-twice", "I12"],
  ["repeats-stamps", "I9"],
  ["leaks-timers", "I13"],
  ["throws", "assert"],
];
for (const [bug, invariant] of CAUGHT) {
  test(`a toy that ${bug} is caught by ${invariant}`, () => {
    const found = SEEDS.find((seed) =>
      runToy(seed, bug).violations.some((violation) => violation.invariant === invariant),
    );
    assert.notEqual(found, undefined, `none of ${SEEDS.length} seeds`);
  });
}

test("a lying disk is caught by I1", () => {
  const found = SEEDS.find((seed) =>
    runToy(seed, undefined, true).violations.some(({ invariant }) => invariant === "I1"),
  );
  assert.notEqual(found, undefined);
});

test("the same seed twice gives the same trace, another seed another", () => {
  const hashes = new Set<string>();
  for (const seed of [1, 2, 3]) {
    const first = runToy(seed);
    const lines: string[] = [];
    // Reading the trace must not change it.
    const second = run({
      seed,
      hasNoCells: true,
      makeNode: toyNode(),
      plan: toyPlan(seed),
      sink: (line) => lines.push(line),
    });
    assert.equal(first.hash, second.hash, `seed ${seed}`);
    assert.equal(second.events, lines.length);
    hashes.add(first.hash);
  }
  assert.equal(hashes.size, 3);
});
