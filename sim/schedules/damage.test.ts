/** What is kept beside cells is damaged: played on real nodes, record by record. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadClock } from "../../src/node/node-state.ts";
import type { Storage } from "../../src/ports/storage.ts";
import type { Machine } from "../cluster.ts";
import { FACTS, type Fact, NOTES, type Note, recordAt } from "../records.ts";
import { Stage } from "./stage.ts";

const GRACE_MS = 1_000;

/** Three nodes that have collected something, so that each keeps a mark and slot states. */
function collectedStage(seed = 1): Stage {
  const stage = new Stage({ machines: 3, seed, shared: { graceMs: GRACE_MS } });
  const key = stage.keyOn(0, 1, 2);
  stage.put(0, key, "first");
  stage.delete(0, key);
  stage.until("it is collected", () =>
    [0, 1, 2].every((index) => (stage.status(index).counters["slots-collected"] ?? 0) > 0),
  );
  return stage;
}

/** One bit of one such record; false where the disk has none. */
function rot(machine: Machine, record: Note | Fact): boolean {
  return machine.disk.rot((key) => recordAt(key) === record) !== undefined;
}

function bytesOf(machine: Machine, record: Fact): string[] {
  const entries = machine.disk.contents().filter(({ key }) => recordAt(key) === record);
  return entries.map(({ value }) => Buffer.from(value).toString("hex"));
}

/** The same, and the second has lost commits and knows it: its votes are not given back yet. */
function amnesiacStage(): Stage {
  const stage = collectedStage();
  const machine = stage.machine(1);
  const copy = machine.disk.contents();
  const key = stage.keyOn(0, 1, 2);
  for (const value of ["second", "third", "fourth"]) stage.put(0, key, value);
  stage.cluster.crash(machine, "process");
  machine.disk.replace(copy);
  stage.cluster.boot(machine);
  stage.until("its votes are lost", () => bytesOf(machine, "votes").length > 0);
  return stage;
}

for (const fact of FACTS) {
  test(`a node whose ${fact} is damaged does not start, whoever speaks to it, and leaves it as it is`, () => {
    const stage = fact === "votes" ? amnesiacStage() : collectedStage();
    const machine = stage.machine(1);
    stage.cluster.crash(machine, "process");
    assert.ok(rot(machine, fact), "there is one");
    machine.rotten = fact;
    const before = bytesOf(machine, fact);
    const problems: string[] = [];
    stage.cluster.onStartProblem = (_machine, problem) => problems.push(problem);
    // Peers dial every few seconds: of so many starts some meet one of them.
    for (let start = 1; start <= 100; start += 1) {
      stage.cluster.boot(machine);
      stage.until("the start ends", () => machine.process === undefined);
      assert.equal(problems.length, start, "each start is refused");
      assert.match(problems.at(-1) ?? "", /damaged/u);
      assert.deepEqual(bytesOf(machine, fact), before, `start ${start}`);
      stage.runFor(200);
    }
    assert.deepEqual(stage.cluster.violations, []);
  });
}

for (const note of NOTES) {
  test(`a node whose ${note} is damaged starts, and loses nothing by it`, () => {
    const stage = collectedStage();
    const key = stage.keyOn(0, 1, 2);
    const machine = stage.machine(1);
    stage.cluster.crash(stage.machine(2), "process");
    stage.put(1, key, "second");
    stage.runFor(5_000);
    stage.cluster.stop(machine);
    stage.until("it has stopped", () => machine.process === undefined);
    assert.ok(rot(machine, note), "there is one");
    stage.cluster.boot(machine);
    stage.cluster.boot(stage.machine(2));
    stage.until("all are whole", () => stage.isWhole());
    stage.settle();
    for (const at of [0, 1, 2]) assert.equal(stage.shown(at, key, { r: 3 }), "second");
    assert.deepEqual(stage.cluster.violations, []);
  });
}

// Without it a damaged cell is overwritten by what is older, once the clock was set back (seed 1793).
test("the greatest stamp that was ever merged is kept through starts, whatever is merged after them", () => {
  const stage = new Stage({ machines: 1 });
  const key = stage.keyOn(0);
  const outcome = stage.put(0, key, "value");
  assert.ok(outcome.kind === "written");
  const { disk } = stage.machine(0);
  for (let start = 0; start < 3; start += 1) {
    const clock = loadClock(disk as unknown as Storage);
    assert.ok(typeof clock === "object");
    assert.deepEqual(clock.greatest, outcome.stamp, `before start ${start}`);
    stage.crash(0);
    stage.reboot(0);
    stage.runFor(5_000);
  }
});
