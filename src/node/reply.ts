/** How a node answers what a peer, or its own coordinator, asks of it. */
import type { PeerReply, Refusal } from "../model/peer-message.ts";

/** To be called once. */
export type Reply = (reply: PeerReply) => void;

/** Says that nothing was done, and why. */
export function refuse(reply: Reply, reason: Refusal, detail: string): void {
  reply({ kind: "refused", reason, detail });
}
