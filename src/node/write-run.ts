/**
 * Runs one write: turns what its coordinator wants into frames and local merges, and their replies into its events. A coordinator
 * is there once more has happened to the write than acks: until then `PlainWrite` counts them.
 *
 * Invariant: events are delivered one at a time, also when a local merge answers within the call that asked for it.
 */
import { assert, unreachable } from "../base/assert.ts";
import { encodeCell } from "../core/causality/cell-codec.ts";
import type { CellChange } from "../core/operations/changes.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { PlainWrite } from "../core/replication/plain-write.ts";
import {
  OUTVOTE_MS,
  PATIENCE_MS,
  SILENCE_MS,
  WriteCoordinator,
  type WriteEffect,
  type WriteEvent,
  type WriteOptions,
  type WriteVerdict,
} from "../core/replication/write-coordinator.ts";
import type { Attempt } from "../core/replication/write-tally.ts";
import type { Epoch, NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import type { PeerReply, PeerRequest } from "../model/peer-message.ts";
import type { Stamp } from "../model/stamp.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import type { DecodedCell } from "./cell-store.ts";
import type { ReplySink } from "./pending-requests.ts";
import { planFor, RESYNC_ROUNDS_MAX, type RequestContext } from "./request-context.ts";
import type { Run } from "./run.ts";

/** One write, and whom to tell what becomes of it. */
export interface WriteRunOptions {
  readonly context: RequestContext;
  readonly key: Key;
  /** The cells but for their stamp: made again when the write is stamped again. */
  readonly changes: readonly CellChange[];
  readonly stamp: Stamp;
  /** What a read-modify-write read, one for each change; a blind write builds on its own stamp. */
  readonly bases: readonly Stamp[] | undefined;
  readonly w: number | undefined;
  readonly deadlineMs: number;
  /** @param stamp The one under which it stands now. */
  onVerdict(verdict: WriteVerdict, stamp: Stamp): void;
  onFinished(run: WriteRun): void;
}

/**
 * Attempts that replies answer, by the lowest two bits of their tokens. Above those, where it is known: 1 and the place among the
 * plan's primaries.
 */
const ATTEMPTS: readonly Attempt[] = ["first", "final", "last"];
const ATTEMPT_BITS = 2;
const ATTEMPT_MASK = 3;

/** Milliseconds after the start at which time alone changes what a coordinator does. */
const TURNS_MS: readonly number[] = [OUTVOTE_MS, PATIENCE_MS, SILENCE_MS];

/** Where everybody is reached. */
const NOBODY: readonly NodeId[] = [];

export class WriteRun implements ReplySink, Run {
  before: Run | undefined = undefined;
  after: Run | undefined = undefined;
  readonly #options: WriteRunOptions;
  readonly #startMs: number;
  /** What both ways of a write go by; of the plan that it began under. */
  readonly #begun: WriteOptions;
  #plain: PlainWrite | undefined;
  #coordinator: WriteCoordinator | undefined;
  /** Events that came while another was delivered. */
  #waiting: WriteEvent[] | undefined;
  #isDelivering = false;
  #isWritten = false;
  #cells: readonly DecodedCell[];
  /** Frames under way, by token and role, for the present cells and whom they name as unreached. */
  #bodies: (Uint8Array | undefined)[] | undefined;
  #resyncs = 0;
  /** Of the plan the coordinator has. */
  #epoch: Epoch;
  #wakeMs: number;

  constructor(options: WriteRunOptions) {
    const { context, key, stamp, w, deadlineMs } = options;
    const placement = context.placement();
    const startMs = context.turnMs();
    this.#options = options;
    this.#startMs = startMs;
    this.#epoch = placement.epoch;
    this.#wakeMs = Math.min(startMs + OUTVOTE_MS, deadlineMs);
    this.#cells = this.#encode(stamp);
    this.#begun = {
      self: context.self,
      plan: planFor(placement, key),
      reach: context.reach,
      stamp,
      w,
      mode: options.bases === undefined ? "blind" : "conditional",
      startMs,
      deadlineMs,
    };
  }

  /** When a tick could change something next, in monotonic milliseconds. */
  get wakeMs(): number {
    return this.#wakeMs;
  }

  /** Nothing of this write is sent or kept under a lower stamp from now on. */
  get stamp(): Stamp {
    return this.#coordinator?.stamp ?? this.#options.stamp;
  }

  start(): void {
    this.#plain = PlainWrite.begin(this.#begun);
    if (this.#plain === undefined) {
      this.#coordinator = new WriteCoordinator(this.#begun);
      return this.#deliver({ kind: "started" });
    }
    this.#isDelivering = true;
    const { primaries } = this.#begun.plan;
    for (let place = 0; place < primaries.length; place += 1) {
      this.#send(primaries[place] as NodeId, "primary", "first", place);
    }
    this.#deliverWaiting();
  }

  tick(): void {
    const { context, deadlineMs } = this.#options;
    const nowMs = context.turnMs();
    const elapsedMs = nowMs - this.#startMs;
    const nextMs = TURNS_MS.find((turnMs) => turnMs > elapsedMs);
    this.#wakeMs = nextMs === undefined ? deadlineMs : Math.min(this.#startMs + nextMs, deadlineMs);
    const isCalm = this.#plain?.isUndisturbed(nowMs) === true && this.#isOfPlacement;
    if (!isCalm) this.#deliver({ kind: "tick" });
  }

  onReply(from: NodeId, token: number, reply: PeerReply): void {
    const attempt = attemptOf(token);
    if (reply.kind === "write-reply") {
      if (reply.result === "stored" && this.#onPlainAck(token)) return;
      if (reply.result === "behind") {
        this.#deliver({ kind: "behind", from, attempt, held: reply.held });
      } else if (reply.result === "below") {
        this.#deliver({ kind: "below", from, attempt, held: reply.held });
      } else if (reply.result === "superseded") {
        this.#deliver({ kind: "superseded", from, attempt, held: reply.held });
      } else this.#deliver({ kind: "stored", from, attempt });
      return;
    }
    const isDisputed =
      reply.kind === "refused" && (reply.reason === "epoch" || reply.reason === "not-owner");
    if (!isDisputed || this.#resyncs >= RESYNC_ROUNDS_MAX) {
      this.#deliver({ kind: "refused", from, attempt });
      return;
    }
    this.#resyncs += 1;
    const { context, key } = this.#options;
    context.resync(from, () => {
      this.#bodies = undefined;
      const plan = planFor(context.placement(), key);
      this.#epoch = context.placement().epoch;
      this.#deliver({ kind: "replanned", plan, again: { from, attempt } });
    });
  }

  onNoAnswer(from: NodeId, token: number): void {
    this.#deliver({ kind: "lost", from, attempt: attemptOf(token) });
  }

  /** Counts an ack where acks are all there has been; false: a coordinator is to be told. */
  #onPlainAck(token: number): boolean {
    const plain = this.#plain;
    const place = (token >> ATTEMPT_BITS) - 1;
    if (plain === undefined || place < 0 || this.#isDelivering || !this.#isOfPlacement)
      return false;
    const turn = plain.onStored(place, this.#options.context.turnMs());
    if (turn === "over") return false;
    const isFinished = turn === "finished" || turn === "answered-and-finished";
    if (turn === "answered" || turn === "answered-and-finished") {
      this.#answer({ kind: "written", quorum: plain.quorum, isSuperseded: false });
    }
    if (isFinished) this.#options.onFinished(this);
    return true;
  }

  #deliver(event: WriteEvent): void {
    const replanned = this.#followPlacement();
    if (this.#isDelivering) {
      this.#waiting ??= [];
      if (replanned !== undefined) this.#waiting.push(replanned);
      this.#waiting.push(event);
      return;
    }
    this.#isDelivering = true;
    if (replanned !== undefined) this.#step(replanned);
    this.#step(event);
    this.#deliverWaiting();
  }

  #deliverWaiting(): void {
    for (let next = this.#waiting?.shift(); next !== undefined; next = this.#waiting?.shift()) {
      this.#step(next);
    }
    this.#isDelivering = false;
  }

  #step(event: WriteEvent): void {
    const effects = this.#coordinating().step(event, this.#options.context.turnMs());
    for (const effect of effects) this.#carryOut(effect);
  }

  /** The coordinator, which takes over where none was needed so far. */
  #coordinating(): WriteCoordinator {
    const coordinator = this.#coordinator ?? this.#plain?.handOver();
    assert(coordinator !== undefined, "a write has begun before anything happens to it");
    this.#coordinator = coordinator;
    this.#plain = undefined;
    return coordinator;
  }

  /** Whether the placement is still the one that the plan is of. */
  get #isOfPlacement(): boolean {
    return this.#options.context.placement().epoch === this.#epoch;
  }

  /**
   * Frames carry the epoch of the moment they are sent, so whom they go to and how many acks suffice must be of that
   * epoch too: otherwise a write under way while a node joins would be acknowledged without it.
   */
  #followPlacement(): WriteEvent | undefined {
    const { context, key } = this.#options;
    const placement = context.placement();
    if (placement.epoch === this.#epoch) return undefined;
    this.#epoch = placement.epoch;
    this.#bodies = undefined;
    return { kind: "replanned", plan: planFor(placement, key) };
  }

  #carryOut(effect: WriteEffect): void {
    const { context, key } = this.#options;
    switch (effect.kind) {
      case "send":
        this.#send(effect.to, effect.role, effect.attempt);
        break;
      case "restamp": {
        const stamp = context.mintAbove(effect.above);
        context.counters.add("writes-restamped");
        this.#cells = this.#encode(stamp);
        this.#bodies = undefined;
        this.#deliver({ kind: "restamped", stamp });
        break;
      }
      case "answer":
        this.#answer(effect.verdict);
        break;
      case "hint":
        this.#hint(effect.targets, effect.holders, key);
        break;
      case "finished":
        // Also where the replica that says so answers after the client was answered.
        if (this.#isWritten && this.#coordinator?.isSuperseded === true) {
          context.counters.add("values-discarded");
        }
        this.#options.onFinished(this);
        break;
      default:
        unreachable(effect);
    }
  }

  #answer(verdict: WriteVerdict): void {
    const { context } = this.#options;
    context.counters.durations.stages["coordinate-write"].add(context.turnMs() - this.#startMs);
    this.#isWritten = verdict.kind === "written";
    this.#options.onVerdict(verdict, this.stamp);
  }

  /** @param place Of a primary, in the plan it was begun under; −1: not told. */
  #send(to: NodeId, role: "primary" | "fallback", attempt: Attempt, place = -1): void {
    const { context, deadlineMs } = this.#options;
    const attemptIndex = ATTEMPTS.indexOf(attempt);
    const token = attemptIndex | ((place + 1) << ATTEMPT_BITS);
    if (to === context.self) {
      const reply = (answer: PeerReply): void => this.onReply(to, token, answer);
      context.replica.write(this.#message(role, attempt), reply, this.#cells);
      return;
    }
    const variant = 2 * attemptIndex + (role === "primary" ? 0 : 1);
    this.#bodies ??= [];
    let body = this.#bodies[variant];
    if (body === undefined) {
      body = encodeMessage(this.#message(role, attempt));
      this.#bodies[variant] = body;
    }
    if (!context.peers.request(to, body, deadlineMs, this, token)) {
      this.#deliver({ kind: "refused", from: to, attempt });
    }
  }

  #message(
    role: "primary" | "fallback",
    attempt: Attempt,
  ): Extract<PeerRequest, { kind: "write" }> {
    const { bases, key } = this.#options;
    return {
      kind: "write",
      key,
      cells: this.#cells,
      bases: bases ?? [this.stamp],
      attempt: attempt === "first" ? "first" : "final",
      role,
      unreached: this.#coordinator?.unreached() ?? NOBODY,
    };
  }

  #hint(targets: readonly NodeId[], holders: readonly NodeId[], key: Key): void {
    const { context } = this.#options;
    const slot = slotOfKey(key);
    context.counters.add("hints", targets.length);
    for (const holder of holders) {
      if (holder === context.self) context.replica.mark(slot, targets);
      else context.peers.tell(holder, { kind: "hint", slot, targets });
    }
  }

  #encode(stamp: Stamp): readonly DecodedCell[] {
    const { key, changes } = this.#options;
    return changes.map(({ field, cellAt }) => {
      const cell = cellAt(stamp);
      return { field, cell, bytes: encodeCell(cell, key, field) };
    });
  }
}

function attemptOf(token: number): Attempt {
  return ATTEMPTS[token & ATTEMPT_MASK] as Attempt;
}
