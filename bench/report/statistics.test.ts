import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { bootstrapMean, median, spread } from "./statistics.ts";

test("the median is the middle, or between the two middle ones", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test("the spread is what lies between the extremes, by the median", () => {
  assert.equal(spread([90, 100, 120]), 0.3);
});

test("the interval of equal values has no width, that of scattered ones holds their mean", () => {
  assert.deepEqual(bootstrapMean([2, 2, 2, 2, 2], new Prng(1)), { low: 2, high: 2 });
  const { low, high } = bootstrapMean([0.9, 1.1, 1, 0.95, 1.05], new Prng(1));
  assert.ok(low < 1 && high > 1 && low > 0.9 && high < 1.1, `${low}..${high}`);
});

// Goal: the interval is neither boastful nor useless. Method: 5 values of a known distribution, many times over;
// the known mean is inside about as often as a bootstrap of five values can hold it (less than 95 %).
test("the interval of five values holds the truth most of the time", () => {
  const random = new Prng(11);
  let held = 0;
  for (let trial = 0; trial < 60; trial += 1) {
    const values = Array.from(
      { length: 5 },
      () => (random.below(1_000) + random.below(1_000)) / 1_000,
    );
    const { low, high } = bootstrapMean(values, random);
    if (low <= 1 && high >= 1) held += 1;
  }
  assert.ok(held >= 42, `${held} of 60`);
});
