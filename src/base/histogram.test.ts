import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "./histogram.ts";

test("a percentile is at most an eighth above the duration it stands for, and never below", () => {
  for (const ms of [0.02, 0.1, 0.4, 1, 3.3, 17, 250, 999, 12_345]) {
    const histogram = new Histogram();
    histogram.add(ms);
    const shown = Histogram.percentile([histogram], 99);
    assert.ok(shown > ms && shown <= ms * 1.126 + 1 / 64, `${ms} is shown as ${shown}`);
  }
});

test("the 99th percentile of several together leaves one in a hundred above it", () => {
  const [fast, slow] = [new Histogram(), new Histogram()];
  for (let count = 0; count < 990; count += 1) fast.add(1);
  for (let count = 0; count < 10; count += 1) slow.add(100);
  assert.ok(Histogram.percentile([fast, slow], 99) < 1.2);
  slow.add(100);
  assert.ok(Histogram.percentile([fast, slow], 99) > 99);
  slow.clear();
  assert.ok(Histogram.percentile([fast, slow], 100) < 1.2);
});

test("nothing counted is no duration, and what is longer than a minute is a minute", () => {
  assert.equal(Histogram.percentile([new Histogram()], 99), 0);
  const histogram = new Histogram();
  histogram.add(1e9);
  histogram.add(-1);
  assert.equal(histogram.total, 2);
  assert.ok(Histogram.percentile([histogram], 99) >= 60_000);
});

test("what was added since a copy is what the original has more", () => {
  const histogram = new Histogram();
  histogram.add(1);
  const earlier = histogram.copy();
  for (let count = 0; count < 99; count += 1) histogram.add(10);
  const added = histogram.since(earlier);
  assert.equal(added.total, 99);
  assert.ok(Histogram.percentile([added], 1) >= 10);
  assert.equal(earlier.total, 1);
});
