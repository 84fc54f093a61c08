/** Sums of many runs, and the line that ends a report. */
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
  }

  /** Several lines: what ran, how requests ended, which faults struck, and the verdict. */
  text(wallMs: number): string {
    const rate = (this.seeds / (wallMs / 1_000)).toFixed(1);
    return [
      `requests ${listOf(this.outcomes)}`,
      `faults   ${listOf(this.fired) || "none"}`,
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
