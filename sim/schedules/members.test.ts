/**
 * Schedules about members: several changes at once, a node removed that lives on, all restarted, one that hears and is not
 * heard for good. The ids are those of the list of schedules; N = 3, W = R = 2.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../src/model/ids.ts";
import type { Key } from "../../src/model/key.ts";
import { keyFromText } from "../../src/model/key.ts";
import { SYNC_MS } from "../disk.ts";
import { Stage, written } from "./stage.ts";

const KEYS: readonly Key[] = Array.from({ length: 40 }, (_none, index) => keyFromText(`k${index}`));

function fill(stage: Stage, value: string): void {
  for (const key of KEYS) written(stage.put(0, key, value));
}

function expectAll(stage: Stage, value: string, at: readonly number[]): void {
  for (const index of at) {
    for (const key of KEYS) assert.equal(stage.shown(index, key), value, `key ${key} at n${index}`);
  }
}

/** As an operator does: until it is taken. */
function leave(stage: Stage, index: number): void {
  stage.machine(index).isLeaving = true;
  const again = (): void => {
    const { process, node, hasLeft } = stage.machine(index);
    if (hasLeft) return;
    if (process !== undefined && node !== undefined)
      stage.scheduler.deliver(process, "leave", () => {
        node.leave(() => {});
      });
    stage.scheduler.after(1_000, "command", undefined, again);
  };
  again();
}

function isGone(stage: Stage, observer: number, id: NodeId): boolean {
  const member = stage.status(observer).members.find(({ record }) => record.id === id);
  return member === undefined || /^(left|removed)$/.test(member.record.intent);
}

test("two joins and a leave at once lose nothing, and reads and writes go on", () => {
  const stage = new Stage({ machines: 4 });
  fill(stage, "before");
  stage.join();
  stage.join();
  leave(stage, 1);
  let round = 0;
  stage.until("all is done", () => {
    const key = KEYS[round % KEYS.length];
    assert.ok(key !== undefined);
    written(stage.put(0, key, "before"));
    assert.equal(stage.shown(2, key), "before");
    round += 1;
    return stage.machine(1).hasLeft && stage.isWhole();
  });
  assert.ok(round > 5, `${round} rounds`);
  stage.settle();
  expectAll(stage, "before", [0, 2, 3, 4, 5]);
  stage.end();
});

test("E5: a node that inherits a slot by a removal has no vote before it is filled", () => {
  const stage = new Stage({ machines: 4 });
  const lost = stage.id(2);
  const key = stage.keyOn(0, 1, 2);
  written(stage.put(0, key, "v", { w: 3 }));
  // Of the three who have it two are out of reach, one for good: the heir, beside the one left, must not say "absent".
  stage.crash(2);
  stage.machine(2).isLost = true;
  stage.until("the death is known", () => stage.liveness(0, lost) === "dead");
  stage.cut([3], [0, 1]);
  stage.remove(0, lost);
  stage.runFor(3_000);
  stage.heal();
  for (let round = 0; round < 200; round += 1) {
    const outcome = stage.read(3, key);
    assert.notEqual(outcome.kind, "absent", `round ${round}: ${JSON.stringify(outcome)}`);
    stage.runFor(10);
  }
  stage.until("it is removed", () => [0, 1, 3].every((index) => isGone(stage, index, lost)));
  stage.settle();
  assert.equal(stage.shown(3, key), "v");
  stage.end();
});

test("B12: what was removed stays removed, whatever it says itself when it is back", () => {
  const stage = new Stage({ machines: 4 });
  fill(stage, "v");
  stage.settle();
  const lost = stage.id(3);
  stage.crash(3);
  stage.machine(3).isLost = true;
  stage.until("the death is known", () => stage.liveness(0, lost) === "dead");
  stage.remove(0, lost);
  stage.until("it is removed", () => [0, 1, 2].every((index) => isGone(stage, index, lost)));
  stage.machine(3).isLeaving = true;
  stage.boot(3);
  stage.until("it knows, and ends", () => stage.machine(3).process === undefined);
  for (const index of [0, 1, 2]) assert.ok(isGone(stage, index, lost));
  stage.settle();
  expectAll(stage, "v", [0, 1, 2]);
  stage.end();
});

test("after all have ended at once, by kill or by power, all comes back as it was", () => {
  const stage = new Stage({ machines: 5 });
  fill(stage, "v");
  const epoch = stage.status(0).epoch;
  for (const ending of ["process", "power"] as const) {
    for (const machine of stage.cluster.machines) stage.cluster.crash(machine, ending);
    for (const machine of stage.cluster.machines) stage.cluster.boot(machine);
    stage.until("the cluster is whole", () => stage.isWhole(), 60_000);
    assert.equal(stage.status(0).epoch, epoch);
    expectAll(stage, "v", [4]);
  }
  stage.settle();
  stage.end();
});

test("A3: nodes that were all away for a month come back with all they had", () => {
  const stage = new Stage({ machines: 3, shared: { graceMs: 60_000 } });
  fill(stage, "v");
  written(stage.delete(0, keyFromText("k0")));
  for (const machine of stage.cluster.machines) stage.cluster.stop(machine);
  stage.until("all have stopped", () => stage.cluster.running().length === 0);
  for (const machine of stage.cluster.machines) machine.clock.step(30 * 86_400_000);
  for (const machine of stage.cluster.machines) stage.cluster.boot(machine);
  stage.until("the cluster is whole", () => stage.isWhole(), 60_000);
  stage.settle();
  for (const key of KEYS.slice(1)) assert.equal(stage.shown(1, key), "v");
  assert.equal(stage.shown(1, keyFromText("k0")), "absent");
  stage.end();
});

