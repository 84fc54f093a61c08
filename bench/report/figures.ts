/** The figures that the store is to reach, and what a run says of each. A figure that is not reached is shown like any other. */
import type { Calibration, MemorySample } from "../run/results.ts";
import { median } from "./statistics.ts";
import type { Cell } from "./summary.ts";

export type Verdict = "aim" | "reached" | "not reached" | "not measured";

export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** Whether more is better. */
  readonly isRatio: boolean;
  readonly reach: number;
  readonly aim: number;
  /** Absent where the run does not say. */
  readonly measured?: number;
  readonly verdict: Verdict;
  /** What was compared, or why nothing was. */
  readonly note: string;
}

/** The rows that figures are made from, as `--only` takes them; what only a full run has is not among them. */
export const FIGURE_ROWS: string = [
  "a/set",
  "a/set/16 in flight",
  "b/set",
  "b/set/16 in flight",
  "c/set",
  "c/set/16 in flight",
  "c/get",
  "m/set",
  "m/set/16 in flight",
  "d/get r=1/1 caller",
  "d/set/1 caller",
  "open/set/50 % of peak",
  "loop",
  "keys/set/1e6 keys",
].join(",");

/** What figures are made from. */
export interface Findings {
  readonly cells: readonly Cell[];
  readonly calibrations: readonly Calibration[];
  readonly memory: readonly MemorySample[];
}

interface Finding {
  readonly value: number;
  readonly note: string;
}

/** A finding, or why there is none. */
type Found = Finding | string;

const SYNC_FACTOR = 10;
const P999_MS_MIN = 15;
const EMPTY_KEYS = 0;
const MEMORY_KEYS = 1_000_000;

export function figures(findings: Findings): Figure[] {
  const { cells } = findings;
  const ratio = (row: string, others: readonly string[]): Found => ratioOf(cells, row, others);
  const etcd = ["etcd, any member", "etcd, leader", "etcd, gRPC, leader"];
  const loopback = (row: string): Found =>
    ratio(row, ["dnd, Redis client", "dnd, HTTP client", "dnd, HTTP r=1"]);
  const bound = latencyBound(findings.calibrations);
  return [
    atLeast("(a) memory, one node, vs Redis: plain", "x", [0.8, 1], ratio("a/set", ["Redis"])),
    atLeast("(a) ... 16 in flight", "x", [0.4, 0.6], ratio("a/set/16 in flight", ["Redis"])),
    atLeast(
      "(b) synced, one node, vs Redis always: plain",
      "x",
      [0.7, 1],
      ratio("b/set", ["Redis always"]),
    ),
    atLeast("(b) ... 16 in flight", "x", [0.4, 0.6], ratio("b/set/16 in flight", ["Redis always"])),
    atLeast("(c) W=2 synced writes vs etcd", "x", [2.5, 4], ratio("c/set", etcd)),
    atLeast(
      "(c) W=2 synced writes vs Redis + WAIT 1: plain",
      "x",
      [1, 1.5],
      ratio("c/set", ["Redis + WAIT 1"]),
    ),
    atLeast(
      "(c) ... 16 in flight",
      "x",
      [0.5, 0.8],
      ratio("c/set/16 in flight", ["Redis + WAIT 1"]),
    ),
    atMost("W=2 writes in memory, CPU of all nodes: plain", "us", [60, 40], cpuOf(cells, "m/set")),
    atMost("... 16 in flight", "us", [25, 15], cpuOf(cells, "m/set/16 in flight")),
    atLeast("(c) R=2 reads vs etcd's linearizable reads", "x", [2, 4], ratio("c/get", etcd)),
    atLeast(
      "(d) embedded local read (r=1) vs loopback client",
      "x",
      [20, 50],
      loopback("d/get r=1/1 caller"),
    ),
    atLeast(
      "(d) embedded synced W=2 write vs loopback client",
      "x",
      [1.2, 1.5],
      loopback("d/set/1 caller"),
    ),
    atMost(
      "p99.9 of W=2 synced writes at half of the peak",
      "ms",
      [bound, bound / 2],
      p999Of(cells),
    ),
    atMost("memory per key at 10^6 keys of 100 B", "B", [300, 100], memoryPerKey(findings.memory)),
    atLeast("throughput at 10^7 keys against 10^4", "x", [0.5, 0.8], growth(cells)),
    atMost("event-loop delay p99, full load, values to 64 KiB", "ms", [20, 10], loopDelay(cells)),
  ];
}

/** The greater of 15 ms and ten times what a bare sync takes at its 99.9th percentile. */
export function latencyBound(calibrations: readonly Calibration[]): number {
  const syncMs = median(calibrations.map(({ syncMs }) => syncMs.p999));
  return Math.max(P999_MS_MIN, Number.isNaN(syncMs) ? 0 : SYNC_FACTOR * syncMs);
}

type Bounds = readonly [reach: number, aim: number];

function atLeast(name: string, unit: string, [reach, aim]: Bounds, found: Found): Figure {
  return figure({ name, unit, isRatio: true, reach, aim }, found);
}

