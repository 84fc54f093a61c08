/**
 * Schedules of writes that met each other, or slow nodes and wrong clocks, and lost or doubled in some draft. The ids are
 * those of the list of schedules; N = 3, W = R = 2.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keyFromText } from "../../src/model/key.ts";
import { compareStamps, type Stamp } from "../../src/model/stamp.ts";
import { Stage, written } from "./stage.ts";

const HOUR_MS = 3_600_000;
/** Beyond what a clock follows. */
const AHEAD_MS = 600_000;

test("A6: a primary that pauses for 20 ms is not replaced, so the next read meets the write", () => {
  const stage = new Stage({ machines: 4 });
  const key = stage.keyOn(0, 1, 2);
  written(stage.put(3, key, "old", { w: 3 }));
  const { process } = stage.machine(1);
  assert.ok(process !== undefined);
  stage.scheduler.pause(process);
  const put = stage.startPut(0, key, "new");
  stage.runFor(20);
  const { quorum } = written(stage.answer(put));
  assert.deepEqual(quorum, { acks: 2, of: 3, hinted: 0 });
  stage.scheduler.resume(process);
  for (const at of [0, 1, 2, 3]) assert.equal(stage.shown(at, key), "new");
  stage.settle();
  assert.equal(stage.heldText(3, key), "nothing");
  stage.end();
});

test("A6: a fallback takes part only once patience is spent, and the answer says so", () => {
  const stage = new Stage({ machines: 4 });
  const key = stage.keyOn(0, 1, 2);
  for (const index of [1, 2]) {
    const { process } = stage.machine(index);
    assert.ok(process !== undefined);
    stage.scheduler.pause(process);
  }
  const put = stage.startPut(0, key, "v");
  stage.runFor(200);
  assert.equal(put.outcome, undefined);
  assert.equal(stage.heldText(3, key), "nothing");
  const { quorum } = written(stage.answer(put));
  assert.equal(quorum.acks, 1);
  assert.equal(quorum.hinted, 1);
  assert.equal(stage.heldText(3, key), "v");
  for (const index of [1, 2]) {
    const { process } = stage.machine(index);
    if (process !== undefined) stage.scheduler.resume(process);
  }
  stage.settle();
  assert.equal(stage.heldText(3, key), "nothing");
  stage.end();
});

test("A8: a clock that runs an hour ahead costs no copies, and who writes after it still wins", () => {
  const stage = new Stage({ machines: 3 });
  const key = stage.keyOn(0, 1, 2);
  stage.machine(0).clock.step(HOUR_MS);
  const wild = written(stage.put(0, key, "from the future", { w: 3 }));
  assert.equal(wild.quorum.acks, 3);
  const later = written(stage.put(1, key, "later", { w: 3 }));
  assert.ok(compareStamps(later.stamp, wild.stamp) > 0);
  assert.equal(stage.status(1).counters["writes-restamped"], 1);
  for (const at of [0, 1, 2]) assert.equal(stage.shown(at, key), "later");
  stage.machine(0).clock.step(-HOUR_MS);
  const last = written(stage.put(0, key, "last", { w: 3 }));
  assert.ok(compareStamps(last.stamp, later.stamp) > 0);
  // The clock that was set right stamps other keys by the time of day again.
  const other = written(stage.put(0, stage.keyOn(1, 0, 2), "other"));
  assert.ok(other.stamp.ms < wild.stamp.ms || other.stamp.boot !== wild.stamp.boot);
  stage.settle();
  stage.end();
});

test("A8: a clock an hour behind refuses nobody and is refused by nobody", () => {
  const stage = new Stage({ machines: 3 });
  const key = stage.keyOn(0, 1, 2);
  stage.machine(2).clock.step(-HOUR_MS);
  const first = written(stage.put(0, key, "first", { w: 3 }));
  const second = written(stage.put(2, key, "second", { w: 3 }));
  assert.ok(compareStamps(second.stamp, first.stamp) > 0);
  for (const at of [0, 1, 2]) assert.equal(stage.shown(at, key), "second");
  stage.settle();
  stage.end();
});

