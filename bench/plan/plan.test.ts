import assert from "node:assert/strict";
import { test } from "node:test";
import { baseLoad } from "./base.ts";
import { allGroups } from "./groups.ts";
import { estimatedMs, matches, type RunOptions, select, warmUpMs } from "./select.ts";

const DEFAULTS: RunOptions = {
  tier: "default",
  rounds: 5,
  ms: 1_500,
  keyCount: 100_000,
  only: undefined,
  generators: 2,
};
const MINUTE_MS = 60_000;

test("row names are unique, and labels within a row are", () => {
  const rows = allGroups(DEFAULTS.keyCount).flatMap((group) => group.rows);
  assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length);
  for (const { name, sides } of rows) {
    assert.equal(new Set(sides.map(({ label }) => label)).size, sides.length, name);
  }
});

test("a default run takes at most 40 minutes, a quick one about one", () => {
  const all = allGroups(DEFAULTS.keyCount);
  const defaultMs = estimatedMs(select(all, DEFAULTS), DEFAULTS);
  assert.ok(defaultMs < 40 * MINUTE_MS, `${defaultMs / MINUTE_MS} minutes`);
  const quick: RunOptions = { ...DEFAULTS, tier: "quick", rounds: 1, ms: 500, keyCount: 2_000 };
  const quickMs = estimatedMs(select(allGroups(quick.keyCount), quick), quick);
  assert.ok(quickMs < 1.5 * MINUTE_MS, `${quickMs / MINUTE_MS} minutes`);
});

test("rows of a system share eight seconds of warm-up, and have half a second each at least", () => {
  const [c] = select(allGroups(100_000), { ...DEFAULTS, only: "c/set,c/set/16 in flight,c/get" });
  assert.ok(c !== undefined);
  assert.equal(warmUpMs(c.rows, "dnd-3-fsync", DEFAULTS), 8_000 / 3);
  const [all] = select(allGroups(100_000), { ...DEFAULTS, only: "c" });
  assert.ok(all !== undefined);
  assert.equal(warmUpMs([...all.rows, ...all.rows], "dnd-3-fsync", DEFAULTS), 500);
  assert.equal(warmUpMs(c.rows, "dnd-3-fsync", { ...DEFAULTS, tier: "quick" }), 500);
});

test("comparisons vary one factor of the base at a time, unless the run is a full one", () => {
  for (const group of select(allGroups(100_000), DEFAULTS)) {
    if (!["a", "b", "c"].includes(group.name)) continue;
    for (const { name, load } of group.rows) {
      const base = baseLoad(100_000);
      const changed = [
        load.operation !== base.operation,
        load.valueBytes[0] !== base.valueBytes[0],
        load.keys !== base.keys,
        load.connections !== base.connections,
        load.inFlight !== base.inFlight,
      ].filter(Boolean).length;
      // Reads with 16 in flight stand beside writes with 16 in flight.
      assert.ok(changed <= (name.endsWith("get/16 in flight") ? 2 : 1), name);
    }
  }
});

test("a row at a share of a peak brings the row of that peak", () => {
  const [group] = select(allGroups(100), { ...DEFAULTS, only: "open/set/50*" });
  assert.deepEqual(
    group?.rows.map(({ name }) => name),
    ["open/set/peak", "open/set/50 % of peak"],
  );
});

test("rows are chosen by group, by name, and with stars over slashes", () => {
  assert.ok(matches("b/set/16 in flight", "b/*"));
  assert.ok(matches("b/set/16 in flight", "*/16 in flight"));
  assert.ok(!matches("ab/set", "b/*"));
  const names = (only: string): string[] =>
    select(allGroups(100), { ...DEFAULTS, only }).map(({ name }) => name);
  assert.deepEqual(names("a,e"), ["a", "e"]);
  assert.deepEqual(names("*/get"), [
    "a",
    "b",
    "c",
    "m",
    "e",
    "nodes-1",
    "nodes-3",
    "nodes-5",
    "nodes-7",
    "nodes-9",
  ]);
});

test("etcd is asked only for what its gateway has", () => {
  for (const { rows } of allGroups(100)) {
    for (const { name, sides, load } of rows) {
      if (!sides.some(({ protocol }) => protocol.startsWith("etcd"))) continue;
      assert.equal(load.inFlight, 1, name);
      assert.ok(!["incr", "hset"].includes(load.operation), name);
    }
  }
});
