/** Laws of the hybrid clock under any sequence of events and any behaviour of the wall clock. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import "../support/fixed-seed.ts";
import { FOLLOW_MS_MAX, HybridClock } from "../../src/core/causality/hybrid-clock.ts";
import { bootIdFrom } from "../../src/model/ids.ts";
import { compareStamps, formatStamp, type Stamp, stampFrom } from "../../src/model/stamp.ts";

const BOOT = bootIdFrom(3);

/** Few distinct times, some within and some beyond reach of one another, so that they collide. */
const anyMs = fc
  .tuple(
    fc.constantFrom(0, 5, 1_000_000, 1_000_000 + FOLLOW_MS_MAX),
    fc.integer({ min: 0, max: 3 }),
  )
  .map(([base, offset]) => base + offset);
const anyCounter = fc.constantFrom(0, 1, 2, 0xfffe, 0xffff);
const anyEvent = fc.oneof(
  fc.record({ kind: fc.constant("mint" as const), wallMs: anyMs }),
  fc.record({
    kind: fc.constant("observe" as const),
    wallMs: anyMs,
    ms: anyMs,
    counter: anyCounter,
  }),
  fc.record({ kind: fc.constant("above" as const), wallMs: anyMs, ms: anyMs, counter: anyCounter }),
);

test("no stamp is minted twice; `mint` only goes up; every stamp is above what it had to be above", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), anyMs, anyCounter, (events, ms, counter) => {
      const clock = new HybridClock({ boot: BOOT, floor: { ms, counter } });
      const minted = new Set<string>();
      let last: Stamp = stampFrom(ms, counter, BOOT);
      const take = (stamp: Stamp): void => {
        assert.equal(stamp.boot, BOOT);
        assert.ok(!minted.has(formatStamp(stamp)), `minted again: ${formatStamp(stamp)}`);
        minted.add(formatStamp(stamp));
      };
      for (const event of events) {
        const before = clock.reading();
        if (event.kind === "mint") {
          const stamp = clock.mint(event.wallMs);
          take(stamp);
          assert.ok(compareStamps(stamp, last) > 0);
          last = stamp;
        } else if (event.kind === "observe") {
          const isFollowed = clock.observe(event.ms, event.counter, event.wallMs);
          assert.equal(isFollowed, event.ms <= event.wallMs + FOLLOW_MS_MAX);
        } else {
          const held = stampFrom(event.ms, event.counter, bootIdFrom(Number.MAX_SAFE_INTEGER));
          const stamp = clock.mintAbove(held, event.wallMs);
          take(stamp);
          assert.ok(compareStamps(stamp, held) > 0);
          const { ms: afterMs } = clock.reading();
          // The clock moves to what it saw only within reach; otherwise at most by its own minting.
          assert.ok(afterMs <= Math.max(before.ms + 2, event.wallMs + FOLLOW_MS_MAX + 1));
        }
        const after = clock.reading();
        const order = after.ms - before.ms || after.counter - before.counter;
        assert.ok(order >= 0, "the reading never goes back");
      }
    }),
    { numRuns: 3_000 },
  );
});
