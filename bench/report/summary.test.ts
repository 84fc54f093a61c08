import assert from "node:assert/strict";
import { test } from "node:test";
import { Latencies } from "../load/latencies.ts";
import { baseLoad } from "../plan/base.ts";
import { allGroups } from "../plan/groups.ts";
import type { Row } from "../plan/row.ts";
import { emptyResults } from "../run/results.ts";
import type { Turn } from "../run/turn.ts";
import { FIGURE_ROWS, figures, figureTable, latencyBound } from "./figures.ts";
import { page } from "./page.ts";
import { summarize } from "./summary.ts";
import { table } from "./table.ts";

const ROW: Row = {
  name: "b/set",
  group: "b",
  tier: "quick",
  load: baseLoad(100),
  sides: [
    { label: "dnd", system: "dnd-1-fsync", protocol: "resp" },
    { label: "Redis always", system: "redis-fsync", protocol: "resp" },
  ],
  stage: 0,
  isSynced: true,
};

function turn(label: string, round: number, requests: number, changes: Partial<Turn> = {}): Turn {
  const latencies = new Latencies();
  latencies.record(2, requests);
  return {
    row: ROW.name,
    label,
    round,
    measured: {
      requests,
      failed: 0,
      problem: undefined,
      seconds: 1,
      bytesStored: requests * 116,
      latencies,
      generatorCpuSeconds: [0.1, 0.1],
    },
    cpuSeconds: [{ name: "node 1", seconds: 0.5 }],
    generatorShare: 0.1,
    bytesWritten: requests * 232,
    ...changes,
  };
}

function results(...turns: Turn[]) {
  const found = emptyResults();
  found.turns.push(...turns);
  found.syncs.push({ row: ROW.name, label: "dnd", calls: 50, requests: 1_000, tool: "perf" });
  return found;
}

test("a row's cells are medians of its rounds, its ratio the median of theirs", () => {
  const cells = summarize(
    [ROW],
    results(
      turn("dnd", 1, 900),
      turn("Redis always", 1, 1_000),
      turn("dnd", 2, 500),
      turn("Redis always", 2, 500),
      turn("dnd", 3, 800),
      turn("Redis always", 3, 1_000),
    ),
  );
  const [ours, theirs] = cells;
  assert.equal(ours?.rate, 800);
  assert.equal(ours?.spread, 0.5);
  assert.equal(ours?.ratio, undefined);
  assert.equal(theirs?.rate, 1_000);
  assert.equal(theirs?.ratio, 0.9);
  assert.equal(ours?.writtenPerStored, 2);
  assert.equal(ours?.syncsPerThousand, 50);
  assert.equal(theirs?.syncsPerThousand, undefined);
  assert.deepEqual(ours?.cpuPerMillion, [{ name: "node 1", seconds: 625 }]);
  assert.ok(Math.abs((ours?.latencyMs.p99 ?? 0) - 2) < 0.01);
});

test("a row whose generator uses over 80 % of a core is void, and so is the figure it was for", () => {
  const turns = [turn("dnd", 1, 900), turn("Redis always", 1, 1_000, { generatorShare: 0.81 })];
  const cells = summarize([ROW], results(...turns));
  assert.equal(cells[0]?.voidReason, undefined);
  assert.match(cells[1]?.voidReason ?? "", /81 % of a core/);
  assert.match(table(cells), /VOID/);
  const found = figures({ cells, calibrations: [], memory: [] });
  const figure = found.find(({ name }) => name.startsWith("(b)"));
  assert.equal(figure?.verdict, "not measured");
  assert.match(figure?.note ?? "", /81 %/);
});

test("figures are reached, aimed, missed or not measured, and all are shown", () => {
  const verdicts = [1_000, 850, 500].map((rate) => {
    const cells = summarize([ROW], results(turn("dnd", 1, rate), turn("Redis always", 1, 1_000)));
    const found = figures({ cells, calibrations: [], memory: [] });
    assert.equal(figureTable(found).split("\n").length, found.length + 1);
    return found.find(({ name }) => name.startsWith("(b)"))?.verdict;
  });
  assert.deepEqual(verdicts, ["aim", "reached", "not reached"]);
});

test("failed requests make a comparison worth nothing", () => {
  const failing = turn("dnd", 1, 900);
  const cells = summarize(
    [ROW],
    results(
      { ...failing, measured: { ...failing.measured, failed: 3, problem: "BUSY" } },
      turn("Redis always", 1, 1_000),
    ),
  );
  const figure = figures({ cells, calibrations: [], memory: [] }).find(({ name }) =>
    name.startsWith("(b)"),
  );
  assert.equal(figure?.verdict, "not measured");
  assert.match(table(cells), /FAILED 3: BUSY/);
});

test("every figure has its rows: those of a default run, or of a full one", () => {
  const names = new Set(allGroups(100_000).flatMap(({ rows }) => rows.map(({ name }) => name)));
  for (const name of FIGURE_ROWS.split(",")) assert.ok(names.has(name) || name === "loop", name);
  assert.ok(names.has("keys/set/1e4 keys") && names.has("keys/set/1e7 keys"));
});

test("memory per key is what a million keys add", () => {
  const of = (keyCount: number, rssBytes: number) => ({
    group: "keys",
    label: "dnd",
    keyCount,
    rssBytes,
    anonymousBytes: rssBytes,
  });
  const found = figures({
    cells: [],
    calibrations: [],
    memory: [of(0, 100_000_000), of(100_000, 150_000_000), of(1_000_000, 350_000_000)],
  });
  const figure = found.find(({ name }) => name.startsWith("memory per key"));
  assert.equal(figure?.measured, 250);
  assert.equal(figure?.verdict, "reached");
});

test("latency may be ten times that of a bare sync, and 15 ms in any case", () => {
  const of = (p999: number) => ({
    group: "c",
    round: 1,
    syncsPerSecond: 1,
    syncMs: { p50: 0, p99: 0, p999, max: 0 },
    echoesPerSecond: 1,
    echoMs: { p50: 0, p99: 0, p999: 0, max: 0 },
  });
  assert.equal(latencyBound([]), 15);
  assert.equal(latencyBound([of(1)]), 15);
  assert.equal(latencyBound([of(4)]), 40);
});

test("the page holds every cell and figure, and asks for nothing from elsewhere", () => {
  const found = results(turn("dnd", 1, 900), turn("Redis always", 1, 1_000));
  found.missing.add("Debian's <etcd-server>");
  const cells = summarize([ROW], found);
  const html = page({
    machine: { date: "", commit: "", cpus: "", memory: "", kernel: "", versions: [] },
    options: { tier: "quick", rounds: 1, ms: 1, keyCount: 1, only: undefined, generators: 1 },
    groups: [{ name: "b", title: "(b) <synced>", rows: [ROW] }],
    cells,
    figures: figures({ cells, calibrations: [], memory: [] }),
    results: found,
    members: [],
  });
  assert.match(html, /\(b\) &lt;synced&gt;/);
  assert.match(html, /Debian's &lt;etcd-server&gt;/);
  assert.match(html, /Redis always/);
  assert.doesNotMatch(html, /https?:|url\(|@import|<script|<link/);
});
