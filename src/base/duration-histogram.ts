/**
 * A histogram of durations for those who watch from outside: few buckets with fixed bounds, each twice the one before, that can be
 * added up over nodes and subtracted over time. `Histogram` is finer, and for percentiles within the node.
 *
 * Invariant: counts only grow; counting a duration allocates nothing and costs a few nanoseconds.
 */

/** The least bound, 16 microseconds, in milliseconds. */
const LEAST_MS = 0.016;
/** The greatest is 67 seconds: beyond any deadline. */
const BOUND_COUNT = 23;
const UNITS_MAX: number = 2 ** (BOUND_COUNT - 1);

/** Upper bounds of the buckets in seconds, inclusive; durations beyond the last are in one more. */
export const DURATION_BOUNDS_S: readonly number[] = Array.from(
  { length: BOUND_COUNT },
  (_, bucket) => (16 * 2 ** bucket) / 1e6,
);

export class DurationHistogram {
  readonly #counts = new Float64Array(BOUND_COUNT + 1);
  #sumMs = 0;

  add(durationMs: number): void {
    // A bound belongs to the bucket below it; a clock that stood still gives the first bucket.
    const units = Math.ceil(durationMs / LEAST_MS);
    const bucket = units <= 1 ? 0 : units > UNITS_MAX ? BOUND_COUNT : 32 - Math.clz32(units - 1);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    if (durationMs > 0) this.#sumMs += durationMs;
  }

  /** Of each bucket alone, the one beyond all bounds last. */
  get counts(): readonly number[] {
    return [...this.#counts];
  }

  get total(): number {
    let total = 0;
    for (const count of this.#counts) total += count;
    return total;
  }

  get sumSeconds(): number {
    return this.#sumMs / 1_000;
  }
}
