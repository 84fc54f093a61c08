/**
 * The text format of metrics that Prometheus and its kin read.
 *
 * Invariant: each family stands once, its type before its samples; a name has only letters, digits and `_`, and a label
 * value nothing that would end it.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
 */
import { assert } from "../../base/assert.ts";

export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

export interface HistogramSeries {
  readonly labels?: Labels;
  /** Of each bucket alone: one for each bound, and one beyond them all. */
  readonly counts: readonly number[];
  readonly sum: number;
}

interface Family {
  /** Snake case, with its unit: `_seconds`, `_bytes`, `_total` for what only grows. */
  readonly name: string;
  /** What it is, in a sentence. */
  readonly help: string;
}

export type MetricFamily = Family &
  (
    | { readonly type: "counter" | "gauge"; readonly samples: readonly Sample[] }
    | {
        readonly type: "histogram";
        /** Upper bounds of the buckets, inclusive, ascending, without the last one, which has none. */
        readonly bounds: readonly number[];
        readonly series: readonly HistogramSeries[];
      }
  );

const NAME = /^[a-z_][a-z0-9_]*$/;

export function metricsText(families: readonly MetricFamily[]): string {
  const lines: string[] = [];
  const names = new Set<string>();
  for (const family of families) {
    const { name, type, help } = family;
    assert(NAME.test(name) && !names.has(name), `a metric has a name of its own: ${name}`);
    names.add(name);
    lines.push(`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`);
    if (family.type === "histogram") {
      for (const series of family.series)
        lines.push(...histogramLines(name, family.bounds, series));
    } else {
      for (const { labels = {}, value } of family.samples) {
        lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
      }
    }
  }
  return `${lines.join("\n")}\n`;
}

function histogramLines(
  name: string,
  bounds: readonly number[],
  { labels = {}, counts, sum }: HistogramSeries,
): readonly string[] {
  assert(counts.length === bounds.length + 1, "there is a bucket beyond the last bound");
  let total = 0;
  const lines = counts.map((count, index) => {
    total += count;
    const le = numberText(bounds[index] ?? Number.POSITIVE_INFINITY);
    return `${name}_bucket${labelText({ ...labels, le })} ${total}`;
  });
  const own = labelText(labels);
  return [...lines, `${name}_sum${own} ${numberText(sum)}`, `${name}_count${own} ${total}`];
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([label, value]) => {
    assert(NAME.test(label), `a label has a plain name: ${label}`);
    return `${label}="${escaped(value).replaceAll('"', String.raw`\"`)}"`;
  });
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", String.raw`\\`).replaceAll("\n", String.raw`\n`);
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}
