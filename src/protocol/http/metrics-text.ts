/**
 * The text format of metrics that Prometheus and its kin read.
 *
 * Invariant: each family stands once, its type before its samples; a name has only letters, digits and `_`, and a label
 * value nothing that would end it.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
 */
import { assert } from "../../base/assert.ts";

export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricFamily {
  /** Snake case, with its unit: `_seconds`, `_bytes`, `_total` for what only grows. */
  readonly name: string;
  readonly type: "counter" | "gauge";
  /** What it is, in a sentence. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

const NAME = /^[a-z_][a-z0-9_]*$/;

export function metricsText(families: readonly MetricFamily[]): string {
  const lines: string[] = [];
  const names = new Set<string>();
  for (const { name, type, help, samples } of families) {
    assert(NAME.test(name) && !names.has(name), `a metric has a name of its own: ${name}`);
    names.add(name);
    lines.push(`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`);
    for (const { labels = {}, value } of samples) {
      lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
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
