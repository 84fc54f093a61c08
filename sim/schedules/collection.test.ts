/**
 * Schedules in which what was deleted is collected, and something old comes late: a joiner, an old disk, a slow clock, a
 * frame, a copy kept for others. The ids are those of the list of schedules; N = 3, W = R = 2.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Key } from "../../src/model/key.ts";
import { keyFromText } from "../../src/model/key.ts";
import { Stage, written } from "./stage.ts";

const GRACE_MS = 1_000;

function collecting(machines: number): Stage {
  return new Stage({ machines, shared: { graceMs: GRACE_MS } });
}

/** Waits until no disk holds anything of a deleted key. */
function awaitCollected(stage: Stage, key: Key): void {
  stage.until(`${key} is collected`, () =>
    stage.cluster.staying().every(({ index }) => stage.held(index, key) === undefined),
  );
}

function expectGone(stage: Stage, key: Key): void {
  for (const { index } of stage.cluster.staying()) {
    assert.equal(stage.heldText(index, key), "nothing", `n${index}`);
    assert.equal(stage.shown(index, key), "absent", `n${index}`);
  }
}

test("A1: a joiner gets live cells that are older than what was collected", () => {
  const stage = collecting(3);
  const key = keyFromText("{one}live");
  const deleted = keyFromText("{one}deleted");
  written(stage.put(0, key, "old", { w: 3 }));
  written(stage.put(0, deleted, "v", { w: 3 }));
  written(stage.delete(1, deleted, { w: 3 }));
  awaitCollected(stage, deleted);
  stage.join();
  stage.join();
  stage.until("both have joined", () => stage.isWhole());
  stage.settle();
  for (const at of [0, 1, 2, 3, 4]) assert.equal(stage.shown(at, key), "old");
  expectGone(stage, deleted);
  stage.end();
});

test("A1: an old disk put back brings back nothing that was collected, and loses nothing", () => {
  const stage = collecting(3);
  const key = keyFromText("{one}live");
  const deleted = keyFromText("{one}deleted");
  written(stage.put(0, deleted, "v", { w: 3 }));
  stage.settle();
  const old = stage.machine(1).disk.contents();
  written(stage.put(0, key, "new", { w: 3 }));
  written(stage.delete(2, deleted, { w: 3 }));
  awaitCollected(stage, deleted);
  stage.crash(1);
  stage.machine(1).disk.replace(old);
  assert.equal(stage.heldText(1, deleted), "v");
  stage.reboot(1);
  for (let round = 0; round < 50; round += 1) {
    for (const at of [0, 1, 2]) {
      const shown = stage.shown(at, deleted, { deadlineMs: 1_000 });
      assert.notEqual(shown, "v", `round ${round} at n${at}`);
    }
    stage.runFor(50);
  }
  stage.settle();
  expectGone(stage, deleted);
  assert.equal(stage.heldText(1, key), "new");
  stage.end();
});

test("a node that was away while its cluster deleted brings nothing back: nothing is collected without it", () => {
  const stage = collecting(3);
  const deleted = keyFromText("deleted");
  written(stage.put(0, deleted, "v", { w: 3 }));
  stage.settle();
  stage.crash(1);
  written(stage.delete(0, deleted, { w: 2 }));
  stage.runFor(60 * GRACE_MS);
  assert.equal(stage.heldText(0, deleted), "tombstone");
  stage.reboot(1);
  awaitCollected(stage, deleted);
  stage.settle();
  expectGone(stage, deleted);
  stage.end();
});

