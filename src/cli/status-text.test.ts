import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterMember, ClusterView } from "./cluster-view.ts";
import { changeParts, collectParts, labelled, STATUS_WIDTH, statusLines } from "./status-text.ts";

function memberOf(index: number, parts: Partial<ClusterMember> = {}): ClusterMember {
  return {
    id: `0123456789abcde${index}`,
    address: `10.0.0.${index}:5000`,
    httpAddress: `10.0.0.${index}:6000`,
    intent: "active",
    liveness: "alive",
    zone: "rack-1",
    weight: 1,
    firstSlots: 5_461,
    primarySlots: 16_384,
    dirtySlots: 0,
    foreignSlots: 0,
    ...parts,
  };
}

function viewOf(parts: Partial<ClusterView> = {}): ClusterView {
  return {
    node: "0123456789abcde1",
    cluster: "fedcba9876543210",
    phase: "ready",
    epoch: "0123456789abcd",
    address: "10.0.0.1:5000",
    httpAddress: "10.0.0.1:6000",
    shared: {
      replicas: 3,
      writeQuorum: "sloppy",
      keyBytesMax: 32_768,
      valueBytesMax: 16_777_216,
      graceMs: 3_600_000,
    },
    members: [memberOf(1), memberOf(2), memberOf(3)],
    collection: { slotsDue: 0, reason: null, heldBy: null },
    counters: {},
    gauges: {},
    ...parts,
  };
}

/** Under way, in the middle of everything. */
const BUSY = viewOf({
  members: [
    memberOf(1),
    memberOf(2, { intent: "leaving", liveness: "suspect", dirtySlots: 16_384 }),
    memberOf(3, { intent: "removing", liveness: "dead", foreignSlots: 1_234 }),
  ],
  collection: { slotsDue: 16_384, reason: "foreign-cells", heldBy: "0123456789abcde3" },
  counters: { "cells-found-damaged": 12, "values-discarded": 3 },
  gauges: {
    "background-percent": 13,
    "cells-damaged": 2,
    "cells-damaged-everywhere": 1,
    "change-slots-left": 12_345,
    "change-slots-done": 4_039,
    "change-slots-per-second": 410,
    "change-cells-per-second": 123_456,
    "change-seconds-left": 31,
    "foreground-p99-us": 5_250,
    "foreground-target-us": 6_100,
    "scrub-slots-done": 8_192,
  },
});

test("a cluster in the middle of everything fits eighty columns", () => {
  for (const line of statusLines(BUSY).flatMap((text) => text.split("\n"))) {
    assert.ok(line.length <= STATUS_WIDTH, `${line.length} columns: ${line}`);
  }
});

test("a change shows what is done and left, how fast, and about how long it takes", () => {
  assert.equal(
    changeParts(BUSY).join(", "),
    "4 039 slots done, 12 345 to go, 410 slots/s, 123 456 cells/s, about 31 s left",
  );
  for (const [seconds, text] of [
    [600, "about 10 min left"],
    [36_000, "about 10 h left"],
  ] as const) {
    const gauges = { ...BUSY.gauges, "change-seconds-left": seconds };
    assert.equal(changeParts({ ...BUSY, gauges }).at(-1), text);
  }
});

test("a change that stands still says so, and no estimate", () => {
  const gauges = { ...BUSY.gauges, "change-slots-per-second": 0 };
  assert.equal(
    changeParts({ ...BUSY, gauges }).join(", "),
    "4 039 slots done, 12 345 to go, standing still",
  );
});

test("dirty slots of a member that is away are no change under way, and are shown", () => {
  assert.deepEqual(changeParts(viewOf()), ["none under way"]);
  const away = viewOf({ members: [memberOf(1), memberOf(2, { dirtySlots: 77 })] });
  assert.deepEqual(changeParts(away), ["77 dirty slots wait"]);
});

test("each member's slots are shown: copies, dirty ones, and foreign ones that wait for it", () => {
  const text = statusLines(BUSY).join("\n");
  assert.match(text, /0123456789abcde2 +10\.0\.0\.2:5000 +leaving, suspect +16 384 +16 384 +0\n/);
  assert.match(text, /0123456789abcde3 +10\.0\.0\.3:5000 +removing, dead +16 384 +0 +1 234\n/);
});

test("damage, discarded values and the background's share are shown", () => {
  const text = statusLines(BUSY).join("\n");
  assert.match(
    text,
    /scrub +50 % of this pass, 12 damaged cells found, 2 not yet mended,\n +1 damaged everywhere/,
  );
  assert.match(text, /load +p99 5\.3 ms, background 13 %, which gives way at 6\.1 ms/);
  assert.match(text, /values-discarded +3/);
  assert.match(statusLines(viewOf()).join("\n"), /scrub +0 % of this pass, no damage found/);
});

test("parts go on the next line whole, under those before them", () => {
  const lines = labelled("word", ["a".repeat(60), "b".repeat(30), "c"]);
  assert.deepEqual(lines, [`word     ${"a".repeat(60)},`, `         ${"b".repeat(30)}, c`]);
});

test("what waits to be collected is told with who keeps it, and why", () => {
  const text = (slotsDue: number, reason: string | null, heldBy: string | null): string =>
    collectParts(viewOf({ collection: { slotsDue, reason, heldBy } })).join(", ");
  assert.equal(text(0, null, null), "nothing waits");
  assert.equal(text(5, null, null), "5 slots wait");
  assert.equal(text(5, "no-answer", "abc"), "5 slots wait, abc does not answer");
  assert.equal(text(5, "members-change", null), "5 slots wait, until members have come or gone");
});
