import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeIdFrom } from "../../model/ids.ts";
import { Suspicion, suspicionMs } from "./suspicion.ts";
import { ceilLog2, SWIM_CONFIG_DEFAULT } from "./swim-config.ts";

const config = { ...SWIM_CONFIG_DEFAULT, suspicionMinMs: 1_000, suspicionMaxFactor: 3 };

test("a suspicion starts long and shrinks to the shortest with each confirmation", () => {
  const lasts = [0, 1, 2, 3].map((confirmations) =>
    suspicionMs({ config, memberCount: 9, others: 7, confirmations }),
  );
  assert.deepEqual(lasts, [3_000, 1_738, 1_000, 1_000]);
});

test("where fewer can confirm, fewer need to", () => {
  const ask = (others: number, confirmations: number): number =>
    suspicionMs({ config, memberCount: others + 2, others, confirmations });
  assert.equal(ask(1, 0), 3_000);
  assert.equal(ask(1, 1), 1_000);
  assert.equal(ask(0, 0), 1_500);
});

test("large clusters give more time", () => {
  const ask = (memberCount: number): number =>
    suspicionMs({ config, memberCount, others: memberCount - 2, confirmations: 2 });
  assert.equal(ask(32), 1_000);
  assert.equal(ask(1_000), Math.floor((1_000 * 10) / 6));
});

test("an accuser counts once, the first one is no confirmation, and no more are kept than matter", () => {
  const suspicion = new Suspicion(1, 0);
  assert.equal(suspicion.confirmations, 0);
  assert.equal(suspicion.accuse(nodeIdFrom(0, 1), 3), true);
  assert.equal(suspicion.accuse(nodeIdFrom(0, 1), 3), false);
  assert.equal(suspicion.confirmations, 0);
  assert.equal(suspicion.accuse(nodeIdFrom(0, 2), 3), true);
  assert.equal(suspicion.accuse(nodeIdFrom(0, 3), 3), true);
  assert.equal(suspicion.accuse(nodeIdFrom(0, 4), 3), false);
  assert.equal(suspicion.confirmations, 2);
});

test("time lost by a stall is given back, but not without end", () => {
  const suspicion = new Suspicion(1, 100);
  suspicion.giveBack(5_000, 6_000);
  assert.equal(suspicion.deadlineMs(1_000), 6_100);
  assert.equal(suspicion.deadlineMs(100), 6_000);
  for (let times = 0; times < 1_000; times += 1) suspicion.giveBack(1_000, 0);
  assert.ok(suspicion.deadlineMs(1_000) < 30_000);
});

test("the integer logarithm rounds up", () => {
  const logarithms = [1, 2, 3, 4, 5, 8, 9, 1_024, 1_025].map(ceilLog2);
  assert.deepEqual(logarithms, [0, 1, 2, 2, 3, 3, 4, 10, 11]);
});
