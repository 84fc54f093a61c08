/**
 * Latencies in an HDR histogram: microseconds up to a minute, three significant digits. Histograms of generators and of
 * rounds are added up, never averaged: a percentile of a sum is one, a mean of percentiles is not.
 */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "hdr-histogram-js";

const LATENCY_US_MAX = 60_000_000;
const US_PER_MS = 1_000;

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export class Latencies {
  readonly #histogram: Histogram;

  constructor(histogram: Histogram = emptyHistogram()) {
    this.#histogram = histogram;
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** What is longer than a minute counts as a minute. */
  record(ms: number, count = 1): void {
    const us = Math.min(Math.max(1, Math.round(ms * US_PER_MS)), LATENCY_US_MAX);
    this.#histogram.recordValueWithCount(us, count);
  }

  /** How many took longer. */
  countAbove(ms: number): number {
    // The smallest percentile whose value is beyond it, by halving: the histogram has no such question.
    let low = 0;
    let high = 100;
    for (let step = 0; step < 50; step += 1) {
      const middle = (low + high) / 2;
      if (this.#histogram.getValueAtPercentile(middle) / US_PER_MS > ms) high = middle;
      else low = middle;
    }
    return Math.round((1 - low / 100) * this.count);
  }

  add(other: Latencies): void {
    this.#histogram.add(other.#histogram);
  }

  /** In milliseconds. */
  percentiles(): Percentiles {
    const at = (percentile: number): number =>
      this.#histogram.getValueAtPercentile(percentile) / US_PER_MS;
    return { p50: at(50), p99: at(99), p999: at(99.9), max: at(100) };
  }

  encode(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  static decode(text: string): Latencies {
    return new Latencies(decodeFromCompressedBase64(text));
  }

  static sum(parts: readonly Latencies[]): Latencies {
    const total = new Latencies();
    for (const part of parts) total.add(part);
    return total;
  }
}

function emptyHistogram(): Histogram {
  return build({ highestTrackableValue: LATENCY_US_MAX, numberOfSignificantValueDigits: 3 });
}
