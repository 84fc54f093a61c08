import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../base/prng.ts";
import { nodeIdFrom } from "../../model/ids.ts";
import { ProbeOrder, sample } from "./probe-order.ts";

const ids = Array.from({ length: 9 }, (_, index) => nodeIdFrom(0, index));
const self = nodeIdFrom(0, 4);
const others = ids.filter((id) => id !== self);

const nobody = (): boolean => false;

test("every second probe is of the successor, and a round of the rest reaches everybody", () => {
  const order = new ProbeOrder(self, new Prng(1));
  const probed = Array.from({ length: 16 }, () => order.next(others, nobody));
  assert.deepEqual(
    probed.filter((_, index) => index % 2 === 0),
    Array.from({ length: 8 }, () => nodeIdFrom(0, 5)),
  );
  assert.deepEqual(new Set(probed.filter((_, index) => index % 2 === 1)), new Set(others));
});

test("the last member's successor is the first, and who has gone is not probed", () => {
  const order = new ProbeOrder(nodeIdFrom(0, 8), new Prng(1));
  assert.equal(order.next(ids.slice(0, 8), nobody), ids[0]);
  const left = [nodeIdFrom(0, 3)];
  for (let times = 0; times < 10; times += 1) assert.equal(order.next(left, nobody), left[0]);
  assert.equal(order.next([], nobody), undefined);
});

test("a suspected successor is passed over, unless all are suspected", () => {
  const isNext = (id: string): boolean => id === nodeIdFrom(0, 5);
  assert.equal(new ProbeOrder(self, new Prng(1)).next(others, isNext), nodeIdFrom(0, 6));
  assert.equal(
    new ProbeOrder(self, new Prng(1)).next(others, () => true),
    others[0],
  );
});

test("a sample has different items and never more than there are", () => {
  const random = new Prng(1);
  for (let count = 0; count < 12; count += 1) {
    const picked = sample(ids, count, random);
    assert.equal(new Set(picked).size, Math.min(count, ids.length));
    assert.equal(picked.length, Math.min(count, ids.length));
  }
});
