/** Monotonic counts by stable kebab-case name, and how long things took: what the node did, for people and metrics. */
import { Durations } from "./durations.ts";
import type { CounterName } from "./metric-catalogue.ts";

export class Counters {
  readonly durations: Durations = new Durations();
  readonly #counts = new Map<CounterName, { count: number }>();

  add(name: CounterName, amount = 1): void {
    const counted = this.#counts.get(name);
    if (counted === undefined) this.#counts.set(name, { count: amount });
    else counted.count += amount;
  }

  get(name: CounterName): number {
    return this.#counts.get(name)?.count ?? 0;
  }

  /** All counts in order of name. */
  snapshot(): Readonly<Record<string, number>> {
    const counts = [...this.#counts].map(([name, { count }]) => [name, count] as const);
    return Object.fromEntries(counts.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
