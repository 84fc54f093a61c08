/**
 * Schedules about C, the stamp up to which a slot is collected: who may take it over, when it may be named, and what goes by
 * it. Up to the greater C its side is right, so a C that was not earned has others drop what they hold. The ids are those of
 * the list of schedules; N = 3, W = R = 2.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cellKey } from "../../src/core/causality/storage-key.ts";
import { slotOfKey } from "../../src/core/placement/slot-of-key.ts";
import { type Key, keyFromText } from "../../src/model/key.ts";
import { compareStamps } from "../../src/model/stamp.ts";
import { SYNC_MS } from "../disk.ts";
import { Stage, written } from "./stage.ts";

const GRACE_MS = 1_000;
const TTL_MS = 30_000;

/** Tags of keys whose slots a machine is the first primary of: it drives their collection. */
function tagsDrivenBy(stage: Stage, driver: number, count: number): string[] {
  const tags: string[] = [];
  for (let index = 0; tags.length < count; index += 1) {
    const tag = `{t${index}}`;
    const { primaries } = stage.node(0).locate(keyFromText(tag));
    if (primaries[0] === stage.id(driver)) tags.push(tag);
  }
  return tags;
}

function holds(stage: Stage, index: number, key: Key): boolean {
  const storageKey = cellKey(slotOfKey(key), key, undefined);
  return stage.machine(index).disk.get(storageKey) !== undefined;
}

/** Cells that exchanges have carried, and reads have sent, to whoever lacked them. */
function cellsMoved(stage: Stage): number {
  const counters = stage.cluster.counters();
  return ["exchange-cells-pulled", "exchange-cells-pushed", "read-repairs"]
    .map((name) => counters.get(name) ?? 0)
    .reduce((sum, count) => sum + count);
}

// Goal: a node that fills up names a C only once it holds all that goes with it.
// Method: all three hold live keys in several slots, and one of them alone has collected these. A joiner takes the slots from
// that one, page by page, until they are cut off from each other in the middle of a slot; then it meets the two others.
test("E1: a joiner that got a part of what is collected up to C takes nothing from those with a lesser C", () => {
  for (const seed of [1, 2]) {
    const stage = new Stage({ machines: 3, shared: { graceMs: GRACE_MS }, seed });
    const tags = tagsDrivenBy(stage, 0, 3);
    // A page holds four of these.
    const value = "v".repeat(120_000);
    const liveOf = (tag: string): Key[] =>
      [0, 1, 2, 3, 4].map((index) => keyFromText(`${tag}live${index}`));
    const live = tags.flatMap(liveOf);
    const deleted = tags.map((tag) => keyFromText(`${tag}deleted`));
    for (const key of live) written(stage.put(0, key, value, { w: 3 }));
    for (const key of deleted) written(stage.put(0, key, "v", { w: 3 }));
    stage.settle();
    for (const other of [1, 2]) stage.links.link(0, other).delayMs = 200;
    for (const key of deleted) stage.startDelete(0, key);
    stage.until("the driver has collected", () => deleted.every((key) => !holds(stage, 0, key)));
    // The word to collect is on its way to the others, and arrives nowhere.
    for (const other of [1, 2]) {
      stage.crash(other);
      for (const key of deleted) assert.equal(stage.heldText(other, key), "tombstone");
      stage.links.link(0, other).delayMs = 0.3;
    }
    stage.cut([0], [1, 2]);
    const peers = [stage.machine(0).address];
    const joiner = stage.cluster.addMachine({ skewMs: 0, zone: "", weight: 1, peers });
    const { index } = joiner;
    stage.cut([index], [1, 2]);
    stage.links.link(0, index).bytesPerMs = 1_000;
    for (const machine of [stage.machine(1), stage.machine(2), joiner]) stage.cluster.boot(machine);
    const got = (tag: string): number =>
      liveOf(tag).filter((key) => holds(stage, index, key)).length;
    stage.until("it has its first page", () => tags.some((tag) => got(tag) > 0));
    stage.heal();
    stage.cut([0], [1, 2, index]);
    assert.ok(tags.some((tag) => got(tag) > 0 && got(tag) < liveOf(tag).length));
    for (let round = 0; round < 20; round += 1) {
      stage.runFor(500);
      for (const at of [1, 2]) {
        assert.deepEqual(
          live.filter((key) => !holds(stage, at, key)),
          [],
          `seed ${seed}: n${at} dropped them`,
        );
      }
    }
    stage.heal();
    stage.links.link(0, index).bytesPerMs = Number.POSITIVE_INFINITY;
    stage.until("it has joined", () => stage.isWhole());
    stage.settle();
    for (const key of live) assert.equal(stage.shown(index, key), value);
    stage.end();
  }
});

