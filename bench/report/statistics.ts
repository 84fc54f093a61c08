/** Medians, and how sure a few pairs make one. */
import type { Prng } from "../../src/base/prng.ts";

const RESAMPLES = 10_000;

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Lowest and highest as a share of the median: 0.1 is "within 10 %, all together". */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * An interval that holds the mean of what `values` are a sample of, 19 times in 20: by resampling them with replacement
 * (Efron, "Bootstrap Methods", Annals of Statistics 1979). With one value it is that value: no knowledge, not certainty.
 */
export function bootstrapMean(values: readonly number[], random: Prng): Interval {
  const means: number[] = [];
  for (let resample = 0; resample < RESAMPLES; resample += 1) {
    let sum = 0;
    for (let draw = 0; draw < values.length; draw += 1) sum += random.pick(values);
    means.push(sum / values.length);
  }
  means.sort((a, b) => a - b);
  const at = (share: number): number => means[Math.floor(share * (RESAMPLES - 1))] ?? Number.NaN;
  return { low: at(0.025), high: at(0.975) };
}
