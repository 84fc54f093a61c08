/**
 * Goal: a node with a mistake in it is found, by the invariant that the mistake breaks, on the real node code.
 * Method: each mistake is planted through the ports of every node, and meets the kinds of fault that bring it to light,
 * more often than in an ordinary run. The same plans without the mistake pass.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FaultKind } from "./fault-plan.ts";
import { MUTANTS, type Mutant, mutated } from "./mutants.ts";
import { type RunReport, run } from "./run.ts";
import { drawPlan, type RunPlan } from "./run-plan.ts";
import { makeStoreNode } from "./store-node-factory.ts";

/** What must catch each, and under which faults, by typical milliseconds between strikes. */
const EXPECTED: Readonly<
  Record<
    Mutant,
    {
      readonly invariants: readonly string[];
      readonly kinds: readonly (readonly [FaultKind, number])[];
    }
  >
> = {
  "ack-before-sync": { invariants: ["I1"], kinds: [["power-loss-at-ack", 2_000]] },
  "stored-without-storing": { invariants: ["I1", "fresh"], kinds: [["crash", 5_000]] },
  "merged-without-merging": {
    invariants: ["I1", "I4", "fresh"],
    kinds: [
      ["partition", 2_000],
      ["crash", 5_000],
    ],
  },
  "no-push-back": { invariants: ["I7"], kinds: [["pause", 10_000]] },
  "absent-when-held": { invariants: ["fresh", "I1"], kinds: [["pause", 10_000]] },
  "repeated-boot-id": { invariants: ["I9"], kinds: [["pause", 10_000]] },
};

const SEEDS = [1, 2, 3, 4, 5, 6];

/** A short run of five machines whose clocks differ, under these faults alone. */
function planOf(seed: number, kinds: readonly (readonly [FaultKind, number])[]): Partial<RunPlan> {
  const { faults, workload, shared } = drawPlan(seed);
  return {
    isCalm: false,
    machines: 5,
    durability: "fsync",
    shared: { ...shared, replicas: 3 },
    zones: 1,
    skewMsMax: 20_000,
    faultMs: 20_000,
    faults: { ...faults, kinds: new Map(kinds), delayMs: 0.3, keepsUnsynced: false },
    workload: { ...workload, keys: 20, hotKeys: 3, lanes: 8, thinkMs: 100, replicas: 3 },
  };
}

function runMutant(seed: number, mutant: Mutant): RunReport {
  const plan = planOf(seed, EXPECTED[mutant].kinds);
  return run({ seed, makeNode: mutated(makeStoreNode, mutant), plan });
}

for (const mutant of MUTANTS) {
  test(`a node that does "${mutant}" is found`, () => {
    const { invariants } = EXPECTED[mutant];
    const found = SEEDS.find((seed) =>
      runMutant(seed, mutant).violations.some(({ invariant }) => invariants.includes(invariant)),
    );
    assert.notEqual(
      found,
      undefined,
      `none of ${SEEDS.length} seeds showed ${invariants.join(" or ")}`,
    );
  });
}

test("the same plans pass on nodes without a mistake", () => {
  for (const [index, mutant] of MUTANTS.entries()) {
    const seed = index + 1;
    const { violations } = run({
      seed,
      makeNode: makeStoreNode,
      plan: planOf(seed, EXPECTED[mutant].kinds),
    });
    assert.deepEqual(violations, [], `seed ${seed} with the faults of ${mutant}`);
  }
});

test("disks that lie are found on the real node", () => {
  const found = SEEDS.find((seed) => {
    const plan = planOf(seed, [["power-loss-of-all", 3_000]]);
    const { violations } = run({ seed, makeNode: makeStoreNode, hasLyingDisks: true, plan });
    return violations.some(({ invariant }) => invariant === "I1");
  });
  assert.notEqual(found, undefined);
});

test("a run of real nodes repeats to the byte", () => {
  const [first, second] = [
    run({ seed: 5, makeNode: makeStoreNode }),
    run({ seed: 5, makeNode: makeStoreNode }),
  ];
  assert.equal(first.hash, second.hash);
  assert.equal(first.events, second.events);
});
