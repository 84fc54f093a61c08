import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsText } from "../protocol/http/metrics-text.ts";
import { VERSION } from "../version.ts";
import type { ClusterMember, ClusterView } from "./cluster-view.ts";
import { CHECKS, diagnose, type Examination, type Finding } from "./diagnosis.ts";
import type { MemberReport } from "./every-member.ts";
import { MetricTable } from "./metric-table.ts";

const IDS = ["aaaa", "bbbb", "cccc"] as const;
const GIB = 2 ** 30;
const WHOLE = { whole: 16_384, moving: 0, short: 0, minority: 0, none: 0 };

function memberOf(id: string, parts: Partial<ClusterMember> = {}): ClusterMember {
  return {
    id,
    address: `${id}:5000`,
    httpAddress: `${id}:6000`,
    redisAddress: `${id}:6400`,
    intent: "active",
    liveness: "alive",
    zone: "",
    weight: 1,
    firstSlots: 0,
    primarySlots: 0,
    dirtySlots: 0,
    foreignSlots: 0,
    ...parts,
  };
}

interface Told {
  readonly view?: Partial<ClusterView>;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly version?: string;
  readonly offsetMs?: number;
}

function reportOf(
  id: string,
  { view, metrics = {}, version = VERSION, offsetMs = 3 }: Told = {},
): MemberReport {
  const values: Record<string, number> = {
    dnd_disk_size_bytes: 100 * GIB,
    dnd_disk_free_bytes: 50 * GIB,
    dnd_disk_writable: 1,
    dnd_heap_used_bytes: 1,
    dnd_heap_limit_bytes: 10,
    dnd_machine_memory_bytes: 10,
    dnd_machine_memory_available_bytes: 5,
    ...metrics,
  };
  const text = metricsText([
    { name: "dnd_info", type: "gauge", help: "I.", samples: [{ labels: { version }, value: 1 }] },
    ...Object.entries(values).map(([name, value]) => ({
      name,
      type: "gauge" as const,
      help: "G.",
      samples: [{ value }],
    })),
  ]);
  const whole: ClusterView = {
    node: id,
    cluster: "c1",
    phase: "ready",
    epoch: "1",
    address: `${id}:5000`,
    httpAddress: `${id}:6000`,
    shared: { replicas: 3 },
    members: IDS.map((each) => memberOf(each)),
    counters: {},
    gauges: {},
    collection: { slotsDue: 0, reason: null, heldBy: null },
    ...view,
  };
  const answer = {
    view: whole,
    metrics: new MetricTable(text),
    atMs: 0,
    offsetMs,
    uncertaintyMs: 1,
  };
  return { member: memberOf(id), answer };
}

function examine(parts: Partial<Examination> = {}): readonly Finding[] {
  return diagnose({ reports: IDS.map((id) => reportOf(id)), doors: [], healths: WHOLE, ...parts });
}

/** The findings that are not all right, as `check level: says`. */
function wrong(findings: readonly Finding[]): readonly string[] {
  return findings
    .filter(({ level }) => level !== "ok")
    .map(({ check, level, says }) => `${check} ${level}: ${says}`);
}

function withB(told: Told): readonly string[] {
  return wrong(examine({ reports: IDS.map((id) => reportOf(id, id === "bbbb" ? told : {})) }));
}

test("a healthy cluster passes every check", () => {
  const findings = examine();
  assert.deepEqual(wrong(findings), []);
  assert.deepEqual(
    findings.map(({ check }) => check),
    [...CHECKS],
  );
});

test("whatever is wrong comes with a sentence that says what to do", () => {
  const findings = examine({
    reports: [
      reportOf("aaaa", { offsetMs: 9_000, version: "9.9.9", metrics: { dnd_disk_free_bytes: 1 } }),
      reportOf("bbbb", {
        view: { epoch: "2", gauges: { "cells-damaged": 3, "slots-without-vote": 2 } },
        metrics: {
          dnd_heap_used_bytes: 9,
          dnd_machine_memory_available_bytes: 0,
          dnd_commits_failed_total: 1,
        },
      }),
    ],
    healths: { ...WHOLE, short: 5 },
  });
  assert.ok(wrong(findings).length >= 9);
  for (const { level, advice, says } of findings) {
    assert.equal(advice === undefined, level === "ok", says);
    if (advice !== undefined) assert.match(advice, /^[A-Z].*[.]$/);
  }
});