function atMost(name: string, unit: string, [reach, aim]: Bounds, found: Found): Figure {
  return figure({ name, unit, isRatio: false, reach, aim }, found);
}

function figure(of: Omit<Figure, "measured" | "verdict" | "note">, found: Found): Figure {
  if (typeof found === "string") return { ...of, verdict: "not measured", note: found };
  const { value, note } = found;
  const meets = (bound: number): boolean => (of.isRatio ? value >= bound : value <= bound);
  const verdict = meets(of.aim) ? "aim" : meets(of.reach) ? "reached" : "not reached";
  return { ...of, measured: value, verdict, note };
}

/** Against whichever of the others it does worst against. */
function ratioOf(cells: readonly Cell[], row: string, others: readonly string[]): Found {
  const ours = cells.find((cell) => cell.row === row);
  if (ours === undefined) return `no row ${row}`;
  const theirs = cells
    .filter((cell) => cell.row === row && others.includes(cell.label))
    .toSorted((a, b) => (a.ratio ?? 0) - (b.ratio ?? 0))[0];
  if (theirs?.ratio === undefined) return `${row} has nothing to compare with`;
  const bad = [ours, theirs].find((cell) => cell.voidReason !== undefined || cell.failed > 0);
  if (bad !== undefined) return `${row}, ${bad.label}: ${whyBad(bad)}`;
  const rates = `${Math.round(ours.rate)}/s and ${Math.round(theirs.rate)}/s`;
  return { value: theirs.ratio, note: `${row} vs ${theirs.label}: ${rates}` };
}

function whyBad(cell: Cell): string {
  return cell.voidReason ?? `${cell.failed} requests failed`;
}

/** One system's cell of a row, if it says something. */
function goodCell(cells: readonly Cell[], row: string): Cell | string {
  const cell = cells.find((candidate) => candidate.row === row);
  if (cell === undefined) return `no row ${row}`;
  if (cell.voidReason !== undefined || cell.failed > 0) return `${row}: ${whyBad(cell)}`;
  return cell;
}

function cpuOf(cells: readonly Cell[], row: string): Found {
  const cell = goodCell(cells, row);
  if (typeof cell === "string") return cell;
  // A second per million is a microsecond each.
  const value = cell.cpuPerMillion.reduce((sum, { seconds }) => sum + seconds, 0);
  return { value, note: `${row}, all nodes together` };
}

function p999Of(cells: readonly Cell[]): Found {
  const cell = goodCell(cells, "open/set/50 % of peak");
  if (typeof cell === "string") return cell;
  return { value: cell.latencyMs.p999, note: `at ${cell.ratePerSecond ?? 0}/s` };
}

function memoryPerKey(memory: readonly MemorySample[]): Found {
  const at = (keys: number): MemorySample | undefined =>
    memory.find((one) => one.group === "keys" && one.label === "dnd" && one.keyCount === keys);
  const empty = at(EMPTY_KEYS);
  const full = at(MEMORY_KEYS);
  if (empty === undefined || full === undefined) return `no run at ${MEMORY_KEYS} keys`;
  const value = (full.rssBytes - empty.rssBytes) / MEMORY_KEYS;
  const anonymous = (full.anonymousBytes - empty.anonymousBytes) / MEMORY_KEYS;
  return { value, note: `${anonymous.toFixed(0)} B of it not pages of files` };
}

function growth(cells: readonly Cell[]): Found {
  const few = goodCell(cells, "keys/set/1e4 keys");
  const many = goodCell(cells, "keys/set/1e7 keys");
  if (typeof few === "string") return few;
  if (typeof many === "string") return `${many}: --full has it`;
  return {
    value: many.rate / few.rate,
    note: `${Math.round(few.rate)}/s and ${Math.round(many.rate)}/s`,
  };
}

function loopDelay(cells: readonly Cell[]): Found {
  const found = cells.filter(({ group }) => group === "loop");
  const delays = found.flatMap(({ loopDelayMsP99 }) => loopDelayMsP99 ?? []);
  if (delays.length === 0) return "no row of the group loop";
  return { value: Math.max(...delays), note: "of the node that was latest" };
}

export function figureTable(all: readonly Figure[]): string {
  const head = ["figure", "reach", "aim", "measured", "", ""];
  const lines = all.map(({ name, unit, reach, aim, measured, verdict, note }) => [
    name,
    show(reach, unit),
    show(aim, unit),
    measured === undefined ? "" : show(measured, unit),
    verdict,
    note,
  ]);
  const widths = [52, 10, 10, 10, 14, 0];
  return [head, ...lines]
    .map((texts) =>
      texts
        .map((text, column) => {
          const width = widths[column] ?? 0;
          return column >= 1 && column <= 3 ? `${text.padStart(width - 2)}  ` : text.padEnd(width);
        })
        .join("")
        .trimEnd(),
    )
    .join("\n");
}

export function show(value: number, unit: string): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return unit === "x" ? `${value.toFixed(2)}x` : `${value.toFixed(digits)} ${unit}`;
}
