/** How a node answers what a peer, or its own coordinator, asks of it. */
import type { PeerMessage, PeerReply, Refusal } from "../model/peer-message.ts";

/** To be called once. */
export type Reply = (reply: PeerReply) => void;

/** Says that nothing was done, and why. */
export function refuse(reply: Reply, reason: Refusal, detail: string): void {
  reply({ kind: "refused", reason, detail });
}

const REPLY_KINDS: ReadonlySet<string> = new Set<PeerReply["kind"]>([
  "refused",
  "hello-reply",
  "join-reply",
  "push-pull-reply",
  "probe-reply",
  "write-reply",
  "write-acks",
  "cells-reply",
  "digest-reply",
  "confirm-reply",
  "forward-reply",
  "list-reply",
  "compare-reply",
  "slot-list-reply",
  "fetch-reply",
  "merge-reply",
  "filled-reply",
  "mark-reply",
  "floor-reply",
  "collect-reply",
  "publish-reply",
  "subscriptions-reply",
  "leaf-compare-reply",
  "slot-scan-reply",
]);

/** Whether a message answers one. */
export function isReply(message: PeerMessage): message is PeerReply {
  return REPLY_KINDS.has(message.kind);
}
