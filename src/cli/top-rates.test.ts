import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsText } from "../protocol/http/metrics-text.ts";
import type { ClusterMember, ClusterView } from "./cluster-view.ts";
import type { MemberReport } from "./every-member.ts";
import { MetricTable } from "./metric-table.ts";
import { unpainted } from "./paint.ts";
import { percentileMs, topRows } from "./top-rates.ts";
import { topLines } from "./top-text.ts";

interface Counts {
  readonly atMs: number;
  /** Below 1 ms, below 2 ms, beyond. */
  readonly reads: readonly number[];
  readonly shortWrites?: number;
  readonly cpuS?: number;
}

function reportOf(id: string, { atMs, reads, shortWrites = 0, cpuS = 0 }: Counts): MemberReport {
  const text = metricsText([
    {
      name: "dnd_request_duration_seconds",
      type: "histogram",
      help: "R.",
      bounds: [0.001, 0.002],
      series: [
        { labels: { kind: "read", outcome: "met" }, counts: reads, sum: 0 },
        { labels: { kind: "write", outcome: "short" }, counts: [0, shortWrites, 0], sum: 0 },
      ],
    },
    { name: "process_cpu_seconds_total", type: "counter", help: "C.", samples: [{ value: cpuS }] },
    {
      name: "process_resident_memory_bytes",
      type: "gauge",
      help: "M.",
      samples: [{ value: 100 * 2 ** 20 }],
    },
  ]);
  const metrics = new MetricTable(text);
  const answer = { view: {} as ClusterView, metrics, atMs, offsetMs: 0, uncertaintyMs: 0 };
  return { member: { id } as ClusterMember, answer };
}

test("a row is what happened between two looks, and the last one is all together", () => {
  const before = [
    reportOf("a", { atMs: 0, reads: [5, 5, 0], cpuS: 10 }),
    reportOf("b", { atMs: 0, reads: [0, 0, 0] }),
  ];
  const now = [
    reportOf("a", { atMs: 2_000, reads: [105, 105, 0], cpuS: 11, shortWrites: 50 }),
    reportOf("b", { atMs: 1_000, reads: [100, 0, 0] }),
  ];
  const [a, b, all] = topRows(before, now);
  assert.equal(a?.readsPerSecond, 100);
  assert.equal(a?.writesPerSecond, 25);
  assert.equal(a?.metRatio, 0.8);
  assert.equal(a?.cpuRatio, 0.5);
  assert.equal(b?.readsPerSecond, 100);
  assert.equal(b?.metRatio, 1);
  assert.deepEqual([all?.node, all?.readsPerSecond, all?.writesPerSecond], ["all", 200, 25]);
  assert.equal(all?.residentBytes, 200 * 2 ** 20);
});

test("a node that was started anew shows no negative rates, one that is away says why", () => {
  const before = [reportOf("a", { atMs: 0, reads: [500, 0, 0], cpuS: 90 })];
  const [again] = topRows(before, [reportOf("a", { atMs: 1_000, reads: [3, 0, 0], cpuS: 1 })]);
  assert.deepEqual([again?.readsPerSecond, again?.cpuRatio, again?.metRatio], [0, 0, undefined]);
  const away = { member: { id: "a" } as ClusterMember, answer: "no node answers" };
  assert.equal(topRows(before, [away])[0]?.problem, "no node answers");
  const back = topRows([away], [reportOf("a", { atMs: 1_000, reads: [3, 0, 0] })]);
  assert.match(back[0]?.problem ?? "", /just begun/);
});

test("percentiles are interpolated within a bucket, and stop at the last bound", () => {
  const buckets = new Map([
    [0.001, 50],
    [0.002, 100],
    [Number.POSITIVE_INFINITY, 100],
  ]);
  assert.equal(percentileMs(buckets, 50), 1);
  assert.equal(percentileMs(buckets, 75), 1.5);
  assert.equal(percentileMs(buckets, 100), 2);
  assert.equal(
    percentileMs(
      new Map([
        [0.001, 0],
        [Number.POSITIVE_INFINITY, 10],
      ]),
      50,
    ),
    1,
  );
  assert.equal(percentileMs(new Map(), 99), 0);
});

test("lines fit eighty columns, whatever the numbers", () => {
  const row = {
    node: "0123456789abcdef",
    problem: undefined,
    readsPerSecond: 123_456,
    writesPerSecond: 1_234_567,
    othersPerSecond: 99_999,
    p50Ms: 99.94,
    p99Ms: 59_999,
    metRatio: 0.999,
    cpuRatio: 0.99,
    residentBytes: 9_999 * 2 ** 20,
  };
  const away = { ...row, problem: "x".repeat(200) };
  const lines = topLines([row, { ...row, node: "all" }, away], unpainted);
  for (const line of lines) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  assert.match(lines[1] ?? "", / 123 456 +1\.23 M +99 999 +99\.9 ms +60\.0 s +99 % +99 % +9\.8 G$/);
});