test("ports that do not answer are named, and whose they are", () => {
  const dead = { member: memberOf("cccc", { liveness: "dead" }), answer: "no node answers" };
  const reports = [reportOf("aaaa"), reportOf("bbbb"), dead];
  const doors = [
    { node: "bbbb", door: "Redis" as const, address: "bbbb:6400", problem: "ECONNREFUSED" },
    { node: "aaaa", door: "peers" as const, address: "aaaa:5000", problem: undefined },
  ];
  const findings = examine({ reports, doors });
  assert.deepEqual(wrong(findings), [
    "doors bad: bbbb cannot be reached: Redis at bbbb:6400 (ECONNREFUSED)",
    "doors bad: cccc cannot be reached: HTTP at cccc:6000 (no node answers)",
  ]);
  assert.match(findings[1]?.advice ?? "", /^Start it again .* `dnd remove cccc`/);
});

test("a member that answers here and is dead to another is a matter of gossip", () => {
  const members = [
    memberOf("aaaa", { liveness: "dead" }),
    memberOf("bbbb"),
    memberOf("cccc", { liveness: "suspect" }),
  ];
  assert.deepEqual(withB({ view: { members } }), [
    "gossip bad: bbbb takes aaaa for dead, which answers here",
    "gossip warn: bbbb takes cccc for suspect, which answers here",
  ]);
});

test("another placement, another list of members, or another cluster is found", () => {
  assert.match(
    withB({ view: { epoch: "2" } })[0] ?? "",
    /^members bad: .* epochs 1 \(aaaa, cccc\); 2 \(bbbb\)$/,
  );
  const fewer = [memberOf("aaaa"), memberOf("bbbb")];
  assert.match(withB({ view: { members: fewer } })[0] ?? "", /^members bad: members do not agree/);
  assert.match(withB({ view: { cluster: "c2" } })[0] ?? "", /^members bad: .*several clusters/);
});

test("clocks are judged by their distance, beyond what the question took", () => {
  assert.deepEqual(withB({ offsetMs: 900 }), []);
  assert.deepEqual(withB({ offsetMs: -3_000 }), [
    "clocks warn: the clock of bbbb is 3.0 s behind this machine's, give or take 1 ms",
  ]);
  assert.match(withB({ offsetMs: 70_000 })[0] ?? "", /^clocks bad: .* 70\.0 s ahead of/);
});

test("disks that are nearly full, cannot be written or refused are found", () => {
  assert.deepEqual(withB({ metrics: { dnd_disk_free_bytes: 5 * GIB } }), [
    "disks warn: bbbb has 5.00 GiB of 100 GiB free",
  ]);
  assert.match(withB({ metrics: { dnd_disk_free_bytes: GIB } })[0] ?? "", /^disks bad/);
  assert.match(
    withB({ metrics: { dnd_disk_writable: 0 } })[0] ?? "",
    /^disks bad: bbbb may not write/,
  );
  assert.match(
    withB({ metrics: { dnd_commits_failed_total: 2 } })[0] ?? "",
    /^disks warn: .*refused 2 commits/,
  );
});

test("slots without primaries, too few members, members that come and go are told", () => {
  const slots = (healths: Partial<typeof WHOLE>): readonly string[] =>
    wrong(examine({ healths: { ...WHOLE, ...healths } }));
  assert.match(slots({ short: 7 })[0] ?? "", /^slots warn: 7 slots lack a primary/);
  assert.match(
    slots({ minority: 2, none: 1 })[0] ?? "",
    /^slots bad: 3 slots lack most .* 1 of them all/,
  );
  assert.match(
    wrong(examine({ reports: [reportOf("aaaa")] }))[0] ?? "",
    /^slots warn: 3 copies .* 1 active member$/,
  );
  const going = IDS.map((id) => memberOf(id, id === "cccc" ? { intent: "removing" } : {}));
  const removal = wrong(
    examine({
      reports: IDS.map((id) =>
        reportOf(id, {
          view: { members: going, gauges: { "change-slots-left": id === "aaaa" ? 4 : 0 } },
        }),
      ),
    }),
  );
  assert.deepEqual(removal, ["changes warn: cccc is being removed; aaaa still take over"]);
});

test("damage, lost commits, and who holds up collection are told", () => {
  assert.match(
    withB({ view: { gauges: { "cells-damaged": 3 } } })[0] ?? "",
    /^damage warn: 3 damaged cells of bbbb/,
  );
  assert.match(
    withB({ view: { counters: { "cells-lost": 1 } } })[0] ?? "",
    /^damage bad: .* 1 were given up/,
  );
  assert.match(
    withB({ view: { gauges: { "slots-without-vote": 9 } } })[0] ?? "",
    /^amnesia warn: .* 9 slots/,
  );
  const collection = { slotsDue: 4, reason: "no-answer", heldBy: "cccc" };
  assert.deepEqual(withB({ view: { collection } }), [
    "collection warn: cccc does not answer, and so nothing deleted is collected at bbbb",
  ]);
});
