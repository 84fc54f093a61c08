/** Samples of a benchmark to the table it prints: medians over rounds, and ratios to the calibration rows. */
import { type Measured, median } from "./measure.ts";
import type { Operation } from "./protocol.ts";

export interface Subject {
  readonly durability: string;
  readonly way: "fdatasync" | "echo" | "openNode" | "HTTP";
  readonly operation: Operation;
  readonly callers: number;
}

/** One row in one round. */
export interface Sample {
  readonly subject: Subject;
  readonly measured: Measured;
  /** Of each process: nodes 1 to 3 and the HTTP load generator. Empty for calibration. */
  readonly cpuSeconds: readonly number[];
}

/** Medians of one row over all rounds. */
export interface Row {
  readonly subject: Subject;
  readonly rate: number;
  readonly rateMin: number;
  readonly rateMax: number;
  readonly failed: number;
  readonly latencyUsP50: number;
  readonly latencyUsP99: number;
  /** CPU seconds per million requests, of each process. */
  readonly cpuPerMillion: readonly number[];
  /** Requests per bare sync, and per bare echo, of the same rounds. */
  readonly toSync: number;
  readonly toEcho: number;
}

export function summarize(samples: readonly Sample[]): Row[] {
  const groups = Map.groupBy(samples, ({ subject }) => JSON.stringify(subject));
  const rateOf = (durability: string, way: Subject["way"]): number =>
    median(
      samples
        .filter(({ subject }) => subject.durability === durability && subject.way === way)
        .map(({ measured }) => measured.rate),
    );
  return [...groups.values()].map((group) => {
    const [first] = group;
    if (first === undefined) throw new Error("a group without samples");
    const { subject } = first;
    const rates = group.map(({ measured }) => measured.rate);
    const rate = median(rates);
    return {
      subject,
      rate,
      rateMin: Math.min(...rates),
      rateMax: Math.max(...rates),
      failed: group.reduce((sum, { measured }) => sum + measured.failed, 0),
      latencyUsP50: median(group.map(({ measured }) => measured.latencyUsP50)),
      latencyUsP99: median(group.map(({ measured }) => measured.latencyUsP99)),
      cpuPerMillion: first.cpuSeconds.map((_, process) =>
        median(
          group.map(
            ({ measured, cpuSeconds }) => ((cpuSeconds[process] ?? 0) * 1e6) / measured.requests,
          ),
        ),
      ),
      toSync: rate / rateOf(subject.durability, "fdatasync"),
      toEcho: rate / rateOf(subject.durability, "echo"),
    };
  });
}

const HEAD = [
  ["", 9],
  ["way", 11],
  ["", 7],
  ["callers", 9],
  ["requests/s", 12],
  ["lowest", 9],
  ["highest", 9],
  ["p50 ms", 9],
  ["p99 ms", 9],
  ["/sync", 8],
  ["/echo", 8],
  ["  CPU s per million: node 1, 2, 3, client", 0],
] as const;

export function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const { durability, way, operation, callers } = row.subject;
    const isCalibration = row.cpuPerMillion.length === 0;
    return [
      durability,
      way,
      isCalibration ? "" : operation,
      callers,
      Math.round(row.rate),
      Math.round(row.rateMin),
      Math.round(row.rateMax),
      (row.latencyUsP50 / 1_000).toFixed(2),
      (row.latencyUsP99 / 1_000).toFixed(2),
      isCalibration ? "" : row.toSync.toFixed(2),
      isCalibration ? "" : row.toEcho.toFixed(3),
      `  ${row.cpuPerMillion.map((seconds) => seconds.toFixed(0)).join(", ")}${row.failed > 0 ? `  FAILED ${row.failed}` : ""}`,
    ];
  });
  return [HEAD.map(([name]) => name), ...lines]
    .map((line) =>
      line
        .map((cell, column) => {
          const width = HEAD[column]?.[1] ?? 0;
          return column < 3 ? String(cell).padEnd(width) : String(cell).padStart(width);
        })
        .join("")
        .trimEnd(),
    )
    .join("\n");
}
