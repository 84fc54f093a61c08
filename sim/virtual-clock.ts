/**
 * Virtual time: a loop over a heap of events, and clocks that are wrong in the ways real ones are.
 *
 * Nothing waits and nothing is concurrent: one event runs to its end, then the least next one. An event
 * belongs to a process (one boot of one node) or to the world; it dies with its process and piles up while the
 * process is paused. Deferred callbacks run at the end of their process's turn, in an order drawn from the seed.
 */
import { assert } from "../src/base/assert.ts";
import { Heap } from "../src/base/heap.ts";
import type { Clock } from "../src/ports/clock.ts";
import type { SimRandom } from "./random.ts";
import type { Trace } from "./trace.ts";

/** Deferred callbacks in one turn; more is a loop that would hang a real process. */
const DEFERRED_PER_TURN_MAX = 1_000_000;
/** Milliseconds a turn may stay open for more events before its deferred callbacks run, at most. */
const TURN_MS_MAX = 0.5;
/** True time at the beginning of every run. */
const JANUARY_2026_MS = 1_767_225_600_000;

interface Task {
  readonly kind: string;
  readonly process: Process | undefined;
  readonly run: () => void;
}

/** One boot of one node: what its events belong to. */
export class Process {
  /** The machine it runs on. */
  readonly machine: number;
  /** Counts the boots of the machine from 1. */
  readonly boot: number;
  isAlive = true;
  isPaused = false;
  /** So far. */
  pauses = 0;
  /** When it last resumed, and how long it was paused in all: checkers forgive what it slept through. */
  pausedMsTotal = 0;
  pausedSinceMs = 0;
  readonly deferred: (() => void)[] = [];
  backlog: Task[] = [];
  hasTurnOpen = false;
  timersPending = 0;

  constructor(machine: number, boot: number) {
    this.machine = machine;
    this.boot = boot;
  }
}

export class Scheduler {
  readonly trace: Trace;
  /** Told when a process throws: always a bug of the node. The process is dead by then. */
  onThrow: (process: Process, error: unknown) => void = (_process, error) => {
    throw error;
  };
  readonly #heap = new Heap<Task>();
  readonly #random: SimRandom;
  #nowMs = 0;

  constructor(random: SimRandom, trace: Trace) {
    this.#random = random;
    this.trace = trace;
  }

  /** Virtual milliseconds since the run began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events waiting. */
  get pending(): number {
    return this.#heap.size;
  }

  /** Runs `run` `delayMs` from now, within `process` unless that is `undefined`. */
  after(delayMs: number, kind: string, process: Process | undefined, run: () => void): void {
    assert(delayMs >= 0, "a delay is not negative");
    // Whole microseconds: sums of delays then compare the same however they were added up.
    const atMs = Math.round((this.#nowMs + delayMs) * 1_000) / 1_000;
    this.#heap.push(Math.max(atMs, this.#nowMs), { kind, process, run });
  }

  /** Runs events up to and including `untilMs`, then stands there. */
  runUntil(untilMs: number): void {
    while (this.#heap.leastRank <= untilMs) this.step();
    if (untilMs > this.#nowMs) this.#advance(untilMs);
  }

  /** Runs the next event; `false` when there is none. */
  step(): boolean {
    const atMs = this.#heap.leastRank;
    const task = this.#heap.pop();
    if (task === undefined) return false;
    this.#advance(atMs);
    if (task.process === undefined) task.run();
    else this.#give(task.process, task);
    return true;
  }

  /** Hands something that has arrived to a process: runs now, or once it is no longer paused; never if it is dead. */
  deliver(process: Process, kind: string, run: () => void): void {
    this.#give(process, { kind, process, run });
  }

  /** The end of a process: nothing of it runs again. */
  kill(process: Process): void {
    process.isAlive = false;
    process.deferred.length = 0;
    process.backlog = [];
  }

  /** Stops a process as SIGSTOP does: the kernel goes on collecting what is meant for it. Answers with the pause's number. */
  pause(process: Process): number {
    process.pauses += 1;
    if (!process.isPaused && process.isAlive) {
      process.isPaused = true;
      process.pausedSinceMs = this.#nowMs;
    }
    return process.pauses;
  }

  /**
   * Lets a paused process go on: first what it has missed, timers and arrivals in an order drawn from the seed.
   *
   * @param pause The one that ends: nothing happens if there has been another since.
   */
  resume(process: Process, pause: number = process.pauses): void {
    if (!process.isPaused || !process.isAlive || pause !== process.pauses) return;
    process.isPaused = false;
    process.pausedMsTotal += this.#nowMs - process.pausedSinceMs;
    const timers = process.backlog.filter((task) => task.kind === "timer");
    const others = process.backlog.filter((task) => task.kind !== "timer");
    process.backlog = this.#random.oneIn(2) ? [...timers, ...others] : [...others, ...timers];
    this.#scheduleBacklog(process);
  }

  /** Adds a callback to the end of the process's turn. */
  defer(process: Process, run: () => void): void {
    if (process.isAlive) process.deferred.push(run);
  }

  #advance(toMs: number): void {
    this.#nowMs = toMs;
    this.trace.advance(toMs);
  }

  #give(process: Process, task: Task): void {
    if (!process.isAlive) return;
    // Whatever arrives while missed events are still being worked off queues up behind them.
    if (process.isPaused || process.backlog.length > 0) {
      process.backlog.push(task);
      return;
    }
    this.#runTask(process, task);
  }

  #scheduleBacklog(process: Process): void {
    if (process.backlog.length === 0) return;
    this.after(0, "backlog", undefined, () => {
      if (!process.isAlive || process.isPaused) return;
      const task = process.backlog.shift();
      if (task !== undefined) this.#runTask(process, task);
      this.#scheduleBacklog(process);
    });
  }

  #runTask(process: Process, task: Task): void {
    this.trace.event(task.kind, process.machine, process.boot);
    this.#guarded(process, task.run);
    if (process.deferred.length === 0 || process.hasTurnOpen || !process.isAlive) return;
    // A real turn of the event loop takes in whatever is ready: sometimes more than one event.
    if (this.#random.below(4) > 0) {
      this.#endTurn(process);
      return;
    }
    process.hasTurnOpen = true;
    this.after(this.#random.fraction() * TURN_MS_MAX, "turn-end", process, () => {
      process.hasTurnOpen = false;
      this.#endTurn(process);
    });
  }

  #endTurn(process: Process): void {
    let ran = 0;
    while (process.deferred.length > 0 && process.isAlive) {
      const ready = this.#random.shuffle(process.deferred.splice(0));
      ran += ready.length;
      if (ran > DEFERRED_PER_TURN_MAX) {
        this.#guarded(process, () => assert(false, "a turn ends"));
        return;
      }
      for (const run of ready) this.#guarded(process, run);
    }
  }

  #guarded(process: Process, run: () => void): void {
    if (!process.isAlive) return;
    try {
      run();
    } catch (error) {
      this.trace.event("threw", process.machine, process.boot, 0, () => String(error));
      this.kill(process);
      this.onThrow(process, error);
    }
  }
}

