/** Curves: how an amount grows with another. */
import {
  colourOf,
  drawing,
  element,
  linear,
  logarithmic,
  powersOfTen,
  roundSteps,
  shortNumber,
  text,
} from "./svg.ts";

const WIDTH = 470;
const HEIGHT = 270;
const PLOT = { left: 66, right: 350, top: 34, bottom: 226 } as const;
/** Names stand to the right of the ends of curves, and so far apart. */
const NAME_GAP = 13;

export interface Curve {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Dashes tell two curves of one system apart. */
  readonly isDashed?: boolean;
}

export interface LineChart {
  readonly title: string;
  readonly xTitle: string;
  readonly curves: readonly Curve[];
  readonly isXLogarithmic: boolean;
  /** For amounts that lie far apart; else from 0. */
  readonly isYLogarithmic?: boolean;
}

/** Nothing where there is no more than one place on the axis: that is no curve. */
export function lineChart(chart: LineChart): string {
  const { title, xTitle, curves, isXLogarithmic, isYLogarithmic = false } = chart;
  const drawn = curves.filter(({ points }) => points.length > 0);
  const all = drawn.flatMap(({ points }) => points);
  const xs = [...new Set(all.map((point) => point.x))].toSorted((a, b) => a - b);
  if (xs.length < 2) return "";
  const [low = 0, high = 1] = [xs[0], xs.at(-1)];
  const range = [PLOT.left, PLOT.right] as const;
  const x = isXLogarithmic ? logarithmic([low, high], range) : linear([low, high], range);
  const ys = all.map((point) => point.y);
  const steps = isYLogarithmic ? powersAround(ys) : roundSteps(Math.max(...ys));
  const ends = [steps[0] ?? 0, steps.at(-1) ?? 1] as const;
  const y = (isYLogarithmic ? logarithmic : linear)(ends, [PLOT.bottom, PLOT.top]);
  const parts = [
    text(PLOT.left, 16, title, "row"),
    text(PLOT.right, HEIGHT - 10, xTitle, "axis end"),
  ];
  for (const step of steps) {
    const at = y(step);
    parts.push(element("line", { x1: PLOT.left, x2: PLOT.right, y1: at, y2: at, class: "grid" }));
    parts.push(text(PLOT.left - 6, at + 4, shortNumber(step), "end"));
  }
  for (const mark of isXLogarithmic ? powersOfTen(low, high) : xs) {
    parts.push(
      text(x(mark), PLOT.bottom + 18, isXLogarithmic ? power(mark) : String(mark), "tick"),
    );
  }
  for (const curve of drawn) parts.push(curveOf(curve, x, y));
  parts.push(...names(drawn, x, y));
  return drawing(WIDTH, HEIGHT, title, parts);
}

/** Powers of ten from below the lowest to above the highest. */
function powersAround(values: readonly number[]): number[] {
  const low = 10 ** Math.floor(Math.log10(Math.min(...values)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...values)));
  return powersOfTen(low, Math.max(high, 10 * low));
}

function curveOf(
  { label, points, isDashed = false }: Curve,
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const path = points
    .map(
      (point, index) =>
        `${index === 0 ? "M" : "L"}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`,
    )
    .join("");
  const dots = points.map((point) =>
    element(
      "circle",
      { cx: x(point.x), cy: y(point.y), r: 3.5, class: "fill" },
      element("title", {}, `${label}: ${shortNumber(point.y)}`),
    ),
  );
  const line = element("path", { d: path, class: isDashed ? "stroke dashed" : "stroke" });
  return element("g", { class: colourOf(label) }, line + dots.join(""));
}

/** Beside the last points, moved apart where they would lie on one another. */
function names(
  curves: readonly Curve[],
  x: (value: number) => number,
  y: (value: number) => number,
): string[] {
  const ends = curves
    .flatMap(({ label, points }) => {
      const last = points.at(-1);
      return last === undefined ? [] : [{ label, x: x(last.x), y: y(last.y) + 4 }];
    })
    .toSorted((a, b) => a.y - b.y);
  let above = Number.NEGATIVE_INFINITY;
  return ends.map((end) => {
    above = Math.max(end.y, above + NAME_GAP);
    return text(end.x + 9, above, end.label, `${colourOf(end.label)} name`);
  });
}

function power(value: number): string {
  const digits = Math.round(Math.log10(value));
  return `10${String(digits).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)] ?? "")}`;
}