for (const behindMs of [30_000, 600_000, 2 * 3_600_000]) {
  test(`A2, E8: a write by a clock ${behindMs / 1_000} s slow, below what was collected, is stored and stays`, () => {
    const stage = collecting(4);
    const key = stage.keyOn(0, 1, 2);
    written(stage.put(0, key, "old", { w: 3 }));
    written(stage.delete(0, key, { w: 3 }));
    awaitCollected(stage, key);
    stage.crash(3);
    stage.machine(3).clock.step(-behindMs);
    stage.reboot(3);
    stage.until("connections stand again", () => stage.isWhole());
    written(stage.put(3, key, "late", { w: 2 }));
    const holders = (): number =>
      [0, 1, 2].filter((index) => stage.heldText(index, key) === "late").length;
    assert.ok(holders() >= 2);
    // Through many more rounds of collection.
    for (let round = 0; round < 20; round += 1) {
      stage.runFor(GRACE_MS);
      assert.equal(stage.shown(round % 4, key), "late");
    }
    stage.settle();
    assert.equal(holders(), 3);
    stage.end();
  });
}

test("a frame that comes after collection brings nothing back", () => {
  const stage = collecting(4);
  const key = stage.keyOn(0, 1, 2);
  written(stage.put(0, key, "settled", { w: 3 }));
  // The frame to node 2 leaves and does not arrive; its sender ends, and so promises nothing of it any more.
  Object.assign(stage.links.link(3, 2), { blocksStreams: true });
  written(stage.put(3, key, "delayed", { w: 2, deadlineMs: 60_000 }));
  stage.cluster.crash(stage.machine(3), "process");
  stage.reboot(3);
  written(stage.delete(1, key, { w: 3 }));
  stage.until(
    "all have collected",
    () => [0, 1, 2].every((index) => stage.held(index, key) === undefined),
    // A stalled connection breaks after eight seconds at the earliest.
    7_500,
  );
  stage.links.heal();
  for (let round = 0; round < 40; round += 1) {
    stage.runFor(100);
    assert.equal(stage.shown(round % 4, key), "absent");
  }
  stage.settle();
  expectGone(stage, key);
  stage.end();
});

test("A2: a sole copy kept for others by one that is cut off is not below what they collect meanwhile", () => {
  const stage = collecting(5);
  const key = stage.keyOn(0, 1, 2);
  const deleted = stage.keyOn(0, 1, 2);
  written(stage.put(0, deleted, "v", { w: 3 }));
  stage.settle();
  stage.cut([3], [0, 1, 2, 4]);
  // Acknowledged by node 3 alone, which is no primary.
  const { quorum } = written(stage.put(3, key, "sole copy"));
  assert.deepEqual(quorum, { acks: 0, of: 3, hinted: 1 });
  const other = keyFromText("elsewhere");
  written(stage.put(0, other, "v"));
  written(stage.delete(0, other));
  stage.runFor(60 * GRACE_MS);
  stage.heal();
  stage.settle();
  for (const index of [0, 1, 2]) assert.equal(stage.heldText(index, key), "sole copy");
  assert.equal(stage.heldText(3, key), "nothing");
  awaitCollected(stage, other);
  stage.end();
});

test("E7: sole copies of slots that changed hands meanwhile are taken all the same", () => {
  const stage = collecting(3);
  const keys = Array.from({ length: 60 }, (_none, index) => keyFromText(`k${index}`));
  stage.cut([0], [1, 2]);
  for (const key of keys) written(stage.put(0, key, "sole copy"));
  // A fourth takes slots over from those it can reach; node 0 hears of it only later.
  const joiner = stage.cluster.addMachine({
    skewMs: 0,
    zone: "",
    weight: 1,
    peers: [stage.machine(1).address],
  });
  stage.cut([0], [3]);
  stage.cluster.boot(joiner);
  stage.until("it has joined", () => joiner.node?.status().phase === "ready");
  stage.runFor(2_000);
  const deleted = keyFromText("deleted");
  written(stage.put(1, deleted, "v"));
  written(stage.delete(1, deleted));
  stage.runFor(40 * GRACE_MS);
  stage.heal();
  stage.settle();
  for (const key of keys) assert.equal(stage.shown(3, key), "sole copy", key);
  awaitCollected(stage, deleted);
  stage.end();
});

