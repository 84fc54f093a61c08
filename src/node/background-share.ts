/**
 * How much of the node background work may take, by feedback from what foreground requests feel.
 *
 * Invariant: without foreground requests background work runs at full speed; while their 99th percentile is beyond the
 * target its share halves, down to a least share that never stops it; beside requests it begins with little, and grows.
 * What it may rise to is the greater of twice the idle percentile and 5 ms more; a loop that aimed at that would be beyond
 * it half of the time, so the target is halfway there. Idle is the lowest of the last minutes in which little background
 * work was done, as it is under the least share at the latest. What waits is bounded by those who ask: each asks for a bounded number at once.
 * Source: DeCandia et al., "Dynamo" (2007), section 6.5.
 */
import { Histogram } from "../base/histogram.ts";
import type { Clock } from "../ports/clock.ts";

/** Percentiles are taken over a minute, in slices. */
const SLICE_MS = 5_000;
const SLICES = 12;
/** Lowest percentiles are remembered for ten minutes, one a minute. */
const MINUTES = 10;
/** Fewer requests say nothing of their 99th percentile. */
const REQUESTS_MIN = 100;
/** Fewer than this in the last two slices, and nobody is there to be disturbed. */
const FOREGROUND_MIN = 20;
/** Assumed of a node that has not been measured yet. */
const IDLE_MS_FIRST = 5;
const MARGIN_MS = 5;
const JUDGE_MS = 1_000;

const SHARE_MIN = 1 / 64;
/** Work that begins beside foreground requests begins with no more than this: what it does to them is not known yet. */
const SHARE_FIRST = 1 / 16;
const GROWTH = 1.1;
/** Pieces of work under way at once, with the whole share and with the least: one that hangs must not hold up all. */
const RUNNING_MAX = 64;
const RUNNING_MIN = 4;
/** A piece of work may have taken long because a peer did. */
const PAUSE_MS_MAX = 250;
/** A slice with at most so many pieces of work, and pages served, tells what idle is. */
const IDLE_PIECES_MAX = 100;
/** Peers give a page up after some seconds: however many ask, none of them waits longer than about this. */
const SERVING_WAIT_MS_MAX = 4_000;
/** A page is never less than this part of the largest. */
const PAGE_SHARE_MIN = 1 / 16;

/** One piece of background work: calls `release` once, when it is over. */
export type Work = (release: () => void) => void;

