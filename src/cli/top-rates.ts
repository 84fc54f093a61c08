/** What happened at a node between two looks at it: a line of `dnd top`. */
import type { MemberReport } from "./every-member.ts";
import type { MetricTable } from "./metric-table.ts";

export interface TopRow {
  readonly node: string;
  /** Why there are no numbers; `undefined` where there are. */
  readonly problem: string | undefined;
  readonly readsPerSecond: number;
  readonly writesPerSecond: number;
  /** Read-modify-writes, listings and flushes. */
  readonly othersPerSecond: number;
  /** Milliseconds; 0 where there was no request. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** 0..1: requests that met their quorum, or were refused by their own condition; `undefined` where there was none. */
  readonly metRatio: number | undefined;
  /** 1 is one core. */
  readonly cpuRatio: number;
  readonly residentBytes: number;
}

const REQUESTS = "dnd_request_duration_seconds";
const NOTHING = {
  readsPerSecond: 0,
  writesPerSecond: 0,
  othersPerSecond: 0,
  p50Ms: 0,
  p99Ms: 0,
  metRatio: undefined,
  cpuRatio: 0,
  residentBytes: 0,
};

/** One row a member, and one of all together where there are several. */
export function topRows(
  before: readonly MemberReport[],
  now: readonly MemberReport[],
): readonly TopRow[] {
  const buckets: ReadonlyMap<number, number>[] = [];
  const rows = now.map(({ member: { id }, answer }) => {
    const earlier = before.find(({ member }) => member.id === id)?.answer;
    if (typeof answer === "string") return { node: id, problem: answer, ...NOTHING };
    if (earlier === undefined || typeof earlier === "string")
      return { node: id, problem: "it has just begun to answer", ...NOTHING };
    const spent = grownBuckets(earlier.metrics, answer.metrics);
    buckets.push(spent);
    return rowOf(id, spent, (answer.atMs - earlier.atMs) / 1_000, earlier.metrics, answer.metrics);
  });
  return rows.length < 2 ? rows : [...rows, together(rows, added(buckets))];
}

function rowOf(
  node: string,
  spent: ReadonlyMap<number, number>,
  seconds: number,
  before: MetricTable,
  now: MetricTable,
): TopRow {
  // Less than before: it was started anew.
  const grown = (name: string, labels = {}): number =>
    Math.max(0, (now.sum(name, labels) ?? 0) - (before.sum(name, labels) ?? 0));
  const count = (labels = {}): number => grown(`${REQUESTS}_count`, labels);
  const all = count();
  const reads = count({ kind: "read" });
  const writes = count({ kind: "write" });
  const met = count({ outcome: "met" }) + count({ outcome: "refused" });
  return {
    node,
    problem: undefined,
    readsPerSecond: reads / seconds,
    writesPerSecond: writes / seconds,
    othersPerSecond: (all - reads - writes) / seconds,
    p50Ms: percentileMs(spent, 50),
    p99Ms: percentileMs(spent, 99),
    metRatio: all === 0 ? undefined : met / all,
    cpuRatio: grown("process_cpu_seconds_total") / seconds,
    residentBytes: now.sum("process_resident_memory_bytes") ?? 0,
  };
}

function together(rows: readonly TopRow[], spent: ReadonlyMap<number, number>): TopRow {
  const sum = (part: (row: TopRow) => number): number =>
    rows.reduce((total, row) => total + part(row), 0);
  const requests = (row: TopRow): number =>
    row.readsPerSecond + row.writesPerSecond + row.othersPerSecond;
  const all = sum(requests);
  return {
    node: "all",
    problem: undefined,
    readsPerSecond: sum((row) => row.readsPerSecond),
    writesPerSecond: sum((row) => row.writesPerSecond),
    othersPerSecond: sum((row) => row.othersPerSecond),
    p50Ms: percentileMs(spent, 50),
    p99Ms: percentileMs(spent, 99),
    metRatio: all === 0 ? undefined : sum((row) => (row.metRatio ?? 0) * requests(row)) / all,
    cpuRatio: sum((row) => row.cpuRatio),
    residentBytes: sum((row) => row.residentBytes),
  };
}

function grownBuckets(before: MetricTable, now: MetricTable): ReadonlyMap<number, number> {
  const earlier = before.buckets(REQUESTS);
  const grown = [...now.buckets(REQUESTS)].map(
    ([bound, count]) => [bound, Math.max(0, count - (earlier.get(bound) ?? 0))] as const,
  );
  return new Map(grown);
}

function added(all: readonly ReadonlyMap<number, number>[]): ReadonlyMap<number, number> {
  const sum = new Map<number, number>();
  for (const buckets of all)
    for (const [bound, count] of buckets) sum.set(bound, (sum.get(bound) ?? 0) + count);
  return sum;
}

/** Interpolated within its bucket, as Prometheus does; of cumulative counts by bounds in seconds. */
export function percentileMs(buckets: ReadonlyMap<number, number>, percent: number): number {
  const total = buckets.get(Number.POSITIVE_INFINITY) ?? 0;
  if (total === 0) return 0;
  const rank = (total * percent) / 100;
  let lower = 0;
  let below = 0;
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      if (bound === Number.POSITIVE_INFINITY) return 1_000 * lower;
      const share = count === below ? 1 : (rank - below) / (count - below);
      return 1_000 * (lower + (bound - lower) * share);
    }
    lower = bound;
    below = count;
  }
  return 1_000 * lower;
}