// Goal: a primary that is still dropping what its C allows gives none of it to those who have dropped it.
// Method: many slots are collected at once, and the disk of one primary is slow: it is at it while others compare with it.
test("E1: what one primary has not dropped yet does not return to those who have", () => {
  for (const slow of [0, 1, 2]) {
    const stage = new Stage({ machines: 3, shared: { graceMs: GRACE_MS }, seed: 1 + slow });
    const keys = tagsDrivenBy(stage, 0, 60).map((tag) => keyFromText(`${tag}k`));
    for (const key of keys) stage.startPut(0, key, "v", { w: 3 });
    stage.runFor(2_000);
    for (const key of keys) stage.startDelete(0, key, { w: 3 });
    stage.runFor(500);
    stage.machine(slow).disk.fault({ syncMs: 400 });
    const well = [0, 1, 2].filter((index) => index !== slow);
    const held = (at: number): Key[] => keys.filter((key) => holds(stage, at, key));
    stage.until("the others have dropped all", () => well.every((at) => held(at).length === 0));
    const left = held(slow).length;
    assert.ok(left > keys.length / 2, `${left} left at n${slow}`);
    stage.until("so has it", () => {
      for (const at of well) assert.deepEqual(held(at), [], `back at n${at} from n${slow}`);
      return held(slow).length === 0;
    });
    stage.machine(slow).disk.fault({ syncMs: SYNC_MS });
    stage.settle();
    for (const at of [0, 1, 2]) assert.deepEqual(held(at), [], `n${at}`);
    stage.end();
  }
});

// Goal: an expired value goes by C alone, everywhere at once, and not by the clock of whoever looks: or one would drop what
// another, with the same C and a slower clock, brings back, for as long as that clock is behind.
// Method: C is driven past the stamp of a value that has expired by one clock and not by the others.
test("E13: a value that has expired by one clock is kept everywhere until C has passed its end", () => {
  for (const [ahead, aheadMs] of [60_000, 600_000, 40_000].entries()) {
    const stage = new Stage({ machines: 3, shared: { graceMs: GRACE_MS }, seed: 1 + ahead });
    stage.machine(ahead).clock.step(aheadMs);
    const [at, other] = [0, 1, 2].filter((index) => index !== ahead) as [number, number];
    const key = keyFromText("{one}expires");
    const endMs = stage.scheduler.nowMs + TTL_MS - GRACE_MS;
    const { stamp } = written(stage.put(at, key, "v", { ttlMs: TTL_MS, w: 3 }));
    let drives = 0;
    while (stage.scheduler.nowMs < endMs) {
      const deleted = keyFromText(`{one}deleted${drives}`);
      drives += 1;
      written(stage.put(other, deleted, "v", { w: 3 }));
      const last = written(stage.delete(other, deleted, { w: 3 }));
      assert.ok(compareStamps(last.stamp, stamp) > 0);
      stage.until("C has passed it", () => [0, 1, 2].every((one) => !holds(stage, one, deleted)));
      const isOver = stage.scheduler.nowMs >= endMs;
      for (const one of [0, 1, 2]) {
        assert.ok(isOver || holds(stage, one, key), `n${one} dropped it`);
      }
      if (!isOver) assert.equal(stage.shown(other, key), "v");
    }
    assert.ok(drives > 3);
    stage.until("all have dropped it", () => [0, 1, 2].every((one) => !holds(stage, one, key)));
    stage.settle();
    const moved = cellsMoved(stage);
    stage.runFor(30_000);
    assert.equal(cellsMoved(stage), moved, "there is nothing left to repair");
    for (const one of [0, 1, 2]) assert.ok(!holds(stage, one, key), `n${one}`);
    stage.end();
  }
});
