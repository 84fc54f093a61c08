/**
 * What one connection waits for: requests that were sent on it and have no answer yet.
 *
 * Invariant: each ends once: it is taken when its answer comes, or told that there is none. Numbers are found by a table of places
 * and not by a `Map`, whose tables would keep what was answered long ago (`linked-list.ts`).
 */
import { assert } from "../base/assert.ts";
import { type Linked, LinkedList } from "../base/linked-list.ts";
import type { NodeId } from "../model/ids.ts";
import type { PeerReply } from "../model/peer-message.ts";

/** Who is told how a request ended. `token` is the caller's own. */
export interface ReplySink {
  onReply(from: NodeId, token: number, reply: PeerReply): void;
  onNoAnswer(from: NodeId, token: number): void;
}

export class PendingRequest implements Linked<PendingRequest> {
  readonly sink: ReplySink;
  readonly token: number;
  /** Monotonic milliseconds, as `deadlineMs`. */
  readonly sentMs: number;
  readonly deadlineMs: number;
  id = 0;
  before: PendingRequest | undefined = undefined;
  after: PendingRequest | undefined = undefined;

  constructor(sink: ReplySink, token: number, sentMs: number, deadlineMs: number) {
    this.sink = sink;
    this.token = token;
    this.sentMs = sentMs;
    this.deadlineMs = deadlineMs;
  }
}

const ID_MAX = 0xffff_ffff;
const PLACES_AT_FIRST = 256;

export class PendingRequests {
  /** In the order they were sent. */
  readonly #list = new LinkedList<PendingRequest>();
  /** Each at the place that the low bits of its number name; a power of two of them, twice as many as requests. */
  #places: (PendingRequest | undefined)[] = emptyPlaces(PLACES_AT_FIRST);
  #nextId = 1;

  get size(): number {
    return this.#list.size;
  }

  /** A number for the next request, that nobody waits for; 0 stands for none. */
  nextId(): number {
    // Where an old one waits on, its place is passed over: at most half of them are taken.
    while (this.#places[this.#placeOf(this.#nextId)] !== undefined) this.#advance();
    const id = this.#nextId;
    this.#advance();
    return id;
  }

  /** @param id From `nextId`, and since then nothing was added. */
  add(id: number, pending: PendingRequest): void {
    const place = this.#placeOf(id);
    assert(this.#places[place] === undefined, "a number is given out once");
    pending.id = id;
    this.#places[place] = pending;
    this.#list.add(pending);
    if (2 * this.#list.size > this.#places.length) this.#grow();
  }

  /** The request that is answered under this number, which waits no longer. */
  take(id: number): PendingRequest | undefined {
    const pending = this.#places[this.#placeOf(id)];
    if (pending?.id !== id) return undefined;
    this.#forget(pending);
    return pending;
  }

  /** When the one that has waited longest was sent. */
  oldestSentMs(): number | undefined {
    return this.#list.first?.sentMs;
  }

  /** Tells those whose deadline has passed. */
  expire(peer: NodeId, nowMs: number): void {
    // All are looked at: one with much time, sent first, must not hide those behind it that have little.
    for (const pending of this.#list.members()) {
      if (pending.deadlineMs > nowMs) continue;
      // Whoever was told before may have ended this one.
      if (!this.#list.has(pending)) continue;
      this.#forget(pending);
      pending.sink.onNoAnswer(peer, pending.token);
    }
  }

  /** Tells all: no answer comes any more. */
  end(peer: NodeId): void {
    const ended = this.#list.members();
    for (const pending of ended) this.#forget(pending);
    for (const { sink, token } of ended) sink.onNoAnswer(peer, token);
  }

  #advance(): void {
    this.#nextId = this.#nextId === ID_MAX ? 1 : this.#nextId + 1;
  }

  #placeOf(id: number): number {
    return id & (this.#places.length - 1);
  }

  #grow(): void {
    this.#places = emptyPlaces(2 * this.#places.length);
    for (const pending of this.#list.members()) this.#places[this.#placeOf(pending.id)] = pending;
  }

  #forget(pending: PendingRequest): void {
    this.#places[this.#placeOf(pending.id)] = undefined;
    this.#list.delete(pending);
  }
}

function emptyPlaces(count: number): (PendingRequest | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