for (const way of ["hears nobody and is heard", "hears all and is not heard"] as const) {
  test(`a one-way partition for good: beside one that ${way}, all goes on`, () => {
    const stage = new Stage({ machines: 5 });
    fill(stage, "v");
    for (const other of [1, 2, 3, 4]) {
      if (way === "hears nobody and is heard") stage.cutOneWay(other, 0);
      else stage.cutOneWay(0, other);
    }
    stage.runFor(60_000);
    for (const index of [1, 2, 3, 4]) {
      for (const other of [1, 2, 3, 4]) {
        if (other !== index) assert.equal(stage.liveness(index, stage.id(other)), "alive");
      }
    }
    for (const [index, key] of KEYS.entries()) {
      const at = 1 + (index % 4);
      written(stage.put(at, key, "later", { deadlineMs: 2_000 }));
      assert.equal(stage.shown(1 + ((index + 1) % 4), key, { deadlineMs: 2_000 }), "later");
    }
    stage.heal();
    stage.settle();
    expectAll(stage, "later", [0]);
    stage.end();
  });
}

test("E12: a slot that is written without a pause still changes hands", () => {
  const stage = new Stage({ machines: 3 });
  const key = stage.keyOn(0, 1, 2);
  const joiner = stage.join();
  let round = 0;
  stage.until(
    "the joiner is active",
    () => {
      stage.startPut(round % 3, key, `round ${round}`);
      round += 1;
      return joiner.hasStarted && joiner.node?.status().phase === "ready";
    },
    60_000,
  );
  stage.settle();
  assert.equal(stage.shown(3, key), `round ${round - 1}`);
  stage.end();
});

test("of two nodes on copies of one directory one stops, and what was acknowledged since the copy is there", () => {
  const stage = new Stage({ machines: 3 });
  fill(stage, "before");
  stage.settle();
  const original = stage.machine(1);
  const twin = stage.cluster.addMachine({
    skewMs: 0,
    zone: "",
    weight: 1,
    peers: [0, 1, 2].map((index) => stage.machine(index).address),
  });
  twin.disk.replace(original.disk.contents());
  fill(stage, "since");
  for (const machine of [original, twin]) machine.mayFail = true;
  twin.isLost = true;
  stage.cluster.boot(twin);
  twin.mayFail = true;
  stage.until("one of the two has stopped", () =>
    [original, twin].some(({ process }) => process === undefined),
  );
  original.isLost = original.process === undefined;
  twin.isLost = twin.process === undefined;
  assert.notEqual(original.isLost, twin.isLost);
  stage.until("the others have followed", () => stage.isWhole());
  stage.settle();
  expectAll(stage, "since", [0, 2, original.isLost ? twin.index : original.index]);
  stage.end();
});

test("a removal that was confirmed outlives the end of the node that took it, though nobody else has heard", () => {
  const stage = new Stage({ machines: 4 });
  stage.settle();
  const lost = stage.id(3);
  stage.crash(3);
  stage.machine(3).isLost = true;
  stage.until("the death is known", () => stage.liveness(0, lost) === "dead");
  stage.cut([0], [1, 2]);
  stage.machine(0).disk.fault({ syncMs: 400 });
  stage.remove(0, lost);
  stage.crash(0);
  stage.machine(0).disk.fault({ syncMs: SYNC_MS });
  stage.heal();
  stage.boot(0);
  stage.until("it is removed", () => [0, 1, 2].every((index) => isGone(stage, index, lost)));
  stage.end();
});

test("a connection that is dead alone, while gossip and all others pass, holds up no removal", () => {
  const stage = new Stage({ machines: 5 });
  fill(stage, "v");
  stage.settle();
  const lost = stage.id(4);
  stage.crash(4);
  stage.machine(4).isLost = true;
  stage.until("the death is known", () => stage.liveness(0, lost) === "dead");
  // Requests of one to the other, and what it answers to those of the other.
  stage.stick(0, 1);
  stage.remove(0, lost);
  stage.until(
    "it is removed",
    () => [0, 1, 2, 3].every((index) => isGone(stage, index, lost)),
    60_000,
  );
  stage.settle();
  expectAll(stage, "v", [0, 1]);
  stage.end();
});

test("a node that starts again does what its first clients ask as any other would: it does not take itself for alone", () => {
  const stage = new Stage({ machines: 3 });
  fill(stage, "v");
  stage.settle();
  stage.crash(0);
  for (const key of KEYS) written(stage.put(1, key, "later"));
  stage.boot(0);
  while (!stage.machine(0).hasStarted) assert.ok(stage.scheduler.step());
  const reads = KEYS.slice(0, 3).map((key) => stage.startRead(0, key, { r: 2 }));
  const demanding = stage.startPut(0, KEYS[3] as Key, "demanded", { w: 2 });
  const conditional = stage.startPut(0, KEYS[4] as Key, "if there", {
    condition: { kind: "exists" },
  });
  for (const read of reads) {
    const outcome = stage.answer(read);
    assert.ok(outcome.kind === "found", JSON.stringify(outcome));
    assert.equal(Buffer.from(outcome.root.payload).toString(), "later");
  }
  written(stage.answer(demanding));
  assert.equal(written(stage.answer(conditional)).quorum.of, 3);
  assert.equal(stage.shown(1, KEYS[4] as Key), "if there");
  stage.settle();
  stage.end();
});
