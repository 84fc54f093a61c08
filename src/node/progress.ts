/**
 * How far a change has come: slots done and left since there was last nothing to do, how fast, and about how long it will
 * take.
 *
 * Invariant: numbers only, told by those who do the work; a rate is that of the last RATE_MS, so that a change that stands
 * still shows as one.
 */

const RATE_MS = 10_000;
/** One sample a second, and one more to measure from. */
const SAMPLES_MAX = 11;

/** What there is to do, and what was done since start. */
export interface WorkSample {
  readonly slotsLeft: number;
  readonly slotsDone: number;
  readonly cellsDone: number;
}

interface TimedSample extends WorkSample {
  readonly atMs: number;
}

export interface ProgressReport {
  readonly slotsLeft: number;
  /** Of this change. */
  readonly slotsDone: number;
  readonly slotsPerSecond: number;
  readonly cellsPerSecond: number;
  /** `undefined` while nothing is done. */
  readonly secondsLeft: number | undefined;
}

export class Progress {
  readonly #samples: TimedSample[] = [];
  /** Of the change under way: the slots that had been done before it. */
  #doneBefore = 0;

  /** To be called about once a second. */
  sample(work: WorkSample, nowMs: number): void {
    const last = this.#samples.at(-1);
    if (last === undefined || last.slotsLeft === 0) this.#doneBefore = last?.slotsDone ?? 0;
    this.#samples.push({ ...work, atMs: nowMs });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
  }

  /** `undefined` while there is nothing to do. */
  report(): ProgressReport | undefined {
    const last = this.#samples.at(-1);
    if (last === undefined || last.slotsLeft === 0) return undefined;
    const first = this.#samples.find(({ atMs }) => atMs >= last.atMs - RATE_MS) ?? last;
    const seconds = (last.atMs - first.atMs) / 1_000;
    const rate = (done: number): number => (seconds === 0 ? 0 : done / seconds);
    const slotsPerSecond = rate(last.slotsDone - first.slotsDone);
    return {
      slotsLeft: last.slotsLeft,
      slotsDone: last.slotsDone - this.#doneBefore,
      slotsPerSecond,
      cellsPerSecond: rate(last.cellsDone - first.cellsDone),
      secondsLeft: slotsPerSecond === 0 ? undefined : Math.ceil(last.slotsLeft / slotsPerSecond),
    };
  }

  /** As gauges; all zero while there is nothing to do. An estimate that cannot be made is zero too. */
  get gauges(): Readonly<Record<string, number>> {
    const report = this.report();
    return {
      "change-cells-per-second": Math.round(report?.cellsPerSecond ?? 0),
      "change-seconds-left": report?.secondsLeft ?? 0,
      "change-slots-done": report?.slotsDone ?? 0,
      "change-slots-left": report?.slotsLeft ?? 0,
      "change-slots-per-second": Math.round(report?.slotsPerSecond ?? 0),
    };
  }
}