/** The clock of one machine, kept across boots. */
export class MachineClock {
  /** Parts per million by which it runs fast. */
  driftPpm = 0;
  readonly #scheduler: Scheduler;
  /** The wall clock stands still; the monotonic one does not. */
  #isFrozen = false;
  #wallMs: number;
  #ranAtMs: number;

  constructor(scheduler: Scheduler, skewMs: number) {
    this.#scheduler = scheduler;
    this.#wallMs = JANUARY_2026_MS + scheduler.nowMs + skewMs;
    this.#ranAtMs = scheduler.nowMs;
  }

  /** What the wall clock shows, with fractions. */
  wallMs(): number {
    const passedMs = this.#isFrozen ? 0 : this.#scheduler.nowMs - this.#ranAtMs;
    return this.#wallMs + passedMs * this.rate;
  }

  /** Milliseconds it is ahead of true time. */
  skewMs(): number {
    return this.wallMs() - JANUARY_2026_MS - this.#scheduler.nowMs;
  }

  /** Sets the wall clock `byMs` forward, or back. */
  step(byMs: number): void {
    this.#wallMs = this.wallMs() + byMs;
    this.#ranAtMs = this.#scheduler.nowMs;
  }

  /** Stops the wall clock, or lets it go on from where it stands. */
  freeze(isFrozen: boolean): void {
    this.step(0);
    this.#isFrozen = isFrozen;
  }

  /** Changes the speed from here on. */
  setDrift(driftPpm: number): void {
    this.step(0);
    this.driftPpm = driftPpm;
  }

  /** Own milliseconds per true millisecond. */
  get rate(): number {
    return 1 + this.driftPpm / 1_000_000;
  }
}

/** The `Clock` port of one boot: its machine's wall clock, and a monotonic clock of its own origin. */
export class ProcessClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #machine: MachineClock;
  readonly #process: Process;
  readonly #random: SimRandom;
  #monotonicMs: number;
  #readAtMs: number;

  constructor(scheduler: Scheduler, machine: MachineClock, process: Process, random: SimRandom) {
    this.#scheduler = scheduler;
    this.#machine = machine;
    this.#process = process;
    this.#random = random;
    this.#monotonicMs = random.below(1_000_000_000);
    this.#readAtMs = scheduler.nowMs;
  }

  monotonicMs(): number {
    // Advanced by what passed since the last reading, so that a change of drift never makes it jump.
    this.#monotonicMs += (this.#scheduler.nowMs - this.#readAtMs) * this.#machine.rate;
    this.#readAtMs = this.#scheduler.nowMs;
    return this.#monotonicMs;
  }

  /** No time passes within an event. */
  turnMs(): number {
    return this.monotonicMs();
  }

  wallMs(): number {
    return Math.floor(this.#machine.wallMs());
  }

  after(delayMs: number, callback: () => void): void {
    assert(delayMs >= 0, "a timer is not set in the past");
    // Timers are late, never early: mostly by a fraction of a millisecond; the two microseconds make up
    // for the rounding of the delay.
    const lateMs = 0.002 + this.#random.fraction() * (this.#random.oneIn(64) ? 16 : 1);
    const process = this.#process;
    process.timersPending += 1;
    this.#scheduler.after(delayMs / this.#machine.rate + lateMs, "timer", process, () => {
      process.timersPending -= 1;
      callback();
    });
  }

  defer(callback: () => void): void {
    this.#scheduler.defer(this.#process, callback);
  }
}
