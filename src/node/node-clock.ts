/**
 * The hybrid clock of this node over its wall clock, above what was stored of it and what the node has promised.
 *
 * Invariant: no stamp is at or below the node's low-water mark; a clock that had run far ahead of its wall clock goes back
 * under another boot id, so that stamps stay unique.
 */
import { type ClockReading, HybridClock } from "../core/causality/hybrid-clock.ts";
import { type BootId, bootIdFrom } from "../model/ids.ts";
import { compareStamps, maxStamp, type Stamp, stampFrom } from "../model/stamp.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Counters } from "./counters.ts";

export interface NodeClockOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  /** As stored last: a start begins above it. */
  readonly floor: ClockReading;
  /** What the node has promised to stamp nothing at or below. */
  readonly mark: () => Stamp;
}

export class NodeClock {
  readonly #options: NodeClockOptions;
  readonly #hybrid: HybridClock;
  #boot: BootId;

  constructor(options: NodeClockOptions) {
    const { clock, random, floor } = options;
    this.#options = options;
    this.#boot = bootIdFrom(random.next53());
    this.#hybrid = new HybridClock({ boot: this.#boot, floor });
    this.#hybrid.mint(clock.wallMs());
  }

  /** The boot whose stamps are minted. */
  get boot(): BootId {
    return this.#boot;
  }

  reading(): ClockReading {
    return this.#hybrid.reading();
  }

  /** The reading as a stamp: below all that is minted from now on, of whatever boot. */
  stamp(): Stamp {
    const { ms, counter } = this.#hybrid.reading();
    return { ms, counter, boot: 0 };
  }

  /** Above all stamps merged before this start, as far as they were followed. */
  stampAtStart(): Stamp {
    const { ms, counter } = this.#hybrid.reading();
    return stampFrom(ms, counter, this.#boot);
  }

  mint(): Stamp {
    const wallMs = this.#options.clock.wallMs();
    if (this.#hybrid.isAheadOfWall(wallMs)) {
      // The wall clock had been far ahead and was set right: stamps go back with it, under another boot id.
      this.#boot = bootIdFrom(this.#options.random.next53());
      this.#hybrid.restartAs(this.#boot, wallMs);
      this.#options.counters.add("clock-restarts");
    }
    const stamp = this.#hybrid.mint(wallMs);
    const mark = this.#options.mark();
    // A wall clock set back by more than the grace: what was promised of stamps stands.
    return compareStamps(stamp, mark) > 0 ? stamp : this.#hybrid.mintAbove(mark, wallMs);
  }

  mintAbove(held: Stamp): Stamp {
    const above = maxStamp(held, this.#options.mark());
    return this.#hybrid.mintAbove(above, this.#options.clock.wallMs());
  }

  observe(ms: number, counter: number): void {
    this.#hybrid.observe(ms, counter, this.#options.clock.wallMs());
  }
}
