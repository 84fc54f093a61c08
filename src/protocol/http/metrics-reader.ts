/**
 * Reads the text format of metrics, as strictly as `promtool check metrics` does and a little more: what `/metrics` of a node
 * says is numbers again, by name and labels.
 *
 * Invariant: it answers or says which line is wrong and why; it never throws. What does not follow the format is refused whole.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
 */
import type { Labels } from "./metrics-text.ts";

export interface ReadSample {
  /** With its `_bucket`, `_sum` or `_count` where its family is a histogram. */
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

export interface ReadFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly ReadSample[];
}

export interface MetricsFault {
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

const TYPES = new Set(["counter", "gauge", "histogram", "summary", "untyped"]);
const COMMENT = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;
const NUMBER = /^[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)$|^NaN$/;

interface OpenFamily {
  name: string;
  type: string;
  help: string;
  samples: ReadSample[];
}

export function readMetrics(text: string): readonly ReadFamily[] | MetricsFault {
  const families: OpenFamily[] = [];
  const known = new Set<string>();
  const seen = new Set<string>();
  const lines = text.split("\n");
  const fault = (index: number, reason: string): MetricsFault => ({ line: index + 1, reason });
  if (lines.pop() !== "") return fault(lines.length, "the last line has no end");
  for (const [index, line] of lines.entries()) {
    const family = families.at(-1);
    if (line.startsWith("#")) {
      const [, word, name = "", rest = ""] = COMMENT.exec(line) ?? [];
      if (word === undefined) return fault(index, "neither HELP nor TYPE");
      if (word === "HELP") {
        if (known.has(name)) return fault(index, `${name} has two places`);
        known.add(name);
        families.push({ name, type: "", help: unescaped(rest), samples: [] });
      } else if (family === undefined || family.name !== name || family.type !== "") {
        return fault(index, `a type of ${name} that does not follow its help`);
      } else if (!TYPES.has(rest)) return fault(index, `"${rest}" is no type`);
      else family.type = rest;
      continue;
    }
    const sample = readSample(line);
    if (typeof sample === "string") return fault(index, sample);
    if (family === undefined || family.type === "" || !belongs(sample.name, family))
      return fault(index, `${sample.name} is not of the family above it`);
    const names = Object.keys(sample.labels).sort((a, b) => (a < b ? -1 : 1));
    const labels = names.map((name) => [name, sample.labels[name]]);
    const identity = `${sample.name} ${JSON.stringify(labels)}`;
    if (seen.has(identity)) return fault(index, `${identity} is there twice`);
    seen.add(identity);
    family.samples.push(sample);
  }
  for (const family of families) {
    const reason = family.type === "histogram" ? histogramFault(family) : undefined;
    if (reason !== undefined) return fault(lines.length - 1, `${family.name}: ${reason}`);
  }
  return families;
}

function readSample(line: string): ReadSample | string {
  const [, name = "", labelText = "", numberText = ""] = SAMPLE.exec(line) ?? [];
  if (name === "") return "not a sample";
  if (!NUMBER.test(numberText)) return `"${numberText}" is no number`;
  const labels: Record<string, string> = {};
  let rest = labelText;
  while (rest !== "") {
    const [whole = "", label = "", value = ""] = LABEL.exec(rest) ?? [];
    if (whole === "") return "labels that cannot be read";
    if (Object.hasOwn(labels, label)) return `two labels ${label}`;
    labels[label] = unescaped(value);
    rest = rest.slice(whole.length);
  }
  return { name, labels, value: Number(numberText.replace("Inf", "Infinity")) };
}

function belongs(sample: string, { name, type }: OpenFamily): boolean {
  if (type !== "histogram") return sample === name;
  return sample === `${name}_bucket` || sample === `${name}_sum` || sample === `${name}_count`;
}

/** Buckets must not shrink, and the last one counts all. */
function histogramFault({ name, samples }: OpenFamily): string | undefined {
  const series = new Map<string, { last: number; bound: number; isEnded: boolean }>();
  for (const { name: sampleName, labels, value } of samples) {
    const { le, ...own } = labels;
    const key = JSON.stringify(own);
    const state = series.get(key) ?? { last: 0, bound: Number.NEGATIVE_INFINITY, isEnded: false };
    series.set(key, state);
    if (sampleName === `${name}_bucket`) {
      if (le === undefined) return "a bucket without a bound";
      const bound = Number(le.replace("+Inf", "Infinity"));
      if (!(bound > state.bound) || value < state.last) return `buckets out of order at ${le}`;
      Object.assign(state, { last: value, bound, isEnded: bound === Number.POSITIVE_INFINITY });
    } else if (sampleName === `${name}_count` && (!state.isEnded || value !== state.last)) {
      return "a count that is not that of the last bucket";
    }
  }
  return undefined;
}

function unescaped(text: string): string {
  return text.replace(/\\(["\\n])/g, (_, escape: string) => (escape === "n" ? "\n" : escape));
}
