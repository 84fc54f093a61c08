/**
 * Runs one write: turns what its coordinator wants into frames and local merges, and their replies into its events. Most writes end
 * without it (`blind-write.ts`).
 *
 * Invariant: events are delivered one at a time, also when a local merge answers within the call that asked for it.
 */
import { unreachable } from "../base/assert.ts";
import { encodeCell } from "../core/causality/cell-codec.ts";
import type { CellChange } from "../core/operations/changes.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import {
  OUTVOTE_MS,
  PATIENCE_MS,
  SILENCE_MS,
  WriteCoordinator,
  type WriteEffect,
  type WriteEvent,
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

/** A write under way that a run takes over. */
export interface BegunWrite {
  /** Has seen, and done, all that was done. */
  readonly coordinator: WriteCoordinator;
  readonly cells: readonly DecodedCell[];
  /** Of the plan that the coordinator has. */
  readonly epoch: Epoch;
  readonly startMs: number;
  /** When a tick is due: what waits for one that is late must not wait for the one after it. */
  readonly wakeMs: number;
  /** The client was told that it is written. */
  readonly isAnswered: boolean;
}

/**
 * Attempts that replies answer, by the lowest two bits of their tokens. Above those, of what `BlindWrite` has sent: 1 and the place
 * among the plan's primaries.
 */
const ATTEMPTS: readonly Attempt[] = ["first", "final", "last"];
const ATTEMPT_BITS = 2;
const ATTEMPT_MASK = 3;

/** Milliseconds after the start at which time alone changes what a coordinator does. */
const TURNS_MS: readonly number[] = [OUTVOTE_MS, PATIENCE_MS, SILENCE_MS];

/** Where everybody is reached. */
export const NOBODY: readonly NodeId[] = [];

export class WriteRun implements ReplySink, Run {
  before: Run | undefined = undefined;
  after: Run | undefined = undefined;
  readonly #options: WriteRunOptions;
  readonly #startMs: number;
  readonly #coordinator: WriteCoordinator;
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

  /** @param begun Where it goes on with what was begun; `start` is not called then. */
  constructor(options: WriteRunOptions, begun?: BegunWrite) {
    const { context, key, stamp, w, deadlineMs } = options;
    this.#options = options;
    if (begun !== undefined) {
      this.#startMs = begun.startMs;
      this.#epoch = begun.epoch;
      this.#cells = begun.cells;
      this.#coordinator = begun.coordinator;
      this.#isWritten = begun.isAnswered;
      this.#wakeMs = begun.wakeMs;
    } else {
      const placement = context.placement();
      this.#startMs = context.turnMs();
      this.#epoch = placement.epoch;
      this.#cells = this.#encode(stamp);
      this.#coordinator = new WriteCoordinator({
        self: context.self,
        plan: planFor(placement, key),
        reach: context.reach,
        stamp,
        w,
        mode: options.bases === undefined ? "blind" : "conditional",
        startMs: this.#startMs,
        deadlineMs,
      });
      this.#wakeMs = wakeAfter({ startMs: this.#startMs, deadlineMs }, this.#startMs);
    }
  }

  /** When a tick could change something next, in monotonic milliseconds. */
  get wakeMs(): number {
    return this.#wakeMs;
  }

  /** Nothing of this write is sent or kept under a lower stamp from now on. */
  get stamp(): Stamp {
    return this.#coordinator.stamp;
  }

  start(): void {
    this.#deliver({ kind: "started" });
  }

  tick(): void {
    const { context, deadlineMs } = this.#options;
    this.#wakeMs = wakeAfter({ startMs: this.#startMs, deadlineMs }, context.turnMs());
    this.#deliver({ kind: "tick" });
  }

  onReply(from: NodeId, token: number, reply: PeerReply): void {
    const attempt = attemptOf(token);
    if (reply.kind === "write-reply") {
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

  /** A first attempt at a primary could not be sent. */
  onUnsent(to: NodeId): void {
    this.#deliver({ kind: "refused", from: to, attempt: "first" });
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
    for (let next = this.#waiting?.shift(); next !== undefined; next = this.#waiting?.shift()) {
      this.#step(next);
    }
    this.#isDelivering = false;
  }

  #step(event: WriteEvent): void {
    const effects = this.#coordinator.step(event, this.#options.context.turnMs());
    for (const effect of effects) this.#carryOut(effect);
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
        if (this.#isWritten && this.#coordinator.isSuperseded) {
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

  #send(to: NodeId, role: "primary" | "fallback", attempt: Attempt): void {
    const { context, deadlineMs } = this.#options;
    const token = ATTEMPTS.indexOf(attempt);
    if (to === context.self) {
      const reply = (answer: PeerReply): void => this.onReply(to, token, answer);
      context.replica.write(this.#message(role, attempt), reply, this.#cells);
      return;
    }
    const variant = 2 * token + (role === "primary" ? 0 : 1);
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
      unreached: this.#coordinator.unreached(),
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
    return changes.map((change) => {
      const { field } = change;
      const cell = change.cellAt(stamp);
      return { field, cell, bytes: encodeCell(cell, key, field) };
    });
  }
}

/** The token of a first attempt at the primary that stands at `place` in the plan. */
export function tokenAt(place: number): number {
  return (place + 1) << ATTEMPT_BITS;
}

/** That place; -1 where it is not told. */
export function placeOf(token: number): number {
  return (token >> ATTEMPT_BITS) - 1;
}

/** When time alone could change something for a write next, after `nowMs`. */
export function wakeAfter(
  { startMs, deadlineMs }: { readonly startMs: number; readonly deadlineMs: number },
  nowMs: number,
): number {
  const elapsedMs = nowMs - startMs;
  for (const turnMs of TURNS_MS) {
    if (turnMs > elapsedMs) return Math.min(startMs + turnMs, deadlineMs);
  }
  return deadlineMs;
}

function attemptOf(token: number): Attempt {
  return ATTEMPTS[token & ATTEMPT_MASK] as Attempt;
}
