import assert from "node:assert/strict";
import { test } from "node:test";
import { DURATION_BOUNDS_S, DurationHistogram } from "./duration-histogram.ts";

function bucketOf(durationMs: number): number {
  const histogram = new DurationHistogram();
  histogram.add(durationMs);
  return histogram.counts.indexOf(1);
}

test("a duration is in the first bucket whose bound is not below it", () => {
  for (const [bucket, boundS] of DURATION_BOUNDS_S.entries()) {
    const boundMs = boundS * 1_000;
    assert.equal(bucketOf(boundMs * 0.999), bucket, `just below ${boundS} s`);
    assert.equal(bucketOf(boundMs * 1.001), bucket + 1, `just above ${boundS} s`);
  }
  for (const none of [0, -1]) assert.equal(bucketOf(none), 0);
  for (const ages of [70_000, 1e12, Number.POSITIVE_INFINITY])
    assert.equal(bucketOf(ages), DURATION_BOUNDS_S.length);
});

test("bounds double, from 16 microseconds to beyond the longest deadline", () => {
  assert.equal(DURATION_BOUNDS_S[0], 0.000016);
  assert.ok((DURATION_BOUNDS_S.at(-1) ?? 0) > 60);
  for (const [index, bound] of DURATION_BOUNDS_S.entries()) {
    if (index > 0) assert.equal(bound, 2 * (DURATION_BOUNDS_S[index - 1] as number));
  }
});

test("total and sum are of all durations", () => {
  const histogram = new DurationHistogram();
  for (const durationMs of [1, 2, 3, 100_000]) histogram.add(durationMs);
  assert.equal(histogram.total, 4);
  assert.equal(histogram.sumSeconds, 100.006);
});
