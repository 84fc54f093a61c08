/** A short form of `availability.ts`: what a client must not notice, without the figures that need a quiet machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Fault, faultsOf, runAvailability } from "./availability.ts";

/** Far below the second after which a write gives up on a silent replica, far above what a busy machine does. */
const GAP_MS_ALLOWED = 500;

for (const [victim, fault] of (["kill", "stop"] as const satisfies readonly Fault[]).entries()) {
  test(`no request fails and no write is lost when a node is hit by ${fault}`, async () => {
    const report = await runAvailability({
      fault,
      victim: victim + 1,
      ratePerSecond: 100,
      warmUpMs: 2_000,
      spanMs: 4_500,
    });
    assert.deepEqual(faultsOf(report, GAP_MS_ALLOWED), []);
  });
}
