/**
 * What a node does for its own cells in the background: heals what is damaged, looks for more; and how far it and the rest
 * of the background work have come.
 *
 * Invariant: all work begins when the background's share allows.
 */
import type { CellPlace } from "../core/causality/storage-key.ts";
import type { Placement } from "../core/placement/placement.ts";
import type { NodeId } from "../model/ids.ts";
import type { Slot } from "../model/slot.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Storage } from "../ports/storage.ts";
import { askForCell } from "./cell-answer.ts";
import type { GroupCommit } from "./group-commit.ts";
import { Heals } from "./heal.ts";
import type { CounterName } from "./metric-catalogue.ts";
import { loadScrub, scrubOperation } from "./node-state.ts";
import { Progress } from "./progress.ts";
import { Scrub } from "./scrub.ts";
import type { ExchangePorts } from "./slot-exchange.ts";

const SAMPLE_MS = 1_000;

export interface UpkeepOptions {
  readonly ports: ExchangePorts;
  readonly self: NodeId;
  readonly clock: Clock;
  readonly log: Log;
  readonly storage: Storage;
  readonly commit: GroupCommit;
  readonly placement: () => Placement;
  readonly scrubMs: number;
  /** Slots that are to be exchanged or handed over, as now known. */
  readonly slotsLeft: () => number;
  /** See `HealsOptions`. */
  readonly onDamaged: (slot: Slot) => void;
  /** About every second. */
  readonly onSample: () => void;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #heals: Heals;
  readonly #scrub: Scrub;
  readonly #progress = new Progress();
  #isClosed = false;

  constructor(options: UpkeepOptions) {
    const { ports, storage, commit } = options;
    this.#options = options;
    const parts = {
      ...options,
      cells: ports.cells,
      counters: ports.counters,
      admit: ports.share.admit.bind(ports.share),
    };
    this.#heals = new Heals({
      ...parts,
      collected: (slot) => ports.states.collected(slot),
      ask: (to, place, done) => askForCell(ports, to, place, done),
    });
    this.#scrub = new Scrub({
      ...parts,
      periodMs: options.scrubMs,
      progress: loadScrub(storage),
      save: (progress) => {
        const { key, value } = scrubOperation(progress);
        commit.put(key, value);
      },
    });
  }

  /** A cell was found damaged. */
  heal(place: CellPlace): void {
    this.#heals.add(place);
  }

  start(): void {
    this.#scrub.start();
    this.#sample();
  }

  /** Before an orderly end: the next start goes on from here. */
  save(): void {
    this.#scrub.save();
  }

  close(): void {
    this.#isClosed = true;
    this.#heals.close();
    this.#scrub.close();
  }

  get gauges(): Readonly<Record<string, number>> {
    const { cells, share } = this.#options.ports;
    return {
      ...this.#progress.gauges,
      "background-percent": Math.round(100 * share.share),
      "cells-damaged": cells.damaged,
      "cells-damaged-everywhere": this.#heals.beyondHelp,
      "foreground-p99-us": Math.round(1_000 * share.latencyMsP99),
      "foreground-target-us": Math.round(1_000 * share.targetMs),
      "scrub-slots-done": this.#scrub.slotsDone,
    };
  }

  #sample(): void {
    if (this.#isClosed) return;
    const { ports, clock, slotsLeft } = this.#options;
    const count = (...names: readonly CounterName[]): number =>
      names.reduce((sum, name) => sum + ports.counters.get(name), 0);
    this.#progress.sample(
      {
        slotsLeft: slotsLeft(),
        slotsDone: count("exchanges", "slots-handed-over"),
        cellsDone: count("exchange-cells-pulled", "exchange-cells-pushed", "foreign-cells-dropped"),
      },
      clock.monotonicMs(),
    );
    this.#options.onSample();
    clock.after(SAMPLE_MS, () => this.#sample());
  }
}
