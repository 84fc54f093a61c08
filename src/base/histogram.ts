/**
 * A histogram of durations in integer buckets, eight to each doubling: a percentile comes out at most an eighth too high.
 * Nothing is allocated when a duration is counted.
 */

/** Sixty-fourths of a millisecond are the unit; beyond a minute all is alike. */
const TICKS_PER_MS = 64;
const TICKS_MAX: number = 60_000 * TICKS_PER_MS;
const BUCKETS: number = bucketOf(TICKS_MAX) + 1;

export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(durationMs: number): void {
    const ticks = Math.min(TICKS_MAX, Math.max(0, Math.floor(durationMs * TICKS_PER_MS)));
    const bucket = bucketOf(ticks);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#total += 1;
  }

  /** The duration that `percent` of those in all `histograms` together do not exceed; 0 where there are none. */
  static percentile(histograms: readonly Histogram[], percent: number): number {
    let total = 0;
    for (const histogram of histograms) total += histogram.#total;
    if (total === 0) return 0;
    let left = Math.ceil((total * percent) / 100);
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      for (const histogram of histograms) left -= histogram.#counts[bucket] as number;
      if (left <= 0) return upperMs(bucket);
    }
    return upperMs(BUCKETS - 1);
  }

  /** What was added since `earlier`, which is a copy of this one at some moment before. */
  since(earlier: Histogram): Histogram {
    const added = new Histogram();
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      added.#counts[bucket] =
        (this.#counts[bucket] as number) - (earlier.#counts[bucket] as number);
    }
    added.#total = this.#total - earlier.#total;
    return added;
  }

  copy(): Histogram {
    return this.since(new Histogram());
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }
}

function bucketOf(ticks: number): number {
  if (ticks < 8) return ticks;
  const exponent = 31 - Math.clz32(ticks);
  return (exponent - 2) * 8 + ((ticks >> (exponent - 3)) & 7);
}

/** The least duration beyond a bucket. */
function upperMs(bucket: number): number {
  if (bucket < 8) return (bucket + 1) / TICKS_PER_MS;
  const shift = (bucket >> 3) - 1;
  return (((bucket & 7) + 9) * 2 ** shift) / TICKS_PER_MS;
}
