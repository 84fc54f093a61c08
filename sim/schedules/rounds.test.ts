/**
 * Schedules that a reader of the code found against collection and amnesia as they were first built. Each failed on that
 * code, under several seeds, and names the step that lets what was deleted return, or what was acknowledged be lost.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Key, keyFromText } from "../../src/model/key.ts";
import { Stage, written } from "./stage.ts";

const GRACE_MS = 1_000;

// Goal: what one primary brings to the driver of a round between two of its comparisons is given to all before C rises.
// Method: deletes are known to the last primary alone, which is cut off from the one compared first; wires of several lengths
// let its exchange with the driver fall between the two comparisons in some of the slots.
test("a delete that reaches the driver in the middle of a round is not forgotten before all have it", () => {
  for (const seed of [42, 43, 46, 51]) {
    const stage = new Stage({ machines: 3, shared: { graceMs: GRACE_MS }, seed });
    const [driver, first, last] = [0, 1, 2]
      .map((index) => ({ index, id: stage.id(index) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ index }) => index) as [number, number, number];
    const delay = (ms: number): void => {
      for (const peer of [first, last]) {
        stage.links.link(driver, peer).delayMs = ms;
        stage.links.link(peer, driver).delayMs = ms;
      }
    };
    const keys = Array.from({ length: 60 }, (_none, index) => keyFromText(`{t${index}}k`));
    const others = Array.from({ length: 60 }, (_none, index) => keyFromText(`{t${index}}o`));
    for (const key of [...keys, ...others]) stage.startPut(driver, key, "v", { w: 3 });
    stage.runFor(3_000);
    stage.settle();
    stage.cut([last], [driver, first]);
    stage.runFor(15_000);
    for (const key of keys) stage.startDelete(last, key);
    // So that the driver has something to collect in these slots by itself.
    for (const key of others) stage.startDelete(driver, key);
    stage.runFor(8_000);
    stage.heal();
    stage.cut([last], [first]);
    delay(100);
    stage.runFor(6_000);
    stage.heal();
    delay(0.3);
    stage.runFor(20_000);
    const isBack = (key: Key): boolean => [0, 1, 2].some((at) => stage.heldText(at, key) === "v");
    assert.deepEqual(keys.filter(isBack), [], `seed ${seed}`);
  }
});

test("E14: copies of different moments, all put back at once, bring back nothing that one of them had collected", () => {
  const stage = new Stage({ machines: 4, shared: { graceMs: GRACE_MS } });
  const key = stage.keyOn(0, 1, 2);
  written(stage.put(0, key, "v", { w: 3 }));
  stage.settle();
  const copies = [stage.machine(0).disk.contents()];
  written(stage.delete(1, key, { w: 3 }));
  stage.until("it is collected", () => [0, 1, 2].every((at) => stage.held(at, key) === undefined));
  stage.settle();
  stage.runFor(5_000);
  copies.push(stage.machine(1).disk.contents(), stage.machine(2).disk.contents());
  // The fourth hears of later commits of all three.
  for (let index = 0; index < 40; index += 1) {
    written(stage.put(3, keyFromText(`later${index}`), "x", { w: 2 }));
  }
  stage.runFor(5_000);
  for (const [at, copy] of copies.entries()) {
    stage.crash(at);
    stage.machine(at).disk.replace(copy);
  }
  for (const at of [0, 1, 2]) stage.boot(at);
  stage.runFor(30_000);
  for (const at of [0, 1, 2]) {
    assert.ok((stage.status(at).counters["amnesia-found"] ?? 0) > 0, `n${at} was told`);
    assert.equal(stage.heldText(at, key), "nothing", `n${at}`);
    assert.equal(stage.shown(at, key), "absent", `n${at}`);
  }
});

test("a member that joined with a clock two hours slow loses no write that it alone took", () => {
  const behindMs = 7_200_000;
  const stage = new Stage({ machines: 4, shared: { graceMs: GRACE_MS } });
  stage.runFor(behindMs + 100_000);
  const keys = Array.from({ length: 120 }, (_none, index) => keyFromText(`d${index}`));
  for (const key of keys) written(stage.put(0, key, "v"));
  for (const key of keys) written(stage.delete(0, key));
  stage.until("all are collected", () =>
    [0, 1, 2, 3].every((at) => keys.every((key) => stage.held(at, key) === undefined)),
  );
  const peers = [stage.machine(0).address];
  const slow = stage.cluster.addMachine({ skewMs: -behindMs, zone: "", weight: 1, peers });
  stage.cluster.boot(slow);
  stage.until("it has joined", () => stage.isWhole());
  stage.settle();
  const isElsewhere = (key: Key): boolean =>
    !stage.node(0).locate(key).primaries.includes(stage.id(slow.index));
  const sole = keys.filter(isElsewhere).slice(0, 10);
  stage.cut([slow.index], [0, 1, 2, 3]);
  for (const key of sole) written(stage.put(slow.index, key, "sole"));
  stage.runFor(2_000);
  stage.heal();
  stage.runFor(60_000);
  assert.deepEqual(
    sole.map((key) => stage.shown(0, key)),
    sole.map(() => "sole"),
  );
});

// Goal: a node that lost commits does not count among those from whom a joiner learns what was acknowledged.
// Method: writes are acknowledged by two of three primaries; one of them is put back from before, the other is cut off. What
// the joiner could copy from the rest lacks them, so it must not become a primary before the third is back.
test("a joiner is not filled by a node that lost commits and one that never had them", () => {
  const stage = new Stage({ machines: 4 });
  stage.settle();
  const [away, forgetful, unaware, asker] = [0, 1, 2, 3];
  const keys: Key[] = [];
  for (let index = 0; keys.length < 60; index += 1) {
    const key = keyFromText(`k${index}`);
    const { primaries } = stage.node(0).locate(key);
    if ([away, forgetful, unaware].every((at) => primaries.includes(stage.id(at)))) keys.push(key);
  }
  const copy = stage.machine(forgetful).disk.contents();
  stage.runFor(5_000);
  stage.cut([unaware], [away, forgetful, asker]);
  for (const key of keys) written(stage.put(asker, key, "v", { w: 2 }));
  stage.runFor(4_000);
  stage.crash(forgetful);
  stage.machine(forgetful).disk.replace(copy);
  stage.heal();
  stage.cut([away], [forgetful, unaware, asker]);
  stage.reboot(forgetful);
  stage.until("it is told what it lost", () => {
    return (stage.status(forgetful).counters["amnesia-found"] ?? 0) > 0;
  });
  const peers = [stage.machine(unaware).address];
  const joiner = stage.cluster.addMachine({ skewMs: 0, zone: "", weight: 1, peers });
  stage.cut([away], [joiner.index]);
  stage.cluster.boot(joiner);
  stage.runFor(40_000);
  assert.equal(stage.status(joiner.index).phase, "joining");
  assert.deepEqual(
    keys.filter((key) => stage.shown(asker, key, { deadlineMs: 500 }) === "absent"),
    [],
  );
});