test("a value that has expired is collected on every node, whatever the clocks say to one another", () => {
  const stage = collecting(3);
  stage.machine(0).clock.step(20_000);
  stage.machine(1).clock.step(-20_000);
  const key = keyFromText("k");
  written(stage.put(2, key, "v", { ttlMs: 2_000, w: 3 }));
  awaitCollected(stage, key);
  stage.settle();
  expectGone(stage, key);
  stage.end();
});

test("B7: a damaged copy is not absent: neither a read nor a condition takes it for that", () => {
  const stage = new Stage({ machines: 4 });
  const key = stage.keyOn(0, 1, 2);
  stage.cut([2], [0, 1, 3]);
  written(stage.put(0, key, "v", { w: 2 }));
  stage.heal();
  stage.cut([1], [0, 2, 3]);
  stage.cut([2], [0, 1, 3]);
  // Left are a damaged copy and, in a moment, one that never had it.
  stage.crash(0);
  assert.ok(stage.machine(0).disk.rot((storageKey) => storageKey.includes(key)) !== undefined);
  stage.reboot(0);
  stage.links.heal();
  stage.cut([1], [0, 2, 3]);
  for (let round = 0; round < 20; round += 1) {
    const shown = stage.shown(round % 2 === 0 ? 0 : 3, key, { deadlineMs: 500 });
    assert.notEqual(shown, "absent", `round ${round}`);
    const condition = { kind: "absent" } as const;
    const outcome = stage.put(3, key, "twice", { condition, deadlineMs: 500 });
    assert.notEqual(outcome.kind, "written", `round ${round}`);
  }
  stage.heal();
  stage.settle();
  for (const index of [0, 1, 2]) assert.equal(stage.heldText(index, key), "v");
  stage.end();
});

test("B8: a node whose disk is from yesterday has no vote: what it acknowledged is not absent", () => {
  const stage = new Stage({ machines: 4 });
  const key = stage.keyOn(0, 1, 2);
  stage.settle();
  const old = stage.machine(0).disk.contents();
  stage.runFor(10_000);
  stage.cut([2], [0, 1, 3]);
  written(stage.put(3, key, "v", { w: 2 }));
  assert.equal(stage.heldText(2, key), "nothing");
  stage.runFor(5_000);
  stage.crash(0);
  stage.machine(0).disk.replace(old);
  stage.reboot(0);
  stage.until("it knows", () => (stage.status(0).counters["amnesia-found"] ?? 0) > 0, 10_000);
  stage.cut([1], [0, 2, 3]);
  stage.links.heal();
  stage.cut([1], [0, 2, 3]);
  // Of its three primaries one is out of reach, one never had it, one has forgotten it.
  for (let round = 0; round < 20; round += 1) {
    assert.notEqual(stage.shown(round % 2 === 0 ? 0 : 3, key, { deadlineMs: 500 }), "absent");
  }
  stage.heal();
  stage.settle();
  for (const index of [0, 1, 2]) assert.equal(stage.heldText(index, key), "v");
  stage.end();
});

test("E15: a read that must see a delete is answered when the delete is collected, and one that must see more is told what there is", () => {
  const stage = collecting(3);
  const key = keyFromText("deleted");
  const other = keyFromText("{deleted}other");
  written(stage.put(0, key, "v", { w: 3 }));
  const deleted = written(stage.delete(1, key, { w: 3 })).stamp;
  awaitCollected(stage, key);
  for (const at of [0, 1, 2]) {
    stage.until(`n${at} names what it has collected`, () => {
      const outcome = stage.read(at, key, { after: deleted, deadlineMs: 500 });
      return outcome.kind === "absent";
    });
  }
  // The stamp of another key, which this one never had: no replica can satisfy it, and none pretends to.
  const held = written(stage.put(0, key, "again", { w: 3 })).stamp;
  const alien = written(stage.put(0, other, "v", { w: 3 })).stamp;
  const outcome = stage.read(2, key, { after: alien, deadlineMs: 500 });
  assert.ok(outcome.kind === "failed" && outcome.code === "too-new", outcome.kind);
  assert.deepEqual(outcome.newest, held);
  stage.end();
});
