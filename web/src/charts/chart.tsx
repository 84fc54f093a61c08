/** One chart, live: the last five minutes, with a mark where something happened to a member. */
import { effect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { toneOf } from "../parts/event-list.tsx";
import { clockText } from "../parts/text.ts";
import { events, numbers } from "../state/live.ts";
import { theme } from "../state/theme.ts";
import { type ChartPlan, columnsOf } from "./series.ts";

/** Seconds: at first a minute, growing as there is more to show. */
const WINDOW_MIN_S = 60;
const WINDOW_MAX_S = 300;
const HEIGHT = 150;
/** Below this all is alike on a logarithmic scale. */
const LEAST_MS = 0.01;

export function Chart({ plan }: { plan: ChartPlan }): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const values = useRef<HTMLUListElement>(null);

  useEffect(() => {
    const { current } = frame;
    if (current === null) return undefined;
    let chart: uPlot | undefined;
    const stopBuilding = effect(() => {
      // Colours are the theme's, and a chart takes them when it is made.
      if (theme.value === undefined) return;
      chart?.destroy();
      chart = new uPlot(optionsOf(plan, current), columnsOf(plan, numbers.peek()), current);
    });
    const stopFilling = effect(() => {
      const columns = columnsOf(plan, numbers.value);
      chart?.setData(columns);
      showLatest(values.current, plan, columns);
    });
    const observer = new ResizeObserver(() => {
      chart?.setSize({ width: current.clientWidth, height: HEIGHT });
    });
    observer.observe(current);
    return () => {
      observer.disconnect();
      stopFilling();
      stopBuilding();
      chart?.destroy();
    };
  }, [plan]);

  return (
    <section class="chart panel" aria-label={plan.title}>
      <header>
        <h2>{plan.title}</h2>
        <p class="muted">{plan.help}</p>
      </header>
      <div ref={frame} class="plot" aria-hidden="true" />
      <ul ref={values} class="latest">
        {plan.lines.map(({ label, colour }) => (
          <li key={label}>
            <span
              class="swatch"
              style={{ background: `var(--line-${colour})` }}
              aria-hidden="true"
            />
            {label} <span class="num value">–</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Written past the framework: a dozen charts, each second. */
function showLatest(
  list: HTMLUListElement | null,
  plan: ChartPlan,
  columns: ReturnType<typeof columnsOf>,
): void {
  for (const [index, value] of [...(list?.querySelectorAll(".value") ?? [])].entries()) {
    const latest = columns[index + 1]?.at(-1);
    const text = latest === null || latest === undefined ? "–" : plan.text(latest);
    if (value.textContent !== text) value.textContent = text;
  }
}

function optionsOf(plan: ChartPlan, frame: HTMLElement): uPlot.Options {
  const style = getComputedStyle(frame);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--muted"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: `11px ${style.fontFamily}`,
  };
  return {
    width: frame.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    padding: [8, 26, 0, 0],
    scales: {
      x: { range: (_chart, min, max) => [max - windowFor(max - min), max] },
      y:
        plan.isLogarithmic === true
          ? { distr: 3, range: logarithmic }
          : { range: fromZero(plan.isCount === true ? 4 : 1) },
    },
    axes: [
      {
        ...axis,
        space: 90,
        size: 26,
        values: (_chart, splits) => splits.map((at) => clockText(at * 1_000)),
      },
      {
        ...axis,
        size: 62,
        space: 34,
        values: (_chart, splits) =>
          splits.map((value) => (value === null || value === undefined ? "" : plan.text(value))),
      },
    ],
    series: [
      {},
      ...plan.lines.map(({ label, colour: index }) => ({
        label,
        stroke: colour(`--line-${index}`),
        width: 1.75,
        spanGaps: false,
        points: { size: 4 },
      })),
    ],
    hooks: { drawClear: [(chart) => drawEvents(chart, colour)] },
  };
}

function windowFor(spanS: number): number {
  return Math.min(WINDOW_MAX_S, Math.max(WINDOW_MIN_S, spanS || 0));
}

function logarithmic(_chart: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  const low = Math.max(LEAST_MS, min ?? 0.1);
  const high = Math.max(low * 10, max ?? 10);
  return [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high))];
}

function fromZero(leastTop: number): uPlot.Scale.Range {
  return (_chart, _min, max) => [0, Math.max(leastTop, (max ?? 0) * 1.15)];
}

function drawEvents(chart: uPlot, colour: (name: string) => string): void {
  const { ctx, bbox } = chart;
  const { min, max } = chart.scales["x"] ?? {};
  if (min === undefined || max === undefined || min === null || max === null) return;
  ctx.save();
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const event of events.peek()) {
    const at = event.atMs / 1_000;
    if (event.node === undefined || at < min || at > max) continue;
    const x = chart.valToPos(at, "x", true);
    ctx.strokeStyle = colour(`--tone-${toneOf(event)}`);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
