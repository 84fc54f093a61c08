/**
 * The `Clock` port over the machine's own clocks and the runtime's event loop.
 *
 * Timers do not keep the process alive: a callback cannot be cancelled, so one set for a minute from now would
 * otherwise hold up the exit of a process that has closed its node.
 */
import { performance } from "node:perf_hooks";
import { assert } from "../../base/assert.ts";
import type { Clock } from "../../ports/clock.ts";

/** The runtime fires longer timers at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class SystemClock implements Clock {
  #turnMs = 0;
  #isInTurn = false;
  readonly #endTurn = (): void => {
    this.#isInTurn = false;
  };

  monotonicMs(): number {
    return performance.now();
  }

  turnMs(): number {
    if (!this.#isInTurn) {
      this.#isInTurn = true;
      this.#turnMs = performance.now();
      // Runs when the callback under way returns, before any other: of I/O, a timer or an immediate.
      process.nextTick(this.#endTurn);
    }
    return this.#turnMs;
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, callback: () => void): void {
    assert(
      delayMs >= 0 && delayMs < Number.POSITIVE_INFINITY,
      "a delay is finite and not negative",
    );
    wait(performance.now() + delayMs, callback);
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }
}

/** The runtime's timers count whole milliseconds and may be early by a part of one; the port's are never early. */
function wait(dueMs: number, callback: () => void): void {
  // Between the caller's reading and this one the process may have been put aside for longer than the delay.
  const leftMs = Math.min(Math.max(1, Math.ceil(dueMs - performance.now())), TIMER_MS_MAX);
  const timer = setTimeout(() => {
    if (performance.now() < dueMs) wait(dueMs, callback);
    else callback();
  }, leftMs);
  timer.unref();
}
