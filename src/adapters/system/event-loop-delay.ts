/**
 * Notices when the event loop stood still: a node that was away must doubt itself before its peers (Lifeguard's
 * local health), and an operator wants to see it.
 *
 * Invariant: a stall is told once, in the first turn after it, however long it was.
 */
import { performance } from "node:perf_hooks";
import { assert } from "../../base/assert.ts";

/** How often the loop is looked at: a stall this much shorter than a probe timeout cannot cost a probe. */
const PERIOD_MS = 50;

export interface EventLoopWatch {
  /** Ends it. */
  close(): void;
}

/**
 * Calls `onLag` with the milliseconds by which a turn came late, whenever that is `lagMinMs` (> 0) or more. A
 * stopped process (SIGSTOP, a suspended machine whose monotonic clock goes on) counts as one long stall.
 * Does not keep the process alive.
 */
export function watchEventLoop(lagMinMs: number, onLag: (lagMs: number) => void): EventLoopWatch {
  assert(lagMinMs > 0, "a lag worth telling is positive");
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const lagMs = nowMs - lastMs - PERIOD_MS;
    lastMs = nowMs;
    if (lagMs >= lagMinMs) onLag(lagMs);
  }, PERIOD_MS);
  timer.unref();
  return { close: () => clearInterval(timer) };
}
