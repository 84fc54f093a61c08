/** A failing run is cut down to little, what is left fails in the same way, and its text repeats it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SHARED_CONFIG_DEFAULT } from "../src/model/config.ts";
import { parsePlan, planText } from "./plan-text.ts";
import { neverReached, PROBES } from "./probes.ts";
import { type RunReport, run } from "./run.ts";
import { drawPlan, type RunPlan } from "./run-plan.ts";
import { type Failing, shrink } from "./shrink.ts";
import { toyNode } from "./toy-node.ts";

/** One machine of the toy, which acknowledges before it has stored, and which loses its power. */
function failingPlan(seed: number): RunPlan {
  const plan = drawPlan(seed);
  const mix = { ...plan.workload.mix, conditional: 0 };
  return {
    ...plan,
    isCalm: false,
    machines: 1,
    broken: [],
    durability: "fsync",
    shared: { ...SHARED_CONFIG_DEFAULT, replicas: 1 },
    faults: {
      ...plan.faults,
      kinds: new Map([
        ["power-loss", 6_000],
        ["pause", 5_000],
        ["clock-drift", 5_000],
        ["power-loss-at-ack", 8_000],
      ]),
      lossPerMille: 100,
    },
    workload: { ...plan.workload, hasShortDeadlines: false, replicas: 1, ttlMsMax: undefined, mix },
  };
}

function runToy({ seed, plan }: Failing): RunReport {
  return run({ seed, plan, hasNoCells: true, makeNode: toyNode("acks-before-sync") });
}

test("a planted bug is cut down to few operations and the one kind of fault that shows it", () => {
  const first = { seed: 3, plan: failingPlan(3) };
  const before = runToy(first);
  assert.ok(before.violations.some(({ invariant }) => invariant === "I1"));
  const shrunk = shrink(first, { run: runToy });
  assert.ok(shrunk !== undefined);
  assert.ok(shrunk.report.operations * 4 < before.operations, `${shrunk.report.operations} left`);
  assert.deepEqual(shrunk.plan.faults.kinds.has("pause"), false);
  assert.equal(shrunk.plan.faults.lossPerMille, 0);

  const again = runToy({ seed: shrunk.seed, plan: parsePlan(shrunk.seed, planText(shrunk.plan)) });
  assert.equal(again.hash, shrunk.report.hash);
  assert.ok(again.violations.some(({ invariant }) => invariant === shrunk.invariant));
});

test("a run that does not fail is not cut", () => {
  const sound = (failing: Failing): RunReport =>
    run({ ...failing, hasNoCells: true, makeNode: toyNode() });
  assert.equal(shrink({ seed: 3, plan: failingPlan(3) }, { run: sound }), undefined);
});

test("a plan that leaves something out is filled up by the seed, and nonsense is refused", () => {
  const drawn = drawPlan(7);
  assert.deepEqual(parsePlan(7, "{}"), drawn);
  const cut = { ...drawn, workload: { ...drawn.workload, ttlMsMax: undefined, retiredEvery: 3 } };
  assert.deepEqual(parsePlan(7, planText(cut)), cut);
  assert.deepEqual(parsePlan(7, '{"workload":{"keys":2}}').workload, {
    ...drawn.workload,
    keys: 2,
  });
  assert.throws(() => parsePlan(7, '{"machine":3}'), /no "machine"/);
  assert.throws(() => parsePlan(7, '{"faults":{"kinds":{"flood":1}}}'), /no kind of fault/);
  assert.throws(() => parsePlan(7, "[]"), /an object/);
});

test("a probe is missed only where nobody counted it", () => {
  const all = new Map(Object.keys(PROBES).map((name) => [name, 1]));
  assert.deepEqual(neverReached(all), []);
  all.delete("hints");
  assert.deepEqual(neverReached(all), ["hints"]);
});
