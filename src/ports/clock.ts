/** Time, as the node may know it. The simulator's clocks drift, step and pause. */

export interface Clock {
  /** Monotonic milliseconds, possibly fractional; the origin is arbitrary. */
  monotonicMs(): number;
  /**
   * `monotonicMs` as it was when this turn of the event loop first asked for it: one reading for all that happens in the turn, behind
   * by as much as that has taken. For when something came, went on or was answered; not for how long a computation takes, nor to
   * give a time limit to what comes from outside, who may have held up the turn themselves.
   */
  turnMs(): number;
  /** Wall-clock milliseconds since 1970, integer; may step either way. */
  wallMs(): number;
  /** Runs `callback` once, `delayMs` (>= 0) from now or later. Cannot be cancelled: callbacks check what they were set for. */
  after(delayMs: number, callback: () => void): void;
  /** Runs `callback` at the end of this turn of the event loop, after everything that is ready now. */
  defer(callback: () => void): void;
}