export class BackgroundShare {
  readonly #clock: Clock;
  readonly #slices: Histogram[] = Array.from({ length: SLICES }, () => new Histogram());
  /** Requests since the share was last judged. */
  readonly #present = new Histogram();
  /** Lowest percentile of a slice, minute by minute, the present one last. */
  readonly #lowestMs: number[] = [Number.POSITIVE_INFINITY];
  readonly #waiting: Work[] = [];
  #running = 0;
  readonly #pages: Work[] = [];
  #isServing = false;
  #share = 1;
  /** Pieces begun and pages served in the present slice. */
  #pieces = 0;
  /** Whether any was, since the share was last judged. */
  #hasWorked = false;
  #current = 0;
  #sliceEndMs: number;
  #judgeMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    const nowMs = clock.monotonicMs();
    this.#sliceEndMs = nowMs + SLICE_MS;
    this.#judgeMs = nowMs + JUDGE_MS;
  }

  /** 1 is all there is. */
  get share(): number {
    return this.#share;
  }

  /** Of the last minute's foreground requests. */
  get latencyMsP99(): number {
    return Histogram.percentile(this.#slices, 99);
  }

  /** What the 99th percentile may rise to before background work gives way: halfway to the bound. */
  get targetMs(): number {
    let idleMs = Math.min(...this.#lowestMs);
    if (idleMs === Number.POSITIVE_INFINITY) idleMs = IDLE_MS_FIRST;
    return idleMs + Math.max(idleMs, MARGIN_MS) / 2;
  }

  /** A foreground request took so long. */
  note(durationMs: number): void {
    const nowMs = this.#clock.turnMs();
    this.#turn(nowMs);
    (this.#slices[this.#current] as Histogram).add(durationMs);
    this.#present.add(durationMs);
    if (nowMs >= this.#judgeMs) this.#judge(nowMs);
  }

  /** Begins a piece of work, at once where the share allows, else when others are over. */
  admit(work: Work): void {
    this.#refresh();
    if (this.#running < this.#runningMax()) this.#start(work);
    else this.#waiting.push(work);
  }

  /**
   * What part of the largest page one page may be, 1/16 to 1: whoever makes it or takes it in does nothing else meanwhile,
   * and beside foreground requests that must not be long.
   */
  get pageShare(): number {
    this.#refresh();
    return Math.max(PAGE_SHARE_MIN, this.#share);
  }

  /**
   * A page is to be served to a peer's background work: at once where nobody is disturbed, else one after another. What
   * one peer asks for at once, or many peers together, is no more work for this node than its share.
   */
  serve(work: Work): void {
    this.#refresh();
    this.#pieces += 1;
    this.#hasWorked = true;
    if (this.#share === 1) work(() => {});
    else {
      this.#pages.push(work);
      this.#serveNext();
    }
  }

  #serveNext(): void {
    if (this.#isServing) return;
    const work = this.#pages.shift();
    if (work === undefined) return;
    this.#isServing = true;
    const startMs = this.#clock.monotonicMs();
    work(
      once(() => {
        this.#refresh();
        const tookMs = this.#clock.monotonicMs() - startMs;
        const patienceMs = SERVING_WAIT_MS_MAX / (this.#pages.length + 1);
        const pauseMs = Math.min(PAUSE_MS_MAX, patienceMs, tookMs * (1 / this.#share - 1));
        const goOn = (): void => {
          this.#isServing = false;
          this.#serveNext();
        };
        if (pauseMs > 0) this.#clock.after(pauseMs, goOn);
        else goOn();
      }),
    );
  }

  #refresh(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#turn(nowMs);
    if (nowMs >= this.#judgeMs) this.#judge(nowMs);
  }

  #runningMax(): number {
    if (this.#share === 1) return Number.POSITIVE_INFINITY;
    return Math.max(RUNNING_MIN, Math.floor(RUNNING_MAX * this.#share));
  }

  #start(work: Work): void {
    const startMs = this.#clock.monotonicMs();
    this.#running += 1;
    this.#pieces += 1;
    this.#hasWorked = true;
    work(
      once(() => {
        const tookMs = this.#clock.monotonicMs() - startMs;
        const pauseMs = Math.min(PAUSE_MS_MAX, tookMs * (1 / this.#share - 1));
        if (pauseMs > 0) this.#clock.after(pauseMs, () => this.#free());
        else this.#free();
      }),
    );
  }

  #free(): void {
    this.#running -= 1;
    this.#refresh();
    while (this.#running < this.#runningMax()) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#start(next);
    }
  }

  /** Goes on to the slice that is the present. */
  #turn(nowMs: number): void {
    // After a long silence each slice is cleared once, not each that would have been.
    const behind = Math.ceil((nowMs - this.#sliceEndMs) / SLICE_MS) - SLICES;
    if (behind > 0) this.#sliceEndMs += behind * SLICE_MS;
    while (nowMs >= this.#sliceEndMs) {
      this.#noteIdle(this.#slices[this.#current] as Histogram);
      this.#pieces = 0;
      this.#current = (this.#current + 1) % SLICES;
      (this.#slices[this.#current] as Histogram).clear();
      this.#sliceEndMs += SLICE_MS;
      if (this.#current > 0) continue;
      this.#lowestMs.push(Number.POSITIVE_INFINITY);
      if (this.#lowestMs.length > MINUTES) this.#lowestMs.shift();
    }
  }

  #noteIdle(slice: Histogram): void {
    if (slice.total < REQUESTS_MIN || this.#pieces > IDLE_PIECES_MAX) return;
    const last = this.#lowestMs.length - 1;
    const lowestMs = this.#lowestMs[last] as number;
    this.#lowestMs[last] = Math.min(lowestMs, Histogram.percentile([slice], 99));
  }

  #judge(nowMs: number): void {
    this.#judgeMs = nowMs + JUDGE_MS;
    const before = this.#slices[(this.#current + SLICES - 1) % SLICES] as Histogram;
    const requests = before.total + (this.#slices[this.#current] as Histogram).total;
    if (requests < FOREGROUND_MIN) {
      this.#share = 1;
      return;
    }
    if (!this.#hasWorked && this.#running === 0) {
      this.#share = Math.min(this.#share, SHARE_FIRST);
      this.#present.clear();
      return;
    }
    if (this.#present.total < REQUESTS_MIN) return;
    this.#hasWorked = false;
    const { targetMs } = this;
    const isBeyond = Histogram.percentile([this.#present], 99) > targetMs;
    // What was felt before the share fell must not let it fall again.
    this.#present.clear();
    if (isBeyond) {
      this.#share = Math.max(SHARE_MIN, this.#share / 2);
    } else if (this.latencyMsP99 <= targetMs) {
      this.#share = Math.min(1, this.#share * GROWTH);
    }
  }
}

function once(done: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    done();
  };
}
