import assert from "node:assert/strict";
import { test } from "node:test";
import { bootIdFrom } from "../../model/ids.ts";
import {
  compareStamps,
  lastStampOf,
  STAMP_COUNTER_MAX,
  STAMP_MS_MAX,
  stampFrom,
} from "../../model/stamp.ts";
import { FOLLOW_MS_MAX, HybridClock } from "./hybrid-clock.ts";

const BOOT = bootIdFrom(5);
const OTHER = bootIdFrom(9);
const NEVER = { ms: 0, counter: 0 };

test("a clock follows the wall clock while that goes forward", () => {
  const clock = new HybridClock({ boot: BOOT, floor: NEVER });
  assert.deepEqual(clock.mint(1_000), stampFrom(1_000, 0, BOOT));
  assert.deepEqual(clock.mint(1_000), stampFrom(1_000, 1, BOOT));
  assert.deepEqual(clock.mint(1_001), stampFrom(1_001, 0, BOOT));
});

test("a wall clock that steps back does not take the stamps with it", () => {
  const clock = new HybridClock({ boot: BOOT, floor: NEVER });
  clock.mint(1_000);
  assert.deepEqual(clock.mint(10), stampFrom(1_000, 1, BOOT));
  assert.deepEqual(clock.mint(-10), stampFrom(1_000, 2, BOOT));
});

test("a start begins above the persisted reading", () => {
  const clock = new HybridClock({ boot: BOOT, floor: { ms: 2_000, counter: 17 } });
  assert.deepEqual(clock.mint(1_000), stampFrom(2_000, 18, BOOT));
});

test("a full counter moves the millisecond on", () => {
  const clock = new HybridClock({ boot: BOOT, floor: { ms: 2_000, counter: STAMP_COUNTER_MAX } });
  assert.deepEqual(clock.mint(1_000), stampFrom(2_001, 0, BOOT));
});

test("a held stamp within reach is followed, and the clock stays above it", () => {
  const clock = new HybridClock({ boot: BOOT, floor: NEVER });
  const held = stampFrom(1_000 + FOLLOW_MS_MAX, 3, OTHER);
  assert.deepEqual(clock.mintAbove(held, 1_000), stampFrom(held.ms, 4, BOOT));
  assert.deepEqual(clock.reading(), { ms: held.ms, counter: 4 });
});

test("a stamp above what an expiry clears is in the next millisecond", () => {
  const clock = new HybridClock({ boot: BOOT, floor: NEVER });
  assert.deepEqual(clock.mintAbove(lastStampOf(1_000), 1_000), stampFrom(1_001, 0, BOOT));
});

test("a wilder stamp is overtaken by one, and does not move the clock", () => {
  const clock = new HybridClock({ boot: BOOT, floor: NEVER });
  clock.mint(1_000);
  const held = stampFrom(1_001 + FOLLOW_MS_MAX, 3, OTHER);
  assert.deepEqual(clock.mintAbove(held, 1_000), stampFrom(held.ms, 4, BOOT));
  assert.deepEqual(clock.reading(), { ms: 1_000, counter: 0 });
});

test("two writes over the same wild stamp get two stamps", () => {
  const clock = new HybridClock({ boot: BOOT, floor: NEVER });
  const held = stampFrom(10_000_000, STAMP_COUNTER_MAX - 1, OTHER);
  assert.deepEqual(clock.mintAbove(held, 0), stampFrom(10_000_000, STAMP_COUNTER_MAX, BOOT));
  assert.deepEqual(clock.mintAbove(held, 0), stampFrom(10_000_001, 0, BOOT));
  assert.deepEqual(clock.mintAbove(held, 0), stampFrom(10_000_001, 1, BOOT));
});

test("a stamp minted beside the clock is not minted again when the time has come for it", () => {
  const clock = new HybridClock({ boot: BOOT, floor: NEVER });
  const held = stampFrom(10_000_000, STAMP_COUNTER_MAX, OTHER);
  assert.deepEqual(clock.mintAbove(held, 0), stampFrom(10_000_001, 0, BOOT));
  assert.deepEqual(clock.mint(10_000_001), stampFrom(10_000_001, 1, BOOT));
});

test("over the last stamp there is, a write gets one as high, and the node stays up", () => {
  const clock = new HybridClock({ boot: BOOT, floor: NEVER });
  const last = stampFrom(STAMP_MS_MAX, STAMP_COUNTER_MAX, OTHER);
  assert.deepEqual(clock.mintAbove(last, 0), { ...last, boot: BOOT });
  assert.deepEqual(clock.mintAbove(last, 0), { ...last, boot: BOOT });
});

test("a reading over five minutes ahead is not followed", () => {
  const clock = new HybridClock({ boot: BOOT, floor: NEVER });
  assert.equal(clock.observe(1_001 + FOLLOW_MS_MAX, 0, 1_000), false);
  assert.deepEqual(clock.reading(), NEVER);
  assert.equal(clock.observe(1_000 + FOLLOW_MS_MAX, 2, 1_000), true);
  assert.deepEqual(clock.reading(), { ms: 1_000 + FOLLOW_MS_MAX, counter: 2 });
});

test("an older reading does not move the clock back", () => {
  const clock = new HybridClock({ boot: BOOT, floor: { ms: 50, counter: 5 } });
  assert.equal(clock.observe(50, 4, 50), true);
  assert.equal(clock.observe(49, 9, 50), true);
  assert.deepEqual(clock.reading(), { ms: 50, counter: 5 });
});

test("a clock far ahead of the wall clock says so, and starts again under a new boot", () => {
  const clock = new HybridClock({ boot: BOOT, floor: NEVER });
  const before = clock.mint(1_000_000 + FOLLOW_MS_MAX);
  assert.equal(clock.isAheadOfWall(1_000_000), false);
  assert.equal(clock.isAheadOfWall(999_999), true);
  assert.throws(() => clock.restartAs(BOOT, 999_999));
  clock.restartAs(OTHER, 999_999);
  assert.equal(clock.boot, OTHER);
  const after = clock.mint(999_999);
  assert.equal(after.boot, OTHER);
  assert.ok(compareStamps(after, before) < 0);
  assert.equal(clock.isAheadOfWall(999_999), false);
});
