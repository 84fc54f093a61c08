import assert from "node:assert/strict";
import { test } from "node:test";
import { Latencies } from "./latencies.ts";

test("percentiles of a sum are those of all its parts together", () => {
  const quick = new Latencies();
  const slow = new Latencies();
  for (let ms = 1; ms <= 990; ms += 1) quick.record(1);
  for (let ms = 1; ms <= 10; ms += 1) slow.record(500);
  const { p50, p99, p999, max } = Latencies.sum([quick, slow]).percentiles();
  assert.equal(p50, 1);
  assert.equal(p99, 1);
  assert.ok(Math.abs(p999 - 500) < 1);
  assert.ok(Math.abs(max - 500) < 1);
});

test("what is encoded comes back with every count", () => {
  const latencies = new Latencies();
  latencies.record(0.25, 7);
  latencies.record(12, 3);
  const again = Latencies.decode(latencies.encode());
  assert.equal(again.count, 10);
  assert.deepEqual(again.percentiles(), latencies.percentiles());
});

test("what takes over a minute counts as a minute, and what takes no time as a microsecond", () => {
  const latencies = new Latencies();
  latencies.record(1e9);
  assert.ok(latencies.percentiles().max <= 60_100);
  const quick = new Latencies();
  quick.record(0);
  assert.equal(quick.percentiles().p50, 0.001);
});
