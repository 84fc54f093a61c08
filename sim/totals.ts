/** Sums of many runs, and the line that ends a report. */
import { neverReached } from "./probes.ts";
import type { RunReport } from "./run.ts";

export class Totals {
  readonly failed: number[] = [];
  seeds = 0;
  virtualMs = 0;
  operations = 0;
  events = 0;
  violations = 0;
  settledMsMax = 0;
  readonly fired = new Map<string, number>();
  readonly outcomes = new Map<string, number>();
  readonly counters = new Map<string, number>();
  readonly #nodes: number[] = [];
  readonly #operations: number[] = [];
  readonly #faultMs: number[] = [];

  add(report: RunReport): void {
    this.seeds += 1;
    this.virtualMs += report.virtualMs;
    this.operations += report.operations;
    this.events += report.events;
    this.violations += report.violations.length;
    this.settledMsMax = Math.max(this.settledMsMax, report.settledMs ?? 0);
    if (report.violations.length > 0) this.failed.push(report.seed);
    addAll(this.fired, report.fired);
    addAll(this.outcomes, report.outcomes);
    addAll(this.counters, report.counters);
    this.#nodes.push(report.machines);
    this.#operations.push(report.operations);
    this.#faultMs.push(report.faultMs);
  }

  /** Several lines: what ran, how requests ended, which faults struck, and the verdict. */
  text(wallMs: number): string {
    const rate = (this.seeds / (wallMs / 1_000)).toFixed(1);
    const faultSeconds = this.#faultMs.map((ms) => Math.round(ms / 1_000));
    return [
      `requests ${listOf(this.outcomes)}`,
      `faults   ${listOf(this.fired) || "none"}`,
      `counted  ${listOf(this.counters) || "nothing"}`,
      `never reached: ${neverReached(this.counters).join(", ") || "none"}`,
      `a seed   ${spreadOf(this.#nodes)} nodes, ${spreadOf(this.#operations)} operations, ${spreadOf(faultSeconds)} s of faults (median, least to most)`,
      `${this.seeds} seeds (${rate}/s), ${(this.virtualMs / 3_600_000).toFixed(2)} virtual hours, ${this.operations} operations, ${this.events} events, settled within ${(this.settledMsMax / 1_000).toFixed(0)} s, ${this.violations} violations in ${this.failed.length} seeds`,
    ].join("\n");
  }
}

function addAll(sums: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + count);
}

function listOf(sums: ReadonlyMap<string, number>): string {
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}

/** The middle of some numbers, and their ends. */
function spreadOf(numbers: readonly number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b);
  return `${sorted[sorted.length >> 1] ?? 0} (${sorted[0] ?? 0} to ${sorted.at(-1) ?? 0})`;
}
