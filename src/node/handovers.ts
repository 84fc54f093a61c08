/**
 * Which foreign slots are handed over, and when: in batches, those whose owners can all be reached.
 *
 * Invariant: at most BATCHES_MAX run at once, and a slot is in one of them at a time. A slot that fails waits for the
 * next round, and is then in a batch of at most half the size: one that fails ever again ends up alone, and takes no
 * other with it.
 */
import type { Placement } from "../core/placement/placement.ts";
import type { NodeId } from "../model/ids.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { Slot } from "../model/slot.ts";
import type { Clock } from "../ports/clock.ts";
import type { Storage } from "../ports/storage.ts";
import { Handover } from "./handover.ts";
import type { ExchangePorts } from "./slot-exchange.ts";

/** A slot whose handover failed waits about this long. */
const ROUND_MS = 1_000;
const BATCHES_MAX = 3;
const BATCH_SLOTS_MAX = 256;

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
  #foreignSlots = 0;
  #isStarting = false;
  #isClosed = false;
  /** Slots that failed, and of how many slots their next batch is at most. */
  readonly #slotsMax = new Map<Slot, number>();

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

  /** Slots with cells that belong to others, now; in ascending order. */
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
    this.#waiting = this.foreign().reverse();
    this.#foreignSlots = this.#waiting.length;
    this.#startMore();
  }

  #startMore(): void {
    // A handover may end within its own start: then this very loop goes on, instead of one inside it.
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#running < BATCHES_MAX && !this.#isClosed) {
      const slots = this.#nextBatch();
      if (slots.length === 0) break;
      this.#start(slots);
    }
    this.#isStarting = false;
  }

  #nextBatch(): Slot[] {
    const slots: Slot[] = [];
    let slotsMax = BATCH_SLOTS_MAX;
    for (;;) {
      const slot = this.#waiting.at(-1);
      if (slot === undefined) return slots;
      if (this.#isReachable(slot)) {
        slotsMax = Math.min(slotsMax, this.#slotsMax.get(slot) ?? BATCH_SLOTS_MAX);
        if (slots.length >= slotsMax) return slots;
        slots.push(slot);
      }
      this.#waiting.pop();
    }
  }

  #isReachable(slot: Slot): boolean {
    const { ports, placement } = this.#options;
    const now = placement();
    return [...now.primaries(slot), ...now.pending(slot)].every((node) => {
      const reach = ports.peers.reach(node);
      return reach === "up" || reach === "slow";
    });
  }

  #start(slots: readonly Slot[]): void {
    const { ports, storage, self, placement } = this.#options;
    this.#running += 1;
    const handover = new Handover({
      ports,
      storage,
      self,
      placement,
      slots,
      done: (kept) => {
        this.#running -= 1;
        for (const slot of slots) {
          if (kept.has(slot)) this.#slotsMax.set(slot, Math.max(1, Math.floor(slots.length / 2)));
          else this.#slotsMax.delete(slot);
        }
        ports.counters.add("slots-handed-over", slots.length - kept.size);
        this.#startMore();
      },
    });
    handover.start();
  }
}
