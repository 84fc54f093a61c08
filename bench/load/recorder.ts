/** What one generator has counted so far. */
import { Latencies } from "./latencies.ts";

export class Recorder {
  readonly latencies: Latencies = new Latencies();
  requests = 0;
  failed = 0;
  bytesStored = 0;
  problem: string | undefined;

  /** `count` requests answered at once, each after `ms`. */
  answered(ms: number, count: number): void {
    this.requests += count;
    this.latencies.record(ms, count);
  }

  /** Failed requests have their latency counted too: a store that fails quickly must not look quick. */
  failedAfter(ms: number, count: number, problem: string): void {
    this.failed += count;
    this.problem ??= problem;
    this.latencies.record(ms, count);
  }
}
