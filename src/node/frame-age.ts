/**
 * How long a frame lay about on its way: in a stopped process's buffers, say.
 *
 * Invariant: measured against the fastest frame of late on the same connection, between monotonic clocks on both sides, so
 * that no step of a wall clock makes frames look late.
 */

/** A frame's age is measured against the fastest one of about this long. */
const OFFSET_WINDOW_MS = 30_000;
/** Differences below this are scheduling, not lateness. */
const AGE_MS_MIN = 50;

export class FrameAge {
  /** Least difference seen between this clock and the sender's: what a frame takes without lying about. */
  #offsetMs = Number.POSITIVE_INFINITY;
  #sinceMs: number;
  #nextOffsetMs = Number.POSITIVE_INFINITY;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** Milliseconds that a frame lay about longer than the fastest of late. */
  of(sentMs: number, nowMs: number): number {
    const offsetMs = nowMs - sentMs;
    if (nowMs - this.#sinceMs > OFFSET_WINDOW_MS) {
      this.#sinceMs = nowMs;
      this.#offsetMs = Math.min(this.#nextOffsetMs, offsetMs);
      this.#nextOffsetMs = offsetMs;
    }
    this.#offsetMs = Math.min(this.#offsetMs, offsetMs);
    this.#nextOffsetMs = Math.min(this.#nextOffsetMs, offsetMs);
    const ageMs = offsetMs - this.#offsetMs;
    return ageMs < AGE_MS_MIN ? 0 : ageMs;
  }
}
