/** Monotonic counts by stable kebab-case name, and how long things took: what the node did, for people and metrics. */
import { Durations } from "./durations.ts";
import type { CounterName } from "./metric-catalogue.ts";

export class Counters {
  readonly durations: Durations = new Durations();
  readonly #counts = new Map<CounterName, number>();

  add(name: CounterName, amount = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount);
  }

  get(name: CounterName): number {
    return this.#counts.get(name) ?? 0;
  }

  /** All counts in order of name. */
  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
