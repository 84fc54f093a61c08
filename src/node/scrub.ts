/**
 * Scrub: reads every cell of the node, again and again, so that damage is found while other replicas can still heal it.
 *
 * Invariant: a pass takes its configured time, spread evenly over the slots, also across restarts; one batch is under way
 * at a time. What cannot be read at all is counted and passed over, never taken for empty.
 * Source: docs/ARCHITECTURE.md, "Damage"; Bairavasundaram et al., "An Analysis of Latent Sector Errors" (2007).
 */
import { decodeCell } from "../core/causality/cell-codec.ts";
import { nextStorageKey, parseCellKey, slotRange } from "../core/causality/storage-key.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import { type Slot, slotFrom } from "../model/slot.ts";
import type { Clock } from "../ports/clock.ts";
import type { ScanResult, Storage, StorageKey } from "../ports/storage.ts";
import type { Work } from "./background-share.ts";
import type { CellStore } from "./cell-store.ts";
import type { Counters } from "./counters.ts";
import type { ScrubProgress } from "./node-state.ts";

/** A bad sector a year and disk is found within a week, long before a second copy goes bad by chance. */
export const SCRUB_MS_DEFAULT: number = 7 * 86_400_000;
/** Of the configured time; the rest is for a node that was stopped, or held up by its load. */
const PASS_PERCENT = 90;
/** Read in one turn. */
const BATCH_ENTRIES_MAX = 512;
const BATCH_BYTES_MAX = 1024 * 1024;
/** Between two batches of a pass that is behind: at most 50 MB/s. */
const BATCH_PAUSE_MS = 20;
/** Between two looks at what is due. */
const WAIT_MS_MIN = 100;
const WAIT_MS_MAX = 60_000;
/** Progress is stored each time so many slots are done. */
const SAVE_SLOTS = 256;

export interface ScrubOptions {
  readonly cells: CellStore;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Begins a batch when background work may. */
  readonly admit: (work: Work) => void;
  /** Every cell is read within this time. */
  readonly periodMs: number;
  /** Where the former start was; `undefined` begins a pass. */
  readonly progress: ScrubProgress | undefined;
  readonly save: (progress: ScrubProgress) => void;
}

export class Scrub {
  readonly #options: ScrubOptions;
  /** Wall clock at which the pass began. */
  #startedMs = 0;
  /** Slots that are done. */
  #done = 0;
  /** Of the slot after them, the storage key it has come to; empty for its beginning. */
  #after: StorageKey = "";
  /** The range of the last batch could not be read, so its first slot is tried alone. */
  #isNarrowed = false;
  #isStarted = false;
  #isClosed = false;

  constructor(options: ScrubOptions) {
    this.#options = options;
  }

  /** Slots of this pass that were read, of SLOT_COUNT. */
  get slotsDone(): number {
    return this.#done;
  }

  start(): void {
    const { clock, progress } = this.#options;
    this.#isStarted = true;
    this.#startedMs = progress?.startedMs ?? clock.wallMs();
    this.#done = progress?.slotsDone ?? 0;
    this.#later(WAIT_MS_MIN);
  }

  /** Stores how far it has come; the next start goes on from there. */
  save(): void {
    if (!this.#isStarted || this.#isClosed) return;
    this.#options.save({ startedMs: this.#startedMs, slotsDone: this.#done });
  }

  close(): void {
    this.#isClosed = true;
  }

  #later(delayMs: number): void {
    this.#options.clock.after(delayMs, () => {
      if (!this.#isClosed) this.#step();
    });
  }

  #step(): void {
    const { periodMs, storage, admit } = this.#options;
    const due = this.#due();
    if (this.#done >= due) {
      const slotMs = (periodMs * PASS_PERCENT) / 100 / SLOT_COUNT;
      this.#later(Math.min(WAIT_MS_MAX, Math.max(WAIT_MS_MIN, slotMs)));
      return;
    }
    const first = slotFrom(this.#done);
    const last = this.#isNarrowed ? first : slotFrom(due - 1);
    const from = this.#after === "" ? slotRange(first).from : nextStorageKey(this.#after);
    const range = { from, before: slotRange(last).before };
    const bounds = { entriesMax: BATCH_ENTRIES_MAX, bytesMax: BATCH_BYTES_MAX };
    admit((release) => {
      storage.scan({ ...range, ...bounds }, (result) => {
        release();
        if (this.#isClosed) return;
        if (result.kind === "failed") this.#onUnreadable(first, last);
        else this.#onRead(result, last);
        this.#later(BATCH_PAUSE_MS);
      });
    });
  }

  /** How many slots are to be done by now. */
  #due(): number {
    const { clock, periodMs } = this.#options;
    const passMs = Math.max(1, Math.floor((periodMs * PASS_PERCENT) / 100));
    const nowMs = clock.wallMs();
    // A wall clock that was set back must not hold the pass up until it is there again.
    if (this.#startedMs > nowMs) this.#startedMs = nowMs - (this.#done / SLOT_COUNT) * passMs;
    const elapsed = (nowMs - this.#startedMs) / passMs;
    return Math.min(SLOT_COUNT, Math.floor(elapsed * SLOT_COUNT) + 1);
  }

  #onRead(result: Extract<ScanResult, { kind: "scanned" }>, last: Slot): void {
    const { cells, counters } = this.#options;
    for (const { key: storageKey, value } of result.entries) {
      const place = parseCellKey(storageKey);
      if (place === undefined) continue;
      const { key, field } = place;
      if (decodeCell(value, key, field) !== "damaged") continue;
      // By now something else may stand there: what counts is what the store finds, and reports.
      if (cells.findAnew(place).kind === "damaged") counters.add("scrub-cells-damaged");
    }
    counters.add("scrub-cells", result.entries.length);
    const end = result.entries.at(-1)?.key;
    const reached = end === undefined ? undefined : parseCellKey(end)?.slot;
    if (result.isComplete || end === undefined || reached === undefined) {
      this.#advance(last + 1, "");
    } else this.#advance(reached, end);
  }

  #onUnreadable(first: Slot, last: Slot): void {
    if (first !== last) {
      this.#isNarrowed = true;
      return;
    }
    this.#options.counters.add("scrub-slots-unreadable");
    this.#advance(first + 1, "");
  }

  #advance(slotsDone: number, after: StorageKey): void {
    const { counters, clock } = this.#options;
    const isFar = Math.floor(slotsDone / SAVE_SLOTS) > Math.floor(this.#done / SAVE_SLOTS);
    this.#done = slotsDone;
    this.#after = after;
    this.#isNarrowed = false;
    if (slotsDone >= SLOT_COUNT) {
      counters.add("scrub-passes");
      this.#done = 0;
      this.#startedMs = clock.wallMs();
    }
    if (isFar) this.save();
  }
}
