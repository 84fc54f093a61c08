/**
 * The moment after a joining node has declared itself active: until so many of its predecessors know of it that no read
 * quorum can be had among those who do not, its acknowledgements of writes are held back.
 *
 * Invariant: a write that this node acknowledges is seen by every read quorum begun later, also by one under the placement
 * before. In each slot it took over, N−W+1 of the primaries of that placement must have left it: they refuse it from
 * then on, and what remains of it is no quorum. A member found dead is taken to be out of every quorum. Held for a
 * second at most: whoever has not heard by then is cut off, and a write is not refused for that.
 * Source: docs/decisions/0007-joining-nodes-take-over-all-at-once.md.
 */
import type { Placement } from "../core/placement/placement.ts";
import { blockingCount } from "../core/replication/quorum.ts";
import type { NodeId } from "../model/ids.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { Liveness } from "../model/member.ts";
import type { PeerReply } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import type { Clock } from "../ports/clock.ts";
import type { Reply } from "./reply.ts";
import { askPeer, type ExchangePorts } from "./slot-exchange.ts";

/** How often predecessors that have not answered are asked again. */
const ASK_MS = 50;
/** Longest time anything is held back. */
const HOLD_MS_MAX = 1_000;

export interface ActivationOptions {
  readonly ports: ExchangePorts;
  readonly self: NodeId;
  readonly clock: Clock;
  readonly liveness: (node: NodeId) => Liveness | undefined;
}

export class Activation {
  readonly #options: ActivationOptions;
  /** The placement in which this node was pending; `undefined` while nothing is held back. */
  #former: Placement | undefined;
  readonly #confirmed = new Set<NodeId>();
  readonly #asked = new Set<NodeId>();
  #held: (() => void)[] = [];
  #untilMs = 0;

  constructor(options: ActivationOptions) {
    this.#options = options;
  }

  /** This node is about to leave `former`, in which it was pending, for the placement that has it as a primary. */
  begin(former: Placement): void {
    this.#former = former;
    this.#confirmed.clear();
    this.#untilMs = this.#options.clock.monotonicMs() + HOLD_MS_MAX;
    this.#askAll();
  }

  /** Acknowledgements are held back. */
  get isHolding(): boolean {
    return this.#former !== undefined;
  }

  /** Acknowledges at once, or when the predecessors know. */
  acknowledge(reply: Reply, said: PeerReply): void {
    if (this.#former === undefined) reply(said);
    else this.#held.push(() => reply(said));
  }

  /** Forgets what is held: the node stops. */
  close(): void {
    this.#former = undefined;
    this.#held = [];
  }

  #askAll(): void {
    const { ports, self, clock, liveness } = this.#options;
    const former = this.#former;
    if (former === undefined) return;
    for (const node of former.memberIds) {
      if (node === self || this.#confirmed.has(node) || this.#asked.has(node)) continue;
      if (liveness(node) === "dead") {
        this.#confirmed.add(node);
        continue;
      }
      this.#asked.add(node);
      // Whoever answers has the epoch of the question, which is a later one; nobody goes back.
      askPeer(ports, node, { kind: "filled" }, "filled-reply", (reply) => {
        this.#asked.delete(node);
        if (reply === undefined) return;
        this.#confirmed.add(node);
        this.#releaseIfKnown();
      });
    }
    this.#releaseIfKnown();
    if (clock.monotonicMs() >= this.#untilMs) this.#release();
    else clock.after(ASK_MS, () => this.#askAll());
  }

  #releaseIfKnown(): void {
    const former = this.#former;
    if (former === undefined) return;
    for (let index = 0; index < SLOT_COUNT; index += 1) {
      const slot = index as Slot;
      if (!former.isPending(slot, this.#options.self)) continue;
      const primaries = former.primaries(slot);
      const known = primaries.filter((node) => this.#confirmed.has(node)).length;
      if (known < blockingCount(primaries.length)) return;
    }
    this.#release();
  }

  #release(): void {
    this.#former = undefined;
    const held = this.#held;
    this.#held = [];
    for (const reply of held) reply();
  }
}