test("B1: a write stamped below the one acknowledged before it is pushed back, and wins over the one acknowledged before it", () => {
  const stage = new Stage({ machines: 4 });
  const key = stage.keyOn(0, 1, 2);
  // So far ahead that nobody's clock follows: without a push-back the second would be stamped below the first.
  stage.machine(0).clock.step(AHEAD_MS);
  const first = written(stage.put(0, key, "first"));
  const second = written(stage.put(3, key, "second"));
  assert.equal(stage.status(3).counters["writes-restamped"], 1);
  assert.ok(compareStamps(second.stamp, first.stamp) > 0);
  assert.equal(stage.shown(1, key), "second");
  stage.settle();
  stage.end();
});

test("B1: what was acknowledged by two is met through the third's silence", () => {
  const stage = new Stage({ machines: 4 });
  const key = stage.keyOn(0, 1, 2);
  stage.machine(0).clock.step(AHEAD_MS);
  stage.cut([2], [0, 1, 3]);
  const first = written(stage.put(0, key, "first"));
  stage.heal();
  // Node 2 has not seen the first write: it takes the second as it is, and the others push it back.
  const second = written(stage.put(3, key, "second"));
  assert.equal(stage.status(3).counters["writes-restamped"], 1);
  assert.ok(compareStamps(second.stamp, first.stamp) > 0);
  stage.settle();
  for (const index of [0, 1, 2]) assert.equal(stage.heldText(index, key), "second");
  stage.end();
});

test("B2: a conditional write that a blind one overtook is judged anew", () => {
  const stage = new Stage({ machines: 3 });
  const key = stage.keyOn(0, 1, 2);
  const { stamp } = written(stage.put(0, key, "v1", { w: 3 }));
  // Both at once: whichever comes first, "v2" must be there in the end, or have been seen by the other.
  const conditional = stage.startPut(1, key, "v1x", { condition: { kind: "stamp-is", stamp } });
  const blind = stage.startPut(2, key, "v2");
  const outcome = stage.answer(conditional);
  const over = written(stage.answer(blind));
  if (outcome.kind === "written") assert.ok(compareStamps(over.stamp, outcome.stamp) > 0);
  else assert.equal(outcome.kind, "condition-failed");
  stage.settle();
  for (const index of [0, 1, 2]) assert.equal(stage.heldText(index, key), "v2");
  stage.end();
});

test("B2: of many conditional writes on one state, at several nodes at once, one is done", () => {
  const stage = new Stage({ machines: 3 });
  const key = stage.keyOn(0, 1, 2);
  const all = [0, 1, 2, 0, 1, 2].map((at, index) =>
    stage.startPut(at, key, `v${index}`, { condition: { kind: "absent" } }),
  );
  const done = all.map((asked) => stage.answer(asked)).filter(({ kind }) => kind === "written");
  assert.equal(done.length, 1);
  stage.settle();
  stage.end();
});

test("B3: a forwarded conditional write whose answer is lost is not done twice, and not said to be undone", () => {
  const stage = new Stage({ machines: 4 });
  const key = stage.keyOn(0, 1, 2);
  const first = stage.node(3).locate(key).primaries[0];
  const executor = [0, 1, 2].find((index) => stage.id(index) === first);
  assert.ok(executor !== undefined);
  // It reaches the executor, whose answer does not come back.
  stage.cutOneWay(executor, 3);
  const asked = stage.startPut(3, key, "once", {
    condition: { kind: "absent" },
    deadlineMs: 2_000,
  });
  const outcome = stage.answer(asked);
  assert.ok(outcome.kind === "failed" && outcome.stored === "maybe", JSON.stringify(outcome));
  stage.heal();
  stage.settle();
  assert.equal(stage.shown(3, key), "once");
  const again = stage.put(3, key, "twice", { condition: { kind: "absent" } });
  assert.equal(again.kind, "condition-failed");
  stage.end();
});

test("B11: what a read with r showed, later ones show too, though one replica alone had it", () => {
  const stage = new Stage({ machines: 3 });
  const key = stage.keyOn(0, 1, 2);
  written(stage.put(0, key, "old", { w: 3 }));
  // The write reaches its own node alone, and is not answered as done.
  stage.cut([0], [1, 2]);
  stage.startPut(0, key, "new", { w: 3, deadlineMs: 1_000 });
  stage.runFor(1_500);
  assert.equal(stage.heldText(0, key), "new");
  stage.heal();
  stage.until("connections stand again", () => stage.isWhole());
  assert.equal(stage.shown(1, key, { r: 3 }), "new");
  stage.cut([0], [1, 2]);
  assert.equal(stage.shown(1, key), "new");
  assert.equal(stage.shown(2, key), "new");
  stage.heal();
  stage.settle();
  stage.end();
});

