/** Three and nine real nodes: `sizes.ts` holds what is done with them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runSize } from "./sizes.ts";

const CRASH_SEEN_MS_MAX = 8_000;
/** A farewell is one datagram to each member; the rest is polling, and a busy machine. */
const STOP_SEEN_MS_MAX = 2_000;
const SLOT_COUNT = 16_384;

for (const nodeCount of [3, 9]) {
  test(`${nodeCount} nodes agree, bear noise, and see a crash and a stop in time`, async () => {
    const report = await runSize(nodeCount, 2_000);
    const { firstSlots, primarySlots, noise } = report;
    assert.equal(sum(firstSlots), SLOT_COUNT);
    assert.equal(sum(primarySlots), 3 * SLOT_COUNT);
    assert.ok(noise.requests > 0);
    assert.deepEqual([noise.failures, noise.stale, noise.lost], [[], 0, 0]);
    assert.ok(report.crashSeenMs <= CRASH_SEEN_MS_MAX, `crash seen after ${report.crashSeenMs} ms`);
    assert.ok(report.stopSeenMs <= STOP_SEEN_MS_MAX, `stop seen after ${report.stopSeenMs} ms`);
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
