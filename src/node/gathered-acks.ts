/**
 * Acks that go together: a commit makes many writes durable at once, and whoever asked for several of them is told of all in one
 * message.
 *
 * Invariant: what is taken is told once, before `gather` is over; what is not taken is for the caller to tell.
 */
import { assert } from "../base/assert.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { NO_STAMP } from "../model/stamp.ts";

/** Sends a reply under the request's id; 0 where the reply names its requests. */
export type Tell<Peer> = (peer: Peer, requestId: number, reply: PeerReply) => void;

export class GatheredAcks<Peer> {
  readonly #tell: Tell<Peer>;
  #requestIds: Map<Peer, number[]> | undefined;
  /** Of what is gathered. */
  #commitNumber = 0;

  constructor(tell: Tell<Peer>) {
    this.#tell = tell;
  }

  /** Gathers what is taken during a call. */
  gather(during: () => void): void {
    assert(this.#requestIds === undefined, "one commit tells at a time");
    this.#requestIds = new Map();
    during();
    const gathered = this.#requestIds;
    this.#requestIds = undefined;
    const commitNumber = this.#commitNumber;
    for (const [peer, requestIds] of gathered) {
      const [first = 0] = requestIds;
      if (requestIds.length > 1)
        this.#tell(peer, 0, { kind: "write-acks", commitNumber, requestIds });
      else
        this.#tell(peer, first, {
          kind: "write-reply",
          result: "stored",
          held: NO_STAMP,
          commitNumber,
        });
    }
  }

  /** Takes an ack to tell it with others, if it is one and they are being gathered. */
  take(peer: Peer, requestId: number, reply: PeerReply): boolean {
    if (this.#requestIds === undefined) return false;
    if (reply.kind !== "write-reply" || reply.result !== "stored") return false;
    const requestIds = this.#requestIds.get(peer);
    if (this.#requestIds.size === 0) this.#commitNumber = reply.commitNumber;
    else if (this.#commitNumber !== reply.commitNumber) return false;
    if (requestIds === undefined) this.#requestIds.set(peer, [requestId]);
    else requestIds.push(requestId);
    return true;
  }
}
