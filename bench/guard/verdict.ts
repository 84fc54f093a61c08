/**
 * Whether a release is slower than the one before, from interleaved pairs: how many requests a CPU second buys, now by before.
 *
 * The mean of the ratios' logarithms, with a bootstrap interval: a doubling and a halving cancel. A regression is only called one
 * when the whole interval lies below the bound, so that a noisy machine makes the guard blind, never shrill.
 */
import type { Prng } from "../../src/base/prng.ts";
import { bootstrapMean } from "../report/statistics.ts";

/** The change of requests per CPU second that is too much: -15 %. */
export const CHANGE_MIN = -0.15;

/** CPU seconds per request of the two, measured one right after the other. */
export interface Pair {
  readonly before: number;
  readonly now: number;
}

export interface Verdict {
  /** Change of requests per CPU second: -0.1 is 10 % fewer. */
  readonly change: number;
  readonly low: number;
  readonly high: number;
  readonly isRegression: boolean;
}

export function verdict(pairs: readonly Pair[], random: Prng): Verdict {
  const logs = pairs.map(({ before, now }) => Math.log(before / now));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const interval = bootstrapMean(logs, random);
  const changeOf = (log: number): number => Math.exp(log) - 1;
  const high = changeOf(interval.high);
  return {
    change: changeOf(mean),
    low: changeOf(interval.low),
    high,
    isRegression: high < CHANGE_MIN,
  };
}
