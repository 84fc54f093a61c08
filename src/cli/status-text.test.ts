import assert from "node:assert/strict";
import { test } from "node:test";
import { Placement } from "../core/placement/placement.ts";
import type { NodeId } from "../model/ids.ts";
import type { ClusterMember, ClusterView } from "./cluster-view.ts";
import { painted, widthOf, withoutPaint } from "./paint.ts";
import { placesFor, SLOT_HEALTHS, type SlotHealths, slotHealths } from "./slot-health.ts";
import {
  changeParts,
  collectParts,
  labelled,
  STATUS_WIDTH,
  statusLines,
  waitingParts,
} from "./status-text.ts";

const HEALTHY: SlotHealths = { whole: 16_384, moving: 0, short: 0, minority: 0, none: 0 };
const MIXED: SlotHealths = { whole: 9_000, moving: 7_000, short: 381, minority: 2, none: 1 };

function linesOf(view: ClusterView, healths: SlotHealths | undefined = HEALTHY): string {
  return statusLines({ view, healths, withAmounts: true }).join("\n");
}

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

test("a cluster in the middle of everything fits eighty columns, with colours and without", () => {
  const long = memberOf(4, {
    address: `[${"fe80:".repeat(8)}1]:65535`,
    intent: "removing",
    liveness: "suspect",
  });
  const view = { ...BUSY, members: [...BUSY.members, long], httpAddress: "x".repeat(200) };
  const plain = statusLines({ view, healths: MIXED, withAmounts: true });
  for (const line of plain)
    assert.ok(line.length <= STATUS_WIDTH, `${line.length} columns: ${line}`);
  const coloured = statusLines({ view, healths: MIXED, withAmounts: true, paint: painted });
  assert.ok(coloured.join("").includes("\u001b[31m"));
  assert.deepEqual(coloured.map(withoutPaint), plain, "colours change nothing else");
});

test("each member's liveness and intent are told, and its share of all copies", () => {
  const text = linesOf(BUSY);
  assert.match(text, /^ {2}● 0123456789abcde1 \* +10\.0\.0\.1:5000 +alive +█{10} {2}33 %$/m);
  assert.match(
    text,
    /^ {2}◐ 0123456789abcde2 +10\.0\.0\.2:5000 +leaving, suspect +█{10} {2}33 %$/m,
  );
  assert.match(text, /^ {2}✖ 0123456789abcde3 +10\.0\.0\.3:5000 +removing, dead +█{10} {2}33 %$/m);
  const uneven = [
    memberOf(1),
    memberOf(2, { primarySlots: 4_096 }),
    memberOf(3, { intent: "left" }),
  ];
  const lines = linesOf(viewOf({ members: uneven }));
  assert.match(lines, /abcde2 .* ███░░░░░░░ {2}20 %$/m);
  assert.doesNotMatch(lines, /abcde3/);
  assert.match(lines, /^ {4}1 have left or were removed$/m);
});

test("the strip has a place for each slot health there is, and says how many there are", () => {
  const lines = linesOf(BUSY, MIXED).split("\n");
  const strip = lines.find((line) => line.startsWith("slots")) ?? "";
  assert.match(strip, /^slots {4}█{38}▓{30}▒░·$/);
  assert.equal(widthOf(strip), STATUS_WIDTH);
  const legend = lines.slice(lines.indexOf(strip) + 1, lines.indexOf(strip) + 3).join(" ");
  for (const says of [
    "█ 9 000 served by all",
    "▓ 7 000 moving",
    "▒ 381 lack a primary",
    "░ 2 lack",
    "· 1 lack all",
  ])
    assert.ok(legend.includes(says), `${says} in ${legend}`);
  assert.match(
    statusLines({ view: BUSY, healths: undefined }).join("\n"),
    /slots +not shown: .* versions that differ/,
  );
});

