/**
 * What one connection waits for: requests that were sent on it and have no answer yet.
 *
 * Invariant: each ends once: it is taken when its answer comes, or told that there is none.
 */
import type { NodeId } from "../model/ids.ts";
import type { PeerReply } from "../model/peer-message.ts";

/** Who is told how a request ended. `token` is the caller's own. */
export interface ReplySink {
  onReply(from: NodeId, token: number, reply: PeerReply): void;
  onNoAnswer(from: NodeId, token: number): void;
}

export interface PendingRequest {
  readonly sink: ReplySink;
  readonly token: number;
  /** Monotonic milliseconds, as `deadlineMs`. */
  readonly sentMs: number;
  readonly deadlineMs: number;
}

const ID_MAX = 0xffff_ffff;

export class PendingRequests {
  /** In the order they were sent. */
  readonly #pending = new Map<number, PendingRequest>();
  #nextId = 1;
  /** The one that has waited longest, once somebody has asked: who sends asks more often than answers come. */
  #oldest: PendingRequest | undefined;

  get size(): number {
    return this.#pending.size;
  }

  /** A number for the next request; 0 stands for none. */
  nextId(): number {
    const id = this.#nextId;
    this.#nextId = id === ID_MAX ? 1 : id + 1;
    return id;
  }

  add(id: number, pending: PendingRequest): void {
    this.#pending.set(id, pending);
  }

  /** The request that is answered under this number, which waits no longer. */
  take(id: number): PendingRequest | undefined {
    const pending = this.#pending.get(id);
    if (pending !== undefined) this.#forget(id, pending);
    return pending;
  }

  /** When the one that has waited longest was sent. */
  oldestSentMs(): number | undefined {
    if (this.#oldest === undefined && this.#pending.size > 0)
      [this.#oldest] = this.#pending.values();
    return this.#oldest?.sentMs;
  }

  /** Tells those whose deadline has passed. */
  expire(peer: NodeId, nowMs: number): void {
    for (const [id, pending] of this.#pending) {
      // All are looked at: one with much time, sent first, must not hide those behind it that have little.
      if (pending.deadlineMs > nowMs) continue;
      this.#forget(id, pending);
      pending.sink.onNoAnswer(peer, pending.token);
    }
  }

  /** Tells all: no answer comes any more. */
  end(peer: NodeId): void {
    const ended = [...this.#pending.values()];
    this.#pending.clear();
    this.#oldest = undefined;
    for (const { sink, token } of ended) sink.onNoAnswer(peer, token);
  }

  #forget(id: number, pending: PendingRequest): void {
    this.#pending.delete(id);
    if (this.#oldest === pending) this.#oldest = undefined;
  }
}
