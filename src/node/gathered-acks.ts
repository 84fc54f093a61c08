/**
 * Acks that go together: a commit makes many writes durable at once, and whoever asked for several of them is told of all in one
 * message.
 *
 * Invariant: what is taken is told once: when `gather` is over, however that ends, or at `tellNow`, for those who close what
 * they would be told over. What is not taken is for the caller to tell.
 */
import { assert } from "../base/assert.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { NO_STAMP } from "../model/stamp.ts";

/** Sends a reply under the request's id; 0 where the reply names its requests. */
export type Tell<Peer> = (peer: Peer, requestId: number, reply: PeerReply) => void;

/** Told in one message: 64 KiB of ids. Who sends a write again and again while the disk stands still is owed any number. */
export const ACKS_TOGETHER_MAX = 16_384;

export class GatheredAcks<Peer> {
  readonly #tell: Tell<Peer>;
  /** Another one after each telling: one that is cleared leaves its table behind (`fleeting-map.ts`). */
  #requestIds = new Map<Peer, number[]>();
  /** Of what is gathered. */
  #commitNumber = 0;
  #isGathering = false;

  constructor(tell: Tell<Peer>) {
    this.#tell = tell;
  }

  /** Gathers what is taken during a call. */
  gather(during: () => void): void {
    assert(!this.#isGathering, "one commit tells at a time");
    this.#isGathering = true;
    try {
      during();
    } finally {
      this.#isGathering = false;
      this.tellNow();
    }
  }

  /** Tells what is gathered so far. */
  tellNow(): void {
    if (this.#requestIds.size === 0) return;
    const gathered = this.#requestIds;
    this.#requestIds = new Map();
    for (const [peer, requestIds] of gathered) this.#tellOf(peer, requestIds);
  }

  /** Takes an ack to tell it with others, if it is one and they are being gathered. */
  take(peer: Peer, requestId: number, reply: PeerReply): boolean {
    if (!this.#isGathering) return false;
    if (reply.kind !== "write-reply" || reply.result !== "stored") return false;
    if (this.#requestIds.size === 0) this.#commitNumber = reply.commitNumber;
    else if (this.#commitNumber !== reply.commitNumber) return false;
    const requestIds = this.#requestIds.get(peer);
    if (requestIds === undefined) this.#requestIds.set(peer, [requestId]);
    else if (requestIds.push(requestId) === ACKS_TOGETHER_MAX) {
      this.#requestIds.delete(peer);
      this.#tellOf(peer, requestIds);
    }
    return true;
  }

  #tellOf(peer: Peer, requestIds: readonly number[]): void {
    const commitNumber = this.#commitNumber;
    const [first = 0] = requestIds;
    if (requestIds.length > 1) {
      this.#tell(peer, 0, { kind: "write-acks", commitNumber, requestIds });
    } else {
      this.#tell(peer, first, {
        kind: "write-reply",
        result: "stored",
        held: NO_STAMP,
        commitNumber,
      });
    }
  }
}
