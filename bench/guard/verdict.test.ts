import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { type Pair, verdict } from "./verdict.ts";

const pairs = (...nows: number[]): Pair[] => nows.map((now) => ({ before: 100, now }));

test("what costs 30 % more in every pair is a regression", () => {
  const { change, isRegression } = verdict(pairs(129, 130, 131, 130, 132), new Prng(1));
  assert.ok(Math.abs(change - (100 / 130.4 - 1)) < 0.01);
  assert.equal(isRegression, true);
});

test("what costs 10 % more is within the bound", () => {
  assert.equal(verdict(pairs(110, 111, 109, 110, 112), new Prng(1)).isRegression, false);
});

test("pairs that scatter over the bound prove nothing", () => {
  const { low, high, isRegression } = verdict(pairs(90, 150, 180, 95, 140), new Prng(1));
  assert.ok(low < -0.15 && high > -0.15, `${low}..${high}`);
  assert.equal(isRegression, false);
});

test("what has become cheaper is no regression", () => {
  const { change, isRegression } = verdict(pairs(50, 51, 49, 50, 52), new Prng(1));
  assert.ok(change > 0.9);
  assert.equal(isRegression, false);
});
