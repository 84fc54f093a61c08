/** Closed-loop measuring: so many callers, each with one request under way, for so long; rate, latencies, CPU. */
import { build } from "hdr-histogram-js";

export interface Measured {
  /** Requests answered per second. */
  readonly rate: number;
  readonly requests: number;
  readonly failed: number;
  readonly latencyUsP50: number;
  readonly latencyUsP99: number;
}

/** Starts one request and calls `done` when it is answered. */
export type StartRequest = (done: (isOk: boolean) => void) => void;

export interface LoadOptions {
  readonly callers: number;
  readonly ms: number;
}

const LATENCY_US_MAX = 60_000_000;

/** Callers go on until the time is up; what was under way then is waited for and counted by its answer. */
export function measure(start: StartRequest, { callers, ms }: LoadOptions): Promise<Measured> {
  return new Promise((resolve) => {
    const histogram = build({
      highestTrackableValue: LATENCY_US_MAX,
      numberOfSignificantValueDigits: 3,
    });
    let requests = 0;
    let failed = 0;
    let running = callers;
    const beginMs = performance.now();
    const endMs = beginMs + ms;

    const call = (): void => {
      const startMs = performance.now();
      start((isOk) => {
        const nowMs = performance.now();
        if (isOk) requests += 1;
        else failed += 1;
        histogram.recordValue(Math.min(Math.round((nowMs - startMs) * 1_000), LATENCY_US_MAX));
        if (nowMs < endMs) {
          call();
          return;
        }
        running -= 1;
        if (running > 0) return;
        resolve({
          rate: requests / ((nowMs - beginMs) / 1_000),
          requests,
          failed,
          latencyUsP50: histogram.getValueAtPercentile(50),
          latencyUsP99: histogram.getValueAtPercentile(99),
        });
      });
    };
    for (let caller = 0; caller < callers; caller += 1) call();
  });
}

/** A promise of one request as a `StartRequest` reports it. */
export async function report(
  request: Promise<unknown>,
  done: (isOk: boolean) => void,
): Promise<void> {
  let isOk = true;
  try {
    isOk = (await request) !== undefined;
  } catch {
    isOk = false;
  }
  done(isOk);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
