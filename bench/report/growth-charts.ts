/** The curves of a run: growth of keys and of nodes, and latency under rates below the peak. */
import type { Row } from "../plan/row.ts";
import type { MemorySample } from "../run/results.ts";
import { type Curve, lineChart } from "./line-chart.ts";
import type { Cell } from "./summary.ts";

const BYTES_PER_MIB = 1_024 ** 2;

export function keysCharts(
  cells: readonly Cell[],
  rows: readonly Row[],
  memory: readonly MemorySample[],
): string[] {
  const keysOf = new Map(rows.map(({ name, load }) => [name, load.keyCount]));
  const ofKeys = cells.filter(({ group }) => group === "keys");
  const labels = [...new Set(ofKeys.map(({ label }) => label))];
  const rates = labels.flatMap((label) =>
    (["set", "get"] as const).map(
      (operation): Curve => ({
        label: `${label}, ${operation}`,
        isDashed: operation === "get",
        points: ofKeys
          .filter((cell) => cell.label === label && cell.row.startsWith(`keys/${operation}/`))
          .map(({ row, rate }) => ({ x: keysOf.get(row) ?? 0, y: rate })),
      }),
    ),
  );
  const sizes = labels.map(
    (label): Curve => ({
      label,
      points: memory
        .filter((one) => one.group === "keys" && one.label === label && one.keyCount > 0)
        .map(({ keyCount, rssBytes }) => ({ x: keyCount, y: rssBytes / BYTES_PER_MIB })),
    }),
  );
  const axis = { xTitle: "keys", isXLogarithmic: true };
  return [
    lineChart({ title: "requests/s, one node, synced", curves: rates, ...axis }),
    lineChart({ title: "resident memory, MiB", curves: sizes, ...axis }),
  ].filter(Boolean);
}

export function nodesCharts(cells: readonly Cell[]): string[] {
  const curves = (["set", "get"] as const).map(
    (operation): Curve => ({
      label: `dnd, ${operation}`,
      isDashed: operation === "get",
      points: cells
        .filter(({ row }) => /^nodes-\d+\//.test(row) && row.endsWith(`/${operation}`))
        .map(({ group, rate }) => ({ x: Number(group.slice("nodes-".length)), y: rate })),
    }),
  );
  const title = "requests/s by nodes, all on this machine";
  return [lineChart({ title, xTitle: "nodes", curves, isXLogarithmic: false })].filter(Boolean);
}

export function openLoopCharts(cells: readonly Cell[]): string[] {
  const found = cells.filter(({ group, ratePerSecond }) => group === "open" && ratePerSecond);
  const curves = (["p50", "p99", "p999"] as const).map(
    (percentile): Curve => ({
      label: percentile === "p999" ? "p99.9" : percentile,
      isDashed: percentile === "p50",
      points: found.map(({ ratePerSecond = 0, latencyMs }) => ({
        x: ratePerSecond,
        y: latencyMs[percentile],
      })),
    }),
  );
  const title = "latency from the intended start, ms";
  const axes = { xTitle: "writes/s asked for", isXLogarithmic: false, isYLogarithmic: true };
  return [lineChart({ title, curves, ...axes })].filter(Boolean);
}
