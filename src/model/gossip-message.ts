/**
 * Gossip: what nodes tell each other in datagrams. Layout in bytes: `protocol/peer/gossip-codec.ts`,
 * docs/protocol/gossip.md. Source: Das et al., "SWIM" (DSN 2002); Dadgar et al., "Lifeguard" (2018).
 *
 * Every message names its sender, with the version of the sender's record and its incarnation: a message is by
 * itself a claim to be alive, and shows a receiver that it lacks the sender's newest record.
 */
import { binaryFromText } from "../base/binary.ts";
import type { BootId, ClusterId, Epoch, NodeId } from "./ids.ts";
import { DATAGRAM_BYTES_MAX } from "./limits.ts";
import type { Liveness, MemberRecord } from "./member.ts";

/** Highest number of starts that a record may carry: 31 bits, far above what a disk lives to see. */
export const BOOTS_MAX: number = 2 ** 31 - 1;
/** Highest version within one start: 32 bits. */
export const VERSION_MAX = 0xffff_ffff;
/** Each start begins its incarnations here, times the number of starts. */
export const INCARNATIONS_PER_BOOT: number = 2 ** 20;
/** Highest incarnation: below the first one of a start that cannot be. */
export const INCARNATION_MAX: number = (BOOTS_MAX + 1) * INCARNATIONS_PER_BOOT - 1;
/** Longest zone name in UTF-8. */
export const ZONE_BYTES_MAX = 64;
/** Heaviest node. */
export const WEIGHT_MAX = 64;

/** Who sent a message, and how recent the sender's own truth about itself is. */
export interface GossipSender {
  readonly id: NodeId;
  readonly boot: BootId;
  /** Of the sender's record. */
  readonly boots: number;
  /** Of the sender's record. */
  readonly version: number;
  /** The sender says: I am alive at this incarnation. */
  readonly incarnation: number;
}

/** One piece of news on the back of a message. */
export type GossipUpdate =
  | {
      /** A member's record, with the liveness its bearer believes in: new members are usable at once. */
      readonly kind: "record";
      readonly record: MemberRecord;
      readonly liveness: Liveness;
      readonly incarnation: number;
    }
  | {
      readonly kind: "liveness";
      readonly id: NodeId;
      readonly liveness: Liveness;
      readonly incarnation: number;
      /** Who found out: independent suspicions confirm each other; `dead` by itself is a graceful stop. */
      readonly by: NodeId;
    };

interface GossipBase {
  readonly sender: GossipSender;
  readonly updates: readonly GossipUpdate[];
}

export type GossipMessage =
  /** Asks for an ack. `target` undefined: whoever listens at this address. */
  | (GossipBase & {
      readonly kind: "ping";
      readonly probe: number;
      readonly target: NodeId | undefined;
    })
  /** `target` is alive: the sender itself, or the one it was asked to probe. */
  | (GossipBase & { readonly kind: "ack"; readonly probe: number; readonly target: NodeId })
  /** Asks the receiver to probe `target` and to pass its ack on. */
  | (GossipBase & {
      readonly kind: "ping-request";
      readonly probe: number;
      readonly target: NodeId;
    })
  /** The receiver of a ping-request is here, but `target` has not answered it. */
  | (GossipBase & { readonly kind: "nack"; readonly probe: number; readonly target: NodeId })
  | (GossipBase & { readonly kind: "gossip" });

/** What a datagram carries besides its message. */
export interface DatagramHeader {
  readonly clusterId: ClusterId;
  /** The sender's hybrid clock: milliseconds and counter. */
  readonly clockMs: number;
  readonly clockCounter: number;
  /** The sender's placement epoch; 0 before it has one. */
  readonly epoch: Epoch;
}

export interface Datagram {
  readonly header: DatagramHeader;
  readonly message: GossipMessage;
}

/** Everything in the largest datagram but its updates; the codec's test holds the number. */
export const GOSSIP_ENVELOPE_BYTES_MAX = 86;
/** Room for updates. A record with the longest addresses and zone takes 976 of it. */
export const GOSSIP_UPDATES_BYTES_MAX: number = DATAGRAM_BYTES_MAX - GOSSIP_ENVELOPE_BYTES_MAX;

const LIVENESS_UPDATE_BYTES = 26;
const RECORD_UPDATE_FIXED_BYTES = 51;

/** Bytes the update takes in a datagram: lets the sender count what it has really told. */
export function gossipUpdateBytes(update: GossipUpdate): number {
  if (update.kind === "liveness") return LIVENESS_UPDATE_BYTES;
  const { address, httpAddress, redisAddress, zone } = update.record;
  const addressBytes = address.length + httpAddress.length + redisAddress.length;
  return RECORD_UPDATE_FIXED_BYTES + addressBytes + binaryFromText(zone).length;
}
