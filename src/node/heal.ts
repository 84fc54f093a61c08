/**
 * Heals damaged cells: asks the other primaries of a key for what they hold in the damaged place, and puts the merge of
 * it there.
 *
 * Invariant: a place leaves the queue only when what stands there can be read again, or nothing is to stand there. Bounded
 * by what the cell store remembers as damaged; HEALS_MAX are asked for at once; each is asked for again, ever more
 * rarely, until it is healed.
 * Source: docs/ARCHITECTURE.md, "Damage".
 */
import { Heap } from "../base/heap.ts";
import { type CellPlace, cellKey } from "../core/causality/storage-key.ts";
import type { Placement } from "../core/placement/placement.ts";
import { answersNeeded, judgeMending, type MendingVerdict } from "../core/replication/mending.ts";
import type { NodeId } from "../model/ids.ts";
import type { Slot } from "../model/slot.ts";
import type { Stamp } from "../model/stamp.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { StorageKey } from "../ports/storage.ts";
import type { Work } from "./background-share.ts";
import { type CellAnswer, merged, tallied } from "./cell-answer.ts";
import type { CellStore } from "./cell-store.ts";
import type { Counters } from "./counters.ts";

/** Cells asked for at once. */
const HEALS_MAX = 8;
const TICK_MS = 100;
/** A heal that could not be finished is tried again after this long, and twice as long each time. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;

export interface HealsOptions {
  readonly self: NodeId;
  readonly cells: CellStore;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  readonly placement: () => Placement;
  /** The slot's C here. */
  readonly collected: (slot: Slot) => Stamp;
  readonly ask: (to: NodeId, place: CellPlace, done: (answer: CellAnswer) => void) => void;
  /** Begins a heal when background work may. */
  readonly admit: (work: Work) => void;
  /** A cell of the slot was found damaged: this node is no authority on what the slot lacks. */
  readonly onDamaged?: (slot: Slot) => void;
}

interface Heal {
  readonly place: CellPlace;
  tries: number;
}

export class Heals {
  readonly #options: HealsOptions;
  /** By when they are due. */
  readonly #queue = new Heap<Heal>();
  readonly #known = new Set<StorageKey>();
  readonly #beyondHelp = new Set<StorageKey>();
  #running = 0;
  #isTicking = false;
  #isClosed = false;

  constructor(options: HealsOptions) {
    this.#options = options;
  }

  /** Cells of which every copy was found damaged, when they were last asked for. */
  get beyondHelp(): number {
    return this.#beyondHelp.size;
  }

  /** A cell was found damaged. */
  add(place: CellPlace): void {
    const { clock, counters, log, onDamaged } = this.#options;
    const storageKey = cellKey(place.slot, place.key, place.field);
    if (this.#isClosed || this.#known.has(storageKey)) return;
    if (this.#known.size === 0) log.log("warn", "damage-found", { slot: place.slot });
    this.#known.add(storageKey);
    counters.add("cells-found-damaged");
    onDamaged?.(place.slot);
    this.#queue.push(clock.monotonicMs(), { place, tries: 0 });
    this.#tickLater(0);
  }

  close(): void {
    this.#isClosed = true;
  }

  #tickLater(delayMs: number): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    // Never within the call that found the damage: that one is looking at cells.
    this.#options.clock.after(delayMs, () => {
      this.#isTicking = false;
      if (this.#isClosed) return;
      this.#startMore();
      if (this.#known.size > 0) this.#tickLater(TICK_MS);
    });
  }

  #startMore(): void {
    const nowMs = this.#options.clock.monotonicMs();
    while (this.#running < HEALS_MAX && this.#queue.leastRank <= nowMs) {
      const heal = this.#queue.pop();
      if (heal === undefined) return;
      this.#running += 1;
      this.#options.admit((release) => {
        this.#start(heal, () => {
          this.#running -= 1;
          release();
        });
      });
    }
  }

  #start(heal: Heal, asked: () => void): void {
    const { cells, self, placement, ask } = this.#options;
    const { slot, key, field } = heal.place;
    const now = placement();
    const others = now.primaries(slot).filter((node) => node !== self);
    const found = cells.find(slot, key, field);
    if (found.kind !== "damaged" || others.length === 0) {
      asked();
      if (found.kind === "held" || found.kind === "absent") this.#forget(heal);
      else this.#retry(heal, "later");
      return;
    }
    const answers: CellAnswer[] = [];
    let waiting = others.length;
    for (const other of others) {
      ask(other, heal.place, (answer) => {
        waiting -= 1;
        // What only a member that is being removed held is given up: nobody waits for its word.
        const isGivenUp = answer.kind === "silent" && now.removingIds.includes(other);
        if (!isGivenUp) answers.push(answer);
        if (waiting > 0) return;
        asked();
        if (this.#isClosed) return;
        // Whose answers tell all is a matter of the placement they were asked under.
        if (placement().epoch === now.epoch) this.#judge(heal, now, answers);
        else this.#retry(heal, "later");
      });
    }
  }

  #judge(heal: Heal, placement: Placement, answers: readonly CellAnswer[]): void {
    const { cells, collected, counters, self } = this.#options;
    const { slot, key, field } = heal.place;
    const isPrimary = placement.isPrimary(slot, self);
    const needed = answersNeeded(placement.primaries(slot).length, isPrimary);
    const { tally, given } = tallied(answers, collected(slot));
    const verdict = judgeMending(tally, needed);
    if (verdict === "later" || verdict === "all-damaged") return this.#retry(heal, verdict);
    const isDamaged = cells.find(slot, key, field).kind === "damaged";
    if (!cells.mend(slot, key, field, merged(heal.place, given))) {
      return this.#retry(heal, "later");
    }
    if (isDamaged) counters.add(verdict === "mend" ? "cells-mended" : "cells-lost");
    this.#forget(heal);
  }

  #retry(heal: Heal, verdict: MendingVerdict): void {
    const { clock } = this.#options;
    const { slot, key, field } = heal.place;
    const isBeyondHelp = verdict === "all-damaged";
    if (isBeyondHelp) this.#beyondHelp.add(cellKey(slot, key, field));
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(heal.tries, 10));
    heal.tries += 1;
    this.#queue.push(clock.monotonicMs() + (isBeyondHelp ? RETRY_MS_MAX : pauseMs), heal);
  }

  #forget({ place: { slot, key, field } }: Heal): void {
    const storageKey = cellKey(slot, key, field);
    this.#known.delete(storageKey);
    this.#beyondHelp.delete(storageKey);
    this.#startMore();
  }
}
