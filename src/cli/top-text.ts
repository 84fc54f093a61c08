/** The picture of `dnd top`, in lines of at most 80 characters. */

import { grouped } from "./output.ts";
import type { Paint } from "./paint.ts";
import { fitted } from "./status-text.ts";
import type { TopRow } from "./top-rates.ts";

const COLUMNS: readonly (readonly [string, number])[] = [
  ["READ/s", 9],
  ["WRITE/s", 9],
  ["OTHER/s", 9],
  ["P50", 9],
  ["P99", 9],
  ["MET", 6],
  ["CPU", 6],
  ["RSS", 7],
];
const NODE_WIDTH = 16;
const MEBIBYTE = 1_048_576;
const PROBLEM_WIDTH: number = COLUMNS.reduce((sum, [, width]) => sum + width, 0) - 1;

export function topLines(rows: readonly TopRow[], paint: Paint): readonly string[] {
  const headings = COLUMNS.map(([name, width]) => name.padStart(width)).join("");
  return [
    paint("bold", `${fitted("NODE", NODE_WIDTH)}${headings}`),
    ...rows.map((row) => rowLine(row, paint)),
  ];
}

function rowLine(row: TopRow, paint: Paint): string {
  const name = fitted(row.node, NODE_WIDTH);
  if (row.problem !== undefined)
    return `${name} ${paint("red", fitted(row.problem, PROBLEM_WIDTH).trimEnd())}`;
  const { metRatio } = row;
  const cells = [
    rate(row.readsPerSecond),
    rate(row.writesPerSecond),
    rate(row.othersPerSecond),
    duration(row.p50Ms),
    duration(row.p99Ms),
    metRatio === undefined ? "-" : `${Math.floor(100 * metRatio)} %`,
    `${Math.round(100 * row.cpuRatio)} %`,
    memory(row.residentBytes / MEBIBYTE),
  ].map((cell, index) => cell.padStart(COLUMNS[index]?.[1] ?? 0));
  if (metRatio !== undefined && metRatio < 1) cells[5] = paint("yellow", cells[5] ?? "");
  const line = name + cells.join("");
  return row.node === "all" ? paint("bold", line) : line;
}

function rate(perSecond: number): string {
  if (perSecond >= 999_999) return `${(perSecond / 1e6).toFixed(2)} M`;
  return grouped(Math.round(perSecond));
}

function memory(mebibytes: number): string {
  return mebibytes < 1_000 ? `${Math.round(mebibytes)} M` : `${(mebibytes / 1_024).toFixed(1)} G`;
}

function duration(ms: number): string {
  if (ms === 0) return "-";
  if (ms >= 9_999) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 100 ? `${ms.toFixed(ms < 10 ? 2 : 1)} ms` : `${grouped(Math.round(ms))} ms`;
}