test("places of a strip add up, and whatever is there has one", () => {
  for (const amounts of [
    [16_384, 0],
    [1, 16_383],
    [1, 1, 1, 1, 16_380],
    [5, 5, 5],
  ]) {
    const places = placesFor(amounts, 71);
    assert.equal(
      places.reduce((sum, count) => sum + count, 0),
      71,
    );
    for (const [index, amount] of amounts.entries())
      assert.equal(places[index] === 0, amount === 0);
  }
  assert.deepEqual(placesFor([0, 0], 71), [0, 0]);
});

test("slot healths are worked out where the epoch is the node's own, and nowhere else", () => {
  const members = [memberOf(1), memberOf(2), memberOf(3), memberOf(4)];
  const placed = members.map(({ id, zone, weight }) => ({
    id: id as NodeId,
    intent: "active" as const,
    zone,
    weight,
  }));
  const { epoch } = new Placement({ members: placed, replicas: 3 });
  const view = viewOf({ members, epoch: epoch.toString(16).padStart(14, "0") });
  assert.deepEqual(slotHealths(view), HEALTHY);
  const away = slotHealths({
    ...view,
    members: [...members.slice(0, 3), memberOf(4, { liveness: "dead" })],
  });
  assert.equal(
    SLOT_HEALTHS.reduce((sum, health) => sum + (away?.[health] ?? 0), 0),
    16_384,
  );
  // Three quarters of all slots have the fourth of four members among their three primaries.
  assert.ok(Math.abs((away?.short ?? 0) - 12_288) < 500, `${away?.short}`);
  const [first, ...dead] = members.map((member) => ({ ...member, liveness: "dead" }));
  const alone = slotHealths({
    ...view,
    members: [{ ...first, liveness: "alive" } as ClusterMember, ...dead],
  });
  assert.equal((alone?.minority ?? 0) + (alone?.none ?? 0), 16_384);
  assert.equal(slotHealths({ ...view, epoch: "00000000000001" }), undefined);
  for (const bad of [
    { id: "x" },
    { weight: 65 },
    { weight: 0.5 },
    { intent: "gone" },
    { id: members[1]?.id ?? "" },
  ])
    assert.equal(
      slotHealths({ ...view, members: [memberOf(1, bad), ...members.slice(1)] }),
      undefined,
    );
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

test("what waits is told by member: what it may lack, what it is to take", () => {
  assert.deepEqual(waitingParts(viewOf()), ["nothing"]);
  assert.deepEqual(waitingParts(BUSY), [
    "0123456789abcde2 may lack something in 16 384 slots",
    "0123456789abcde3 is to take 1 234 slots",
  ]);
  const both = memberOf(1, { dirtySlots: 1, foreignSlots: 2 });
  const many = viewOf({
    members: Array.from({ length: 9 }, () => both),
    gauges: { "foreign-slots": 7 },
  });
  const parts = waitingParts(many);
  assert.equal(parts[0], "0123456789abcde1 may lack something in 1 slots and is to take 2 slots");
  assert.deepEqual(parts.slice(5), ["and 4 more members", "7 foreign slots here in all"]);
});

test("damage, discarded values and the background's share are shown", () => {
  const text = linesOf(BUSY);
  assert.match(
    text,
    /scrub +50 % of this pass, 12 damaged cells found, 2 not yet mended,\n +1 damaged everywhere/,
  );
  assert.match(text, /load +p99 5\.3 ms, background 13 %, which gives way at 6\.1 ms/);
  assert.match(text, /values-discarded +3/);
  assert.match(linesOf(viewOf()), /scrub +0 % of this pass, no damage found/);
});

test("counts are shown when asked for, and not else", () => {
  assert.match(linesOf(BUSY), /^since start\n.*^ {2}values-discarded +3$/ms);
  assert.doesNotMatch(statusLines({ view: BUSY, healths: HEALTHY }).join("\n"), /since start/);
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
  assert.equal(text(5, "no-answer", "abc"), "5 slots wait, held up: abc does not answer");
  assert.equal(text(5, "members-change", null), "5 slots wait, until members have come or gone");
});
