/**
 * Runs one read: turns what its coordinator wants into frames and local reads, and their replies into its events. A coordinator is there
 * once the replicas have said more than that they hold the same root: until then `PlainRead` counts them.
 *
 * Invariant: events are delivered one at a time, also when a local read answers within the call that asked for it.
 */
import { assert, unreachable } from "../base/assert.ts";
import { checksumOf } from "../core/causality/cell-codec.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { PlainRead } from "../core/replication/plain-read.ts";
import {
  HEDGE_MS,
  ReadCoordinator,
  type ReadEffect,
  type ReadEvent,
  type ReadOptions,
  type ReadVerdict,
} from "../core/replication/read-coordinator.ts";
import type { EncodedCell } from "../model/cell.ts";
import type { Epoch, NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import {
  type KeyedCell,
  type PeerReply,
  type SlotCells,
  WIRE_VERSION_CONFIRM,
} from "../model/peer-message.ts";
import { FIELD_OVERHEAD_BYTES, type Selection } from "../model/selection.ts";
import type { Stamp } from "../model/stamp.ts";
import type { Span } from "../model/trace.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import type { ReplySink } from "./pending-requests.ts";
import type { RootNow } from "./replica-read.ts";
import { planFor, RESYNC_ROUNDS_MAX, type RequestContext } from "./request-context.ts";
import type { Run } from "./run.ts";

export interface ReadRunOptions {
  readonly context: RequestContext;
  readonly key: Key;
  readonly selection: Selection;
  readonly r: number | undefined;
  readonly after: Stamp | undefined;
  readonly deadlineMs: number;
  /** Where it is part of a trace, each of its steps is to show there. */
  readonly trace?: Span | undefined;
  readonly done: (verdict: ReadVerdict) => void;
  readonly onFinished: (run: ReadRun) => void;
}

type DigestVote = Omit<Extract<PeerReply, { kind: "digest-reply" }>, "kind">;

const TOKEN_READ = 0;
const TOKEN_REPAIR = 1;
/** How long a repair that nobody waits for may take. */
const REPAIR_MS_MAX = 5_000;
/** Bytes of cells in one message of a repair; one that is larger goes alone. */
const REPAIR_BYTES_MAX = 1024 * 1024;

export class ReadRun implements ReplySink, Run {
  before: Run | undefined = undefined;
  after: Run | undefined = undefined;
  readonly #options: ReadRunOptions;
  readonly #startMs: number;
  /** What both ways of a read go by; of the plan that it began under. */
  readonly #begun: ReadOptions;
  #plain: PlainRead | undefined;
  /** This node's own root, where it was there at once; others may confirm that they hold it. */
  #own: RootNow | undefined;
  #coordinator: ReadCoordinator | undefined;
  #events: ReadEvent[] | undefined;
  #isDelivering = false;
  #resyncs = 0;
  /** Of the plan the coordinator has. */
  #epoch: Epoch;

  constructor(options: ReadRunOptions) {
    const { context, key, selection, r, after, deadlineMs } = options;
    const placement = context.placement();
    this.#options = options;
    this.#startMs = context.turnMs();
    this.#epoch = placement.epoch;
    this.#begun = {
      self: context.self,
      key,
      selection,
      plan: planFor(placement, key),
      reach: context.reach,
      r,
      after,
      startMs: this.#startMs,
      deadlineMs,
    };
  }

  get stamp(): undefined {
    return undefined;
  }

  /** From when on ticks could change something, in monotonic milliseconds. */
  get wakeMs(): number {
    return this.#startMs + HEDGE_MS;
  }

  start(): void {
    const plain = this.#begin();
    if (plain === undefined) {
      this.#coordinator = new ReadCoordinator(this.#begun);
      return this.#deliver({ kind: "started" });
    }
    this.#plain = plain;
    this.#isDelivering = true;
    for (const node of plain.asked()) this.#askForSame(node);
    this.#deliverWaiting();
  }

  tick(): void {
    const nowMs = this.#options.context.turnMs();
    const isCalm = this.#plain?.isUndisturbed(nowMs) === true && this.#isOfPlacement;
    if (!isCalm) this.#deliver({ kind: "tick" });
  }

  #begin(): PlainRead | undefined {
    const { context, key, selection, trace } = this.#options;
    if (selection.kind !== "root" || trace !== undefined) return undefined;
    this.#own = context.replica.readRootNow(slotOfKey(key), key);
    return this.#own === undefined ? undefined : PlainRead.begin(this.#begun, this.#own);
  }

  onReply(from: NodeId, token: number, reply: PeerReply): void {
    if (token === TOKEN_REPAIR) {
      this.#deliver({ kind: reply.kind === "merge-reply" ? "repaired" : "not-repaired", from });
      return;
    }
    switch (reply.kind) {
      case "cells-reply":
        this.#deliver({
          kind: "cells",
          from,
          cells: reply.cells,
          through: reply.through,
          collected: reply.collected,
          flushed: reply.flushed,
        });
        break;
      case "digest-reply":
        this.#onDigests(from, reply);
        break;
      case "confirm-reply":
        this.#onConfirmed(from, reply);
        break;
      case "refused":
        this.#onRefused(from, reply.reason);
        break;
      default:
        this.#deliver({ kind: "refused", from });
    }
  }

  onNoAnswer(from: NodeId, token: number): void {
    this.#deliver({ kind: token === TOKEN_REPAIR ? "not-repaired" : "lost", from });
  }

  #onRefused(from: NodeId, reason: string): void {
    if (reason === "damaged" || reason === "voteless" || reason === "too-large") {
      this.#deliver({ kind: reason, from });
      return;
    }
    if ((reason !== "epoch" && reason !== "not-owner") || this.#resyncs >= RESYNC_ROUNDS_MAX) {
      this.#deliver({ kind: "refused", from });
      return;
    }
    this.#resyncs += 1;
    // If the placement changes by it, `again` is preceded by the plan that follows from it.
    this.#options.context.resync(from, () => this.#deliver({ kind: "again", from }));
  }

  #onDigests(from: NodeId, { digests, collected, flushed }: DigestVote): void {
    if (this.#onPlainVote(from, { digests, collected, flushed })) return;
    this.#deliver({ kind: "digests", from, digests, collected, flushed });
  }

  /** Somebody holds the root that this node does. */
  #onConfirmed(from: NodeId, { collected, flushed }: Omit<DigestVote, "digests">): void {
    const [root] = this.#own?.cells ?? [];
    // Nobody was asked to confirm anything.
    if (root === undefined) return this.#deliver({ kind: "refused", from });
    const { bytes, cell } = root;
    const digest = { field: undefined, stamp: cell.stamp, checksum: checksumOf(bytes) };
    this.#onDigests(from, { digests: [digest], collected, flushed });
  }

  /** Counts a vote where all have said the same; false: a coordinator is to be told. */
  #onPlainVote(from: NodeId, vote: DigestVote): boolean {
    if (this.#plain === undefined || this.#isDelivering || !this.#isOfPlacement) return false;
    const verdict = this.#plain.onDigests(from, vote, this.#options.context.turnMs());
    if (verdict === "over") return false;
    if (verdict !== "waits") this.#answer(verdict);
    return true;
  }

  #deliver(event: ReadEvent): void {
    this.#events ??= [];
    this.#followPlacement(this.#events);
    this.#events.push(event);
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    this.#deliverWaiting();
  }

  #deliverWaiting(): void {
    for (let next = this.#events?.shift(); next !== undefined; next = this.#events?.shift()) {
      const effects = this.#coordinating().step(next, this.#options.context.turnMs());
      for (const effect of effects) this.#carryOut(effect);
    }
    this.#isDelivering = false;
  }

  /** The coordinator, which takes over where none was needed so far. */
  #coordinating(): ReadCoordinator {
    const coordinator = this.#coordinator ?? this.#plain?.handOver();
    assert(coordinator !== undefined, "a read has begun before anything happens to it");
    this.#coordinator = coordinator;
    this.#plain = undefined;
    return coordinator;
  }

  /** Whether the placement is still the one that the plan is of. */
  get #isOfPlacement(): boolean {
    return this.#options.context.placement().epoch === this.#epoch;
  }

  /** Frames carry the epoch of the moment they are sent; whose votes count must be of that epoch too. */
  #followPlacement(events: ReadEvent[]): void {
    const { context, key } = this.#options;
    const placement = context.placement();
    if (placement.epoch === this.#epoch) return;
    this.#epoch = placement.epoch;
    events.push({ kind: "replanned", plan: planFor(placement, key) });
  }

  #answer(verdict: ReadVerdict): void {
    const { context, done } = this.#options;
    context.counters.durations.stages["coordinate-read"].add(context.turnMs() - this.#startMs);
    done(verdict);
    this.#options.onFinished(this);
  }

  #carryOut(effect: ReadEffect): void {
    switch (effect.kind) {
      case "ask":
        this.#ask(effect.to, effect.want);
        break;
      case "repair":
        this.#repair(effect.to, effect.cells, effect.collected);
        break;
      case "answer":
        this.#answer(effect.verdict);
        break;
      default:
        unreachable(effect);
    }
  }

  /** Asks whether a peer holds what this node does: by name of it, where the peer understands that. */
  #askForSame(to: NodeId): void {
    const { context, key, deadlineMs } = this.#options;
    const [root] = this.#own?.cells ?? [];
    const version = context.peers.wireVersion(to) ?? 0;
    if (root === undefined || version < WIRE_VERSION_CONFIRM) return this.#ask(to, "digest");
    const message = { kind: "confirm", key, checksum: checksumOf(root.bytes) } as const;
    if (!context.peers.request(to, encodeMessage(message), deadlineMs, this, TOKEN_READ)) {
      this.#deliver({ kind: "refused", from: to });
    }
  }

  #ask(to: NodeId, want: "cells" | "digest"): void {
    const { context, key, selection, deadlineMs } = this.#options;
    const message = { kind: "read", key, selection, want } as const;
    if (to === context.self) {
      context.replica.read(message, (reply) => this.onReply(to, TOKEN_READ, reply));
      return;
    }
    if (!context.peers.request(to, encodeMessage(message), deadlineMs, this, TOKEN_READ)) {
      this.#deliver({ kind: "refused", from: to });
    }
  }

  #repair(to: NodeId, cells: readonly EncodedCell[], collected: Stamp): void {
    const { context, key } = this.#options;
    const slot = slotOfKey(key);
    const keyed = cells.map(({ field, bytes }) => ({ key, field, bytes }));
    const parts = [{ slot, collected, cells: keyed }];
    context.counters.add("read-repairs");
    if (to === context.self) {
      context.replica.merge(parts, (reply) => this.onReply(to, TOKEN_REPAIR, reply));
      return;
    }
    const deadlineMs = context.monotonicMs() + REPAIR_MS_MAX;
    this.#sendRepair(to, { slot, collected, cells: keyed }, deadlineMs);
  }

  /** Several replicas may have given more than one message holds, and each cell takes its key along: part by part. */
  #sendRepair(to: NodeId, { slot, collected, cells }: SlotCells, deadlineMs: number): void {
    const { context } = this.#options;
    const count = fitting(cells);
    const parts = [{ slot, collected, cells: cells.slice(0, count) }];
    const rest = { slot, collected, cells: cells.slice(count) };
    const sink = {
      onReply: (from: NodeId, token: number, reply: PeerReply): void => {
        const goesOn = reply.kind === "merge-reply" && rest.cells.length > 0;
        if (goesOn) this.#sendRepair(to, rest, deadlineMs);
        else this.onReply(from, token, reply);
      },
      onNoAnswer: (from: NodeId, token: number): void => this.onNoAnswer(from, token),
    };
    const body = encodeMessage({ kind: "merge", parts });
    if (!context.peers.request(to, body, deadlineMs, sink, TOKEN_REPAIR)) {
      this.#deliver({ kind: "not-repaired", from: to });
    }
  }
}

/** How many of these cells one message holds, at least one. */
function fitting(cells: readonly KeyedCell[]): number {
  let bytes = 0;
  let count = 0;
  for (const { key, field, bytes: cell } of cells) {
    bytes += FIELD_OVERHEAD_BYTES + key.length + (field?.length ?? 0) + cell.length;
    if (count > 0 && bytes > REPAIR_BYTES_MAX) break;
    count += 1;
  }
  return count;
}
