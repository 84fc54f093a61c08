import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../test/support/held-storage.ts";
import { Prng } from "../base/prng.ts";
import { compareStamps, NO_STAMP, type Stamp, stampFrom } from "../model/stamp.ts";
import { Counters } from "./counters.ts";
import { NodeClock } from "./node-clock.ts";

/** At its start a wall clock that shows 1 000 000. */
function clockFrom(floorMs: number, mark: Stamp = NO_STAMP): NodeClock {
  return new NodeClock({
    clock: new HeldClock(),
    random: new Prng(1),
    counters: new Counters(),
    floor: { ms: floorMs, counter: 3 },
    mark: () => mark,
  });
}

test("a start stamps above the clock it had stored, also where the wall clock was set back since", () => {
  for (const floorMs of [0, 999_999, 1_000_000, 1_200_000]) {
    const clock = clockFrom(floorMs);
    const floor = stampFrom(floorMs, 3, clock.boot);
    assert.ok(compareStamps(clock.mint(), floor) > 0, `stored at ${floorMs}`);
  }
});

test("what was promised not to be stamped is not, whatever the clock shows", () => {
  const mark = stampFrom(1_100_000, 0, 0);
  const clock = clockFrom(0, mark);
  assert.ok(compareStamps(clock.mint(), mark) > 0);
  assert.ok(compareStamps(clock.mintAbove(stampFrom(5, 0, 0)), mark) > 0);
});
