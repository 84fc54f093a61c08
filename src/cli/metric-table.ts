/** The metrics of one node as a table that can be asked: what `top` and `doctor` read. */
import { readMetrics } from "../protocol/http/metrics-reader.ts";
import type { Labels } from "../protocol/http/metrics-text.ts";
import { failure } from "./cli-error.ts";

interface Row {
  readonly labels: Labels;
  readonly value: number;
}

export class MetricTable {
  readonly #rows = new Map<string, Row[]>();

  /** Throws `CliError` for what is not the text format. */
  constructor(text: string) {
    const families = readMetrics(text);
    if ("line" in families)
      throw failure("bad-metrics", `/metrics, line ${families.line}: ${families.reason}`);
    for (const { samples } of families) {
      for (const { name, labels, value } of samples) {
        const rows = this.#rows.get(name);
        if (rows === undefined) this.#rows.set(name, [{ labels, value }]);
        else rows.push({ labels, value });
      }
    }
  }

  /** All that match, added up; `undefined` where none does. */
  sum(name: string, matching: Labels = {}): number | undefined {
    const rows = this.#matching(name, matching);
    return rows.length === 0 ? undefined : rows.reduce((sum, { value }) => sum + value, 0);
  }

  /** The labels of the first sample. */
  labels(name: string): Labels {
    return this.#rows.get(name)?.[0]?.labels ?? {};
  }

  /** A histogram's buckets added up over all series that match, by bound, ascending; each counts what the ones before do. */
  buckets(name: string, matching: Labels = {}): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    for (const { labels, value } of this.#matching(`${name}_bucket`, matching)) {
      const bound = Number(labels["le"]?.replace("Inf", "Infinity"));
      counts.set(bound, (counts.get(bound) ?? 0) + value);
    }
    return new Map([...counts].sort(([a], [b]) => a - b));
  }

  #matching(name: string, matching: Labels): readonly Row[] {
    const wanted = Object.entries(matching);
    return (this.#rows.get(name) ?? []).filter(({ labels }) =>
      wanted.every(([label, value]) => labels[label] === value),
    );
  }
}