test("B1: a write superseded by a concurrent one is acknowledged, and counted as discarded", () => {
  const stage = new Stage({ machines: 3 });
  const key = stage.keyOn(0, 1, 2);
  const all = Array.from({ length: 12 }, (_none, index) =>
    stage.startPut(index % 3, key, `v${index}`),
  );
  const stamps = all.map((asked) => written(stage.answer(asked)).stamp);
  assert.equal(new Set(stamps.map(({ ms, counter, boot }) => `${ms}.${counter}.${boot}`)).size, 12);
  stage.settle();
  const texts = new Set([0, 1, 2].map((index) => stage.heldText(index, key)));
  assert.equal(texts.size, 1);
  stage.end();
});

test("E16: of two nodes one is dead: a write is answered as soon as that is known", () => {
  const stage = new Stage({ machines: 2 });
  const key = stage.keyOn(0, 1);
  stage.crash(1);
  const dead = stage.machine(1);
  stage.until("the death is known", () =>
    stage.status(0).members.some(({ liveness }) => liveness === "dead"),
  );
  const fromMs = stage.scheduler.nowMs;
  const { quorum } = written(stage.put(0, key, "v"));
  assert.equal(quorum.acks, 1);
  assert.ok(stage.scheduler.nowMs - fromMs < 100, `${stage.scheduler.nowMs - fromMs} ms`);
  stage.cluster.boot(dead);
  stage.settle();
  assert.equal(stage.heldText(1, key), "v");
  stage.end();
});

// Goal: who writes after an acknowledged write wins over it, also where one of the two is a delete and the clock is slow.
// Method: the first is stamped by a node ahead and reaches two or three primaries; the second comes from a node behind,
// which nobody told of the first. Beyond what a clock follows, a start of the primaries forgets all but the cells.
for (const second of ["delete", "put"] as const) {
  for (const { aheadMs, isRestarted } of [
    { aheadMs: 2_000, isRestarted: false },
    { aheadMs: AHEAD_MS, isRestarted: false },
    { aheadMs: AHEAD_MS, isRestarted: true },
  ]) {
    const start = isRestarted ? ", after a restart" : "";
    test(`E4: a ${second} stamped ${aheadMs} ms below what was acknowledged before it wins${start}`, () => {
      const [fast, slow] = [3, 4] as const;
      for (const missing of [undefined, 1]) {
        const stage = new Stage({ machines: 5 });
        const key = stage.keyOn(0, 1, 2);
        const write = (at: number, what: "delete" | "put", text: string): Stamp =>
          written(what === "delete" ? stage.delete(at, key) : stage.put(at, key, text)).stamp;
        written(stage.put(slow, key, "old", { w: 3 }));
        stage.machine(fast).clock.step(aheadMs);
        const reached = [0, 1, 2].filter((index) => index !== missing);
        stage.cut([fast], missing === undefined ? [slow] : [missing, slow]);
        if (missing !== undefined) stage.cut([missing], reached);
        const first = write(fast, second === "delete" ? "put" : "delete", "first");
        if (isRestarted) {
          for (const index of [0, 1, 2]) stage.crash(index);
          for (const index of [0, 1, 2]) stage.reboot(index);
          stage.runFor(2_000);
        }
        const later = write(slow, second, "second");
        const where = `missed by ${missing ?? "nobody"}`;
        assert.ok(compareStamps(later, first) > 0, where);
        const shown = second === "delete" ? "absent" : "second";
        for (const at of [...reached, slow]) assert.equal(stage.shown(at, key), shown, where);
        stage.heal();
        stage.settle();
        const held = second === "delete" ? "tombstone" : "second";
        for (const index of [0, 1, 2]) assert.equal(stage.heldText(index, key), held, where);
        stage.end();
      }
    });
  }
}

test("writes that one commit makes durable are acknowledged in one frame, and each is answered", () => {
  const lines: string[] = [];
  const stage = new Stage({ machines: 3, sink: (line) => void lines.push(line) });
  const puts = Array.from({ length: 20 }, (_none, index) =>
    stage.startPut(0, keyFromText(`k${index}`), `v${index}`, { w: 3 }),
  );
  for (const put of puts) written(stage.answer(put));
  assert.ok(lines.some((line) => line.includes("write-acks")));
  stage.settle();
  stage.end();
});
