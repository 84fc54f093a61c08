/** A group of rows as a drawing: how many requests a second, and beside it how long they take. */
import type { Cell } from "./summary.ts";
import {
  colourOf,
  drawing,
  element,
  linear,
  logarithmic,
  powersOfTen,
  shortNumber,
  text,
} from "./svg.ts";

const WIDTH = 960;
const LABEL_X = 8;
const BARS: readonly [number, number] = [150, 430];
const LATENCY: readonly [number, number] = [600, 940];
const ROW_HEAD = 24;
const LINE = 20;
const BAR = 12;
const AXIS = 34;
/** Of milliseconds. */
const LATENCY_RANGE: readonly [number, number] = [0.01, 1_000];

export function groupChart(title: string, cells: readonly Cell[]): string {
  const rows = Map.groupBy(cells, ({ row }) => row);
  const height = AXIS + rows.size * ROW_HEAD + cells.length * LINE + 8;
  const parts = axis(height);
  let y = AXIS;
  for (const [row, ofRow] of rows) {
    parts.push(text(LABEL_X, y + 16, row.slice(row.indexOf("/") + 1), "row"));
    y += ROW_HEAD;
    const first = ofRow[0]?.label ?? "";
    // To scale within a row: rows differ by far more than systems do.
    const scale = linear(
      [0, Math.max(...ofRow.map(({ rateMax }) => rateMax))],
      [0, BARS[1] - BARS[0]],
    );
    for (const cell of ofRow) {
      parts.push(...rateBar(cell, first, y, scale), ...latencyRange(cell, y));
      y += LINE;
    }
  }
  return drawing(WIDTH, height, `${title}: requests a second and latencies`, parts);
}

function axis(height: number): string[] {
  const scale = logarithmic(LATENCY_RANGE, LATENCY);
  const parts = [
    text(BARS[0], 14, "requests/s: median, and lowest to highest round", "axis"),
    text(LATENCY[0], 14, "latency, ms: median, p99, p99.9", "axis"),
  ];
  for (const ms of powersOfTen(...LATENCY_RANGE)) {
    const x = scale(ms);
    parts.push(element("line", { x1: x, x2: x, y1: AXIS - 2, y2: height - 6, class: "grid" }));
    parts.push(text(x, AXIS - 6, String(ms), "tick"));
  }
  return parts;
}

/** `first`: whose rate ratios are of. */
function rateBar(cell: Cell, first: string, y: number, scale: (value: number) => number): string[] {
  const { label, rate, rateMin, rateMax, ratio, voidReason } = cell;
  const [start] = BARS;
  const colour = voidReason === undefined ? colourOf(label) : "void";
  const middle = y + BAR / 2;
  const [from, to] = [start + scale(rateMin), start + scale(rateMax)];
  const words = [
    `${shortNumber(rate)}/s`,
    ratio === undefined ? "" : `${first.replace(/[ ,].*/, "")} ${ratio.toFixed(2)}x`,
    voidReason === undefined ? "" : "void",
  ];
  return [
    text(LABEL_X + 12, y + 10, label),
    element(
      "rect",
      { x: start, y, width: Math.max(1, scale(rate)), height: BAR, rx: 2, class: `fill ${colour}` },
      element("title", {}, `${label}: ${shortNumber(rate)} requests a second`),
    ),
    element("line", { x1: from, x2: to, y1: middle, y2: middle, class: "whisker" }),
    text(to + 8, y + 10, words.filter(Boolean).join(" · ")),
  ];
}

function latencyRange({ label, latencyMs, voidReason }: Cell, y: number): string[] {
  const scale = logarithmic(LATENCY_RANGE, LATENCY);
  const colour = voidReason === undefined ? colourOf(label) : "void";
  const { p50, p99, p999 } = latencyMs;
  const cy = y + BAR / 2;
  const words = `${label}: p50 ${shortNumber(p50)}, p99 ${shortNumber(p99)}, p99.9 ${shortNumber(p999)} ms`;
  return [
    element(
      "g",
      { class: colour },
      element("title", {}, words) +
        element("line", { x1: scale(p50), x2: scale(p999), y1: cy, y2: cy, class: "stroke" }) +
        [p50, p99, p999]
          .map((ms, index) =>
            element("circle", { cx: scale(ms), cy, r: [5, 4, 3][index] ?? 3, class: "fill" }),
          )
          .join(""),
    ),
  ];
}
