/**
 * The hybrid logical clock: mints the stamps of one boot, each above everything the node has seen.
 *
 * Invariant: no stamp is minted twice by one boot, and `mint` only ever goes up. The clock follows what it sees
 * by at most FOLLOW_MS_MAX beyond the wall clock, so that one wild clock cannot drag a cluster into the future;
 * a write over a wilder stamp is stamped beside the clock, without moving it.
 * Source: Kulkarni et al., "Logical Physical Clocks" (2014); docs/ARCHITECTURE.md, "Time".
 */
import { assert } from "../../base/assert.ts";
import type { BootId } from "../../model/ids.ts";
import { STAMP_COUNTER_MAX, STAMP_MS_MAX, type Stamp, stampFrom } from "../../model/stamp.ts";

/** How far beyond its wall clock a node follows what it sees: five minutes, far above any clock in order. */
export const FOLLOW_MS_MAX = 300_000;

/** Milliseconds of which the clock remembers the stamps it minted beside itself. */
const CARRIED_MS_MAX = 1_024;

/** A position of the clock: the stamp without its boot. Persisted with every commit. */
export interface ClockReading {
  readonly ms: number;
  readonly counter: number;
}

/** Where a clock starts: `floor` is the reading persisted last, `{ ms: 0, counter: 0 }` on a new directory. */
export interface ClockStart {
  readonly boot: BootId;
  readonly floor: ClockReading;
}

/** `wallMs` is everywhere the wall clock in integer milliseconds; it may step either way. */
export class HybridClock {
  #boot: BootId;
  #ms: number;
  #counter: number;
  /** Highest counter minted beside the clock, by millisecond: such a stamp must not be minted again. */
  readonly #carried = new Map<number, number>();

  /** Every stamp will be above `floor`. */
  constructor(start: ClockStart) {
    stampFrom(start.floor.ms, start.floor.counter, start.boot);
    this.#boot = start.boot;
    this.#ms = start.floor.ms;
    this.#counter = start.floor.counter;
  }

  /** The boot whose stamps are minted. */
  get boot(): BootId {
    return this.#boot;
  }

  /** A stamp above every reading minted or followed. */
  mint(wallMs: number): Stamp {
    assert(Number.isInteger(wallMs) && wallMs <= STAMP_MS_MAX, "a wall clock fits 48 bits");
    if (wallMs > this.#ms) {
      this.#ms = wallMs;
      this.#counter = 0;
    } else {
      this.#increment();
    }
    if (this.#carried.size > 0) this.#passCarried();
    return { ms: this.#ms, counter: this.#counter, boot: this.#boot };
  }

  /**
   * A stamp above `held`. Where `held` is within reach it is followed; where it is more than FOLLOW_MS_MAX beyond
   * the wall clock the stamp is the next one after it, and the clock stays. Only the last stamp that 48 bits of
   * milliseconds can spell has none above it: over that, the answer is as high as stamps go.
   */
  mintAbove(held: Stamp, wallMs: number): Stamp {
    if (!this.#isAtLeast(held.ms, held.counter) && !this.observe(held.ms, held.counter, wallMs)) {
      return this.#mintBeside(held);
    }
    return this.mint(wallMs);
  }

  /** Follows a reading seen in a stamp or a message; false if it is too far beyond the wall clock to be followed. */
  observe(ms: number, counter: number, wallMs: number): boolean {
    if (ms - wallMs > FOLLOW_MS_MAX) return false;
    if (!this.#isAtLeast(ms, counter)) {
      stampFrom(ms, counter, this.#boot);
      this.#ms = ms;
      this.#counter = counter;
    }
    return true;
  }

  /** The position: every stamp minted by `mint` so far is at or below it. */
  reading(): ClockReading {
    return { ms: this.#ms, counter: this.#counter };
  }

  /** Whether the clock itself is further ahead than it would follow: then the node must `restartAs` a new boot. */
  isAheadOfWall(wallMs: number): boolean {
    return this.#ms - wallMs > FOLLOW_MS_MAX;
  }

  /** Starts again from the wall clock. A fresh `boot` keeps the stamps unique, although readings repeat. */
  restartAs(boot: BootId, wallMs: number): void {
    assert(boot !== this.#boot, "a clock that goes back takes a new boot");
    stampFrom(Math.max(wallMs, 0), 0, boot);
    this.#boot = boot;
    this.#ms = Math.max(wallMs, 0);
    this.#counter = 0;
    this.#carried.clear();
  }

  #isAtLeast(ms: number, counter: number): boolean {
    return this.#ms > ms || (this.#ms === ms && this.#counter >= counter);
  }

  #increment(): void {
    if (this.#counter < STAMP_COUNTER_MAX) {
      this.#counter += 1;
      return;
    }
    assert(this.#ms < STAMP_MS_MAX, "the clock has not run out of milliseconds");
    this.#ms += 1;
    this.#counter = 0;
  }

  /** Lets the clock jump over what was minted beside it, when time has come that far. */
  #passCarried(): void {
    for (;;) {
      const carried = this.#carried.get(this.#ms);
      if (carried === undefined || carried < this.#counter) break;
      this.#counter = carried;
      this.#increment();
    }
    for (const ms of this.#carried.keys()) if (ms < this.#ms) this.#carried.delete(ms);
  }

  /**
   * The next stamp after `held` that this boot has not minted: two writes at once over the same wild cell must not
   * share one. What is remembered is bounded; a stamp repeated after that ties, and merge settles it by content.
   */
  #mintBeside(held: Stamp): Stamp {
    let ms = held.ms;
    let counter = Math.max(held.counter, this.#carried.get(ms) ?? 0);
    while (counter >= STAMP_COUNTER_MAX && ms < STAMP_MS_MAX) {
      ms += 1;
      counter = this.#carried.get(ms) ?? -1;
    }
    counter = Math.min(counter + 1, STAMP_COUNTER_MAX);
    this.#carried.delete(ms);
    this.#carried.set(ms, counter);
    if (this.#carried.size > CARRIED_MS_MAX) {
      for (const oldest of this.#carried.keys()) {
        this.#carried.delete(oldest);
        break;
      }
    }
    return stampFrom(ms, counter, this.#boot);
  }
}
