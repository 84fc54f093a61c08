/** What every request in flight needs of its node. */
import type { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { Reach, SlotPlan } from "../core/replication/quorum.ts";
import type { NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import type { Failure, FailureCode, QuorumReport } from "../model/outcome.ts";
import type { Stamp } from "../model/stamp.ts";
import type { Counters } from "./counters.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

/** What requests ask of others, and of this node's own cells: directly, or under a span (`tracing.ts`). */
export type RequestPeers = Pick<Peers, "request" | "reach" | "tell" | "wireVersion">;
export type RequestReplica = Pick<
  Replica,
  "write" | "overwrite" | "read" | "list" | "merge" | "mark" | "readRootNow"
>;

export interface RequestContext {
  readonly self: NodeId;
  readonly peers: RequestPeers;
  readonly replica: RequestReplica;
  /** As `peers` says. */
  readonly reach: (node: NodeId) => Reach;
  readonly counters: Counters;
  readonly placement: () => Placement;
  readonly monotonicMs: () => number;
  /** As `Clock` says. */
  readonly turnMs: () => number;
  readonly wallMs: () => number;
  readonly mint: () => Stamp;
  readonly mintAbove: (held: Stamp) => Stamp;
  /** Exchanges memberships with a node that sees another placement; `done` runs in a later turn. */
  readonly resync: (node: NodeId, done: () => void) => void;
}

/** Rounds of resynchronisation a request takes part in before it counts the node as one that refused. */
export const RESYNC_ROUNDS_MAX = 2;

/** Who is to hold a key, as this node's placement has it. */
export function planFor(placement: Placement, key: Key): SlotPlan {
  return placement.planOf(slotOfKey(key));
}

export const NO_QUORUM: QuorumReport = { acks: 0, of: 0, hinted: 0 };

const DETAILS: Readonly<Record<FailureCode, string>> = {
  "quorum-unreachable": "fewer replicas than demanded could be reached",
  "timed-out": "the deadline passed before enough replicas answered",
  overloaded: "this node has as many requests under way as it takes",
  "too-new": "no replica that answered holds the stamp asked for",
  damaged: "every copy that was found fails its checksum",
  "storage-failed": "this node's disk refused",
  "not-ready": "this node does not serve requests yet",
  "shutting-down": "this node is stopping",
  contended: "another write came between",
};

export function failure(
  code: FailureCode,
  stored: "no" | "maybe",
  quorum: QuorumReport = NO_QUORUM,
): Failure {
  const effect = stored === "no" ? "nothing was stored" : "it may have been stored";
  const counted = quorum.of === 0 ? "" : ` (${quorum.acks} of ${quorum.of})`;
  return { kind: "failed", code, detail: `${DETAILS[code]}${counted}; ${effect}`, stored, quorum };
}

/** A failed read: nothing is ever stored by one. */
export function readFailure(code: FailureCode, quorum: QuorumReport = NO_QUORUM): Failure {
  const counted = quorum.of === 0 ? "" : ` (${quorum.acks} of ${quorum.of})`;
  return { kind: "failed", code, detail: `${DETAILS[code]}${counted}`, stored: "no", quorum };
}
