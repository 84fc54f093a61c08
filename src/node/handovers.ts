/**
 * Which foreign slots are handed over, and when: several at once, round robin, those whose owners can all be reached.
 *
 * Invariant: at most HANDOVERS_MAX run at once; one that fails waits for the next round and holds up no other.
 */
import type { Placement } from "../core/placement/placement.ts";
import type { NodeId } from "../model/ids.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { Slot } from "../model/slot.ts";
import type { Clock } from "../ports/clock.ts";
import type { Storage } from "../ports/storage.ts";
import { handOver } from "./handover.ts";
import type { ExchangePorts } from "./slot-exchange.ts";

/** A slot whose handover failed waits about this long. */
const ROUND_MS = 1_000;
const HANDOVERS_MAX = 64;

export interface HandoversOptions {
  readonly ports: ExchangePorts;
  readonly self: NodeId;
  readonly clock: Clock;
  readonly storage: Storage;
  readonly placement: () => Placement;
}

export class Handovers {
  readonly #options: HandoversOptions;
  /** Slots of this round still to be begun, the last one first. */
  #waiting: Slot[] = [];
  #running = 0;
  #roundMs = 0;
  #from = 0;
  #foreignSlots = 0;
  #isStarting = false;
  #isClosed = false;

  constructor(options: HandoversOptions) {
    this.#options = options;
  }

  /** Slots with cells that belong to others, as counted when the last round began. */
  get foreignSlots(): number {
    return this.#foreignSlots;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Slots with cells that belong to others, now. */
  foreign(): Slot[] {
    const { placement, self, ports } = this.#options;
    const now = placement();
    const foreign: Slot[] = [];
    for (let index = 0; index < SLOT_COUNT; index += 1) {
      const slot = index as Slot;
      if (ports.cells.hashes.count(slot) > 0 && !now.isHolder(slot, self)) foreign.push(slot);
    }
    return foreign;
  }

  /** Begins a round when the one before is over. */
  tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#running > 0 || this.#waiting.length > 0 || nowMs < this.#roundMs) return;
    this.#roundMs = nowMs + ROUND_MS;
    const foreign = this.foreign();
    this.#foreignSlots = foreign.length;
    const inOrder = [
      ...foreign.filter((slot) => slot >= this.#from),
      ...foreign.filter((slot) => slot < this.#from),
    ];
    this.#waiting = inOrder.filter((slot) => this.#isReachable(slot)).reverse();
    this.#startMore();
  }

  #isReachable(slot: Slot): boolean {
    const { ports, placement } = this.#options;
    const now = placement();
    return [...now.primaries(slot), ...now.pending(slot)].every((node) => {
      const reach = ports.peers.reach(node);
      return reach === "up" || reach === "slow";
    });
  }

  #startMore(): void {
    // A handover may end within its own start: then this very loop goes on, instead of one inside it.
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#running < HANDOVERS_MAX && !this.#isClosed) {
      const slot = this.#waiting.pop();
      if (slot === undefined) break;
      this.#start(slot);
    }
    this.#isStarting = false;
  }

  #start(slot: Slot): void {
    const { ports, storage, self, placement } = this.#options;
    this.#running += 1;
    this.#from = slot + 1;
    ports.share.admit((release) =>
      handOver({
        ports,
        storage,
        self,
        placement,
        slot,
        done: (isComplete) => {
          release();
          this.#running -= 1;
          if (isComplete) ports.counters.add("slots-handed-over");
          this.#startMore();
        },
      }),
    );
  }
}
