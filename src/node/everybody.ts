/**
 * One message to all members at once, and what they answer in time.
 *
 * Every member this node is connected to is sent it, once and in line: what is sent here arrives at
 * each of them in the order it was sent, or not at all. Nothing is sent again, or later to those
 * who could not be reached. Who is believed alive and has not kept silent for long is waited for,
 * up to WAIT_MS_MAX.
 *
 * Invariant: each question ends once. At most ASKED_MAX of them are waited with, and at most
 * OWED_MAX answers of a peer are waited for: one that comes to owe more is told and not asked, so
 * it gets the message and its answer does not count.
 */
import type { NodeId } from "../model/ids.ts";
import { DEADLINE_MS_MAX } from "../model/limits.ts";
import type { PeerReply } from "../model/peer-message.ts";
import type { Clock } from "../ports/clock.ts";
import type { Peers } from "./peers.ts";
import type { ReplySink } from "./pending-requests.ts";

/** Longest wait for answers. */
export const WAIT_MS_MAX = 1_000;
/** As many as a node coordinates requests at once. */
const ASKED_MAX = 16_384;
const OWED_MAX = 16_384;
/** For a peer that is asked and not waited for. */
const NOT_WAITED_FOR = 0;

/** A question that waits for answers. */
interface Asked {
  readonly untilMs: number;
  readonly onReply: (reply: PeerReply) => void;
  readonly onEnd: () => void;
  /** How many are waited for. */
  left: number;
}

/** A peer that owes answers. */
interface Debt {
  answers: number;
  /** When it began to owe, or answered last. */
  sinceMs: number;
}

/** What it needs of the connections to them. */
type Connections = Pick<Peers, "post" | "reach" | "reachable">;

export class Everybody implements ReplySink {
  readonly #peers: Connections;
  readonly #clock: Clock;
  /** By token, in the order they were asked, which is that in which they run out. */
  readonly #asked = new Map<number, Asked>();
  readonly #debts = new Map<NodeId, Debt>();
  #token = NOT_WAITED_FOR;
  #isTimed = false;

  constructor(peers: Connections, clock: Clock) {
    this.#peers = peers;
    this.#clock = clock;
  }

  /** Whether anybody else can be reached. */
  get isThere(): boolean {
    return this.#peers.reachable().length > 0;
  }

  /**
   * Sends a message encoded by `encodeMessage`. `onReply` is told the answers that come in time;
   * `onEnd`, once, that there will be no more, perhaps within the call.
   */
  ask(body: Uint8Array, onReply: (reply: PeerReply) => void, onEnd: () => void): void {
    const nowMs = this.#clock.monotonicMs();
    const asked: Asked = { untilMs: nowMs + WAIT_MS_MAX, onReply, onEnd, left: 0 };
    this.#token += 1;
    const mayWait = this.#asked.size < ASKED_MAX;
    for (const node of this.#peers.reachable()) {
      const debt = this.#debts.get(node);
      if (debt !== undefined && debt.answers >= OWED_MAX) {
        this.#peers.post(node, body, undefined);
        continue;
      }
      const isSilent = debt !== undefined && nowMs - debt.sinceMs >= WAIT_MS_MAX;
      const isWaitedFor = mayWait && !isSilent && this.#peers.reach(node) !== "doubtful";
      const token = isWaitedFor ? this.#token : NOT_WAITED_FOR;
      const deadlineMs = nowMs + DEADLINE_MS_MAX;
      if (!this.#peers.post(node, body, { deadlineMs, sink: this, token })) continue;
      if (debt === undefined) this.#debts.set(node, { answers: 1, sinceMs: nowMs });
      else debt.answers += 1;
      if (isWaitedFor) asked.left += 1;
    }
    if (asked.left === 0) {
      onEnd();
      return;
    }
    this.#asked.set(this.#token, asked);
    this.#time(WAIT_MS_MAX);
  }

  onReply(from: NodeId, token: number, reply: PeerReply): void {
    this.#noteAnswer(from);
    const asked = this.#asked.get(token);
    if (asked === undefined) return;
    asked.onReply(reply);
    this.#noteEnd(token, asked);
  }

  onNoAnswer(from: NodeId, token: number): void {
    this.#noteAnswer(from);
    const asked = this.#asked.get(token);
    if (asked !== undefined) this.#noteEnd(token, asked);
  }

  #noteAnswer(from: NodeId): void {
    const debt = this.#debts.get(from);
    if (debt === undefined) return;
    debt.answers -= 1;
    debt.sinceMs = this.#clock.monotonicMs();
    if (debt.answers === 0) this.#debts.delete(from);
  }

  #noteEnd(token: number, asked: Asked): void {
    asked.left -= 1;
    if (asked.left > 0) return;
    this.#asked.delete(token);
    asked.onEnd();
  }

  /** One timer for all: they run out in the order they were asked. */
  #time(ms: number): void {
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.#clock.after(ms, () => {
      this.#isTimed = false;
      this.#endOverdue();
    });
  }

  #endOverdue(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [token, { untilMs, onEnd }] of this.#asked) {
      if (untilMs > nowMs) {
        this.#time(untilMs - nowMs);
        return;
      }
      this.#asked.delete(token);
      onEnd();
    }
  }
}
