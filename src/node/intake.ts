/**
 * What a node takes from its clients: how much of it at once, and how the end of each request is counted.
 *
 * Invariant: at most REQUESTS_IN_FLIGHT_MAX requests are under way, with VALUE_BYTES_IN_FLIGHT_MAX of values; one more is shed before
 * anything was done. Each that was taken is noted as answered once.
 */
import {
  DEADLINE_MS_DEFAULT,
  DEADLINE_MS_MAX,
  REQUESTS_IN_FLIGHT_MAX,
  VALUE_BYTES_IN_FLIGHT_MAX,
} from "../model/limits.ts";
import type { Failure } from "../model/outcome.ts";
import type { Counters } from "./counters.ts";
import type { AnyOutcome, RequestKind } from "./durations.ts";
import { failure } from "./request-context.ts";

const LOW = "this node's disk has less free space than it keeps; nothing was stored";

type Refusal = "overloaded" | "not-ready" | "shutting-down";

/** What a request demands of being written. */
interface WriteDemands {
  /** Milliseconds it may take. */
  readonly deadlineMs?: number | undefined;
  readonly w?: number | undefined;
}

export interface IntakeOptions {
  readonly counters: Counters;
  readonly monotonicMs: () => number;
  /** As `Clock` says. */
  readonly turnMs: () => number;
  /** Calls back in a later turn. */
  readonly defer: (callback: () => void) => void;
  /** Whether there is anybody to hold what is written. */
  readonly isPlaced: () => boolean;
  /** Whether the disk has too little free space for what takes some. */
  readonly isLow: () => boolean;
  /** A client's request was answered after so long. */
  readonly onAnswered: (durationMs: number, kind: "read" | "write") => void;
}

export class Intake {
  readonly #options: IntakeOptions;
  #inFlight = 0;
  #bytesInFlight = 0;
  #state: "closed" | "open" | "draining" | "ended" = "closed";

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Requests waiting for their answer. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Clients' requests are taken. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  get isDraining(): boolean {
    return this.#state === "draining";
  }

  open(): void {
    this.#state = "open";
  }

  /** Takes no more from clients; what is in flight goes on. */
  drain(): void {
    if (this.#state !== "ended") this.#state = "draining";
  }

  end(): void {
    this.#state = "ended";
  }

  /** Why nothing is taken now, of a client. */
  refusal(): Refusal | undefined {
    if (this.#state === "draining" || this.#state === "ended") return "shutting-down";
    if (this.#state === "closed" || !this.#options.isPlaced()) return "not-ready";
    return this.overload();
  }

  overload(): "overloaded" | undefined {
    return this.#inFlight >= REQUESTS_IN_FLIGHT_MAX ? "overloaded" : undefined;
  }

  /** Answers within the call: nothing was begun. */
  shed(answer: () => void): void {
    this.#options.counters.add("requests-shed");
    answer();
  }

  /** A node whose disk fills up sends its clients elsewhere, though others would take the write: they fill up next. */
  shedForSpace(done: (failed: Failure) => void): boolean {
    if (!this.#options.isLow()) return false;
    this.#options.counters.add("writes-refused-for-space");
    this.shed(() => done({ ...failure("storage-failed", "no"), detail: LOW }));
    return true;
  }

  /** By when a request is to be answered that may take so long from now on. */
  deadlineAfter(durationMs: number | undefined): number {
    return deadlineFrom(this.#options.monotonicMs(), durationMs);
  }

  begin(): void {
    this.#inFlight += 1;
  }

  finish(): void {
    this.#inFlight -= 1;
  }

  /** Takes a request that writes, with so many bytes of values; false: it was shed, and `done` was told. Then a `TakenWrite` is made of it. */
  takeWrite(bytes: number, done: (failed: Failure) => void): boolean {
    const refusal = this.#refusalOf(bytes);
    if (refusal !== undefined) {
      this.shed(() => done(failure(refusal, "no")));
      return false;
    }
    this.#inFlight += 1;
    this.#bytesInFlight += bytes;
    return true;
  }

  /** A write is answered. */
  noteWritten(taken: TakenWrite<never>, outcome: AnyOutcome): void {
    this.#inFlight -= 1;
    this.#bytesInFlight -= taken.bytes;
    const { counters, turnMs, onAnswered } = this.#options;
    const durationMs = turnMs() - taken.startMs;
    onAnswered(durationMs, "write");
    counters.durations.noteRequest(taken.kind, outcome, taken.asked, durationMs);
    if (outcome.kind === "failed") counters.add("writes-failed");
  }

  get defer(): (callback: () => void) => void {
    return this.#options.defer;
  }

  turnMs(): number {
    return this.#options.turnMs();
  }

  /** As `refusal`, of a write with so many bytes of values. */
  #refusalOf(bytes: number): Refusal | undefined {
    const isOver = this.#bytesInFlight + bytes > VALUE_BYTES_IN_FLIGHT_MAX;
    return this.refusal() ?? (isOver && this.#bytesInFlight > 0 ? "overloaded" : undefined);
  }
}

function deadlineFrom(nowMs: number, durationMs = DEADLINE_MS_DEFAULT): number {
  return nowMs + Math.min(durationMs, DEADLINE_MS_MAX);
}

/** A client's write, from when it was taken to its answer. */
export class TakenWrite<Outcome extends AnyOutcome> {
  readonly kind: RequestKind;
  /** Replicas that the request itself asks for. */
  readonly asked: number | undefined;
  /** Of its values. */
  readonly bytes: number;
  /** Monotonic milliseconds, both. */
  readonly startMs: number;
  readonly deadlineMs: number;
  readonly #intake: Intake;
  readonly #done: (outcome: Outcome | Failure) => void;
  #isInside = true;

  /** @param bytes As `intake` was told. */
  constructor(
    intake: Intake,
    kind: RequestKind,
    { deadlineMs, w }: WriteDemands,
    bytes: number,
    done: (outcome: Outcome | Failure) => void,
  ) {
    this.kind = kind;
    this.asked = w;
    this.bytes = bytes;
    this.startMs = intake.turnMs();
    this.deadlineMs = intake.deadlineAfter(deadlineMs);
    this.#intake = intake;
    this.#done = done;
  }

  /** The call in which it was taken is over. */
  leave(): void {
    this.#isInside = false;
  }

  /** To be called once; the client is told in a later turn than the one of its call. */
  answer(outcome: Outcome | Failure): void {
    this.#intake.noteWritten(this, outcome);
    if (this.#isInside) this.#intake.defer(() => this.#done(outcome));
    else this.#done(outcome);
  }
}
