/**
 * Members: intent (who belongs, decided and persisted) apart from liveness (who answers, observed).
 * Only the node itself or an operator changes intent; only failure detection changes liveness.
 */
import type { Address, BootId, NodeId } from "./ids.ts";

/** What was decided. `removed` is final. */
export type Intent = "joining" | "active" | "leaving" | "left" | "removing" | "removed";

/** What was observed. */
export type Liveness = "alive" | "suspect" | "dead";

/** One member's intent and how to reach it. The greater (`boots`, `version`) wins; `removed` beats all. */
export interface MemberRecord {
  readonly id: NodeId;
  /** Peer address, UDP and TCP. */
  readonly address: Address;
  /** HTTP address for people, `host:port`, or empty. */
  readonly httpAddress: string;
  /** Where clients reach the Redis door, `host:port`, or empty. */
  readonly redisAddress: string;
  readonly intent: Intent;
  /** At most 64 bytes of UTF-8. */
  readonly zone: string;
  /** 1..64. */
  readonly weight: number;
  /** How often the node has started on its data directory, at least 1. */
  readonly boots: number;
  /** Raised with each change within one boot. */
  readonly version: number;
  /** The stamps of this start carry it. */
  readonly boot: BootId;
}

/** SWIM's belief about one member. A greater incarnation wins; at equal ones dead beats suspect beats alive. */
export interface LivenessRecord {
  readonly id: NodeId;
  readonly liveness: Liveness;
  /** Raised only by the member itself, to refute; starts at boots x 2^20, so it grows across restarts. */
  readonly incarnation: number;
}

/** A member as one node sees it. */
export interface Member {
  readonly record: MemberRecord;
  readonly liveness: Liveness;
  readonly incarnation: number;
}

/** The full state that two nodes exchange by push/pull. At most MEMBERS_MAX of each. */
export interface MembershipState {
  readonly records: readonly MemberRecord[];
  readonly liveness: readonly LivenessRecord[];
}
