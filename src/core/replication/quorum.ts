/**
 * Quorum arithmetic of one request: who is to hold the key, and how many of them are enough.
 *
 * Invariant: a default write misses at most N−W of today's and tomorrow's primaries together, and a default
 * read asks more than N−W of today's, so they meet in a node, also while slots change hands: each pending node
 * raises what a write needs by one. Source: DeCandia et al., "Dynamo" (2007), section 4.5.
 */
import { assert } from "../../base/assert.ts";
import type { NodeId } from "../../model/ids.ts";

/** The nodes of one slot, as one placement epoch has them. */
export interface SlotPlan {
  readonly primaries: readonly NodeId[];
  /** Nodes that will be primaries: they get every write and are not asked in reads. */
  readonly pending: readonly NodeId[];
  readonly fallbacks: readonly NodeId[];
}

/**
 * How a node can be reached at the moment. `slow`: connected and trusted, but an answer is overdue; reads go
 * elsewhere first, writes make no difference. `doubtful`: a suspect. `down`: dead or disconnected.
 */
export type Reach = "up" | "slow" | "doubtful" | "down";

/** More than half of `replicas`. */
export function majority(replicas: number): number {
  assert(Number.isInteger(replicas) && replicas >= 1, "there is at least one replica");
  return Math.floor(replicas / 2) + 1;
}

/** Push-backs that meet every write acknowledged before: N−W+1. */
export function blockingCount(replicas: number): number {
  return replicas - majority(replicas) + 1;
}
