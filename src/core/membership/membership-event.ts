/** What goes into the membership machine and what comes out of it. */
import type { GossipMessage } from "../../model/gossip-message.ts";
import type { Address, ClusterId, NodeId } from "../../model/ids.ts";
import type { Liveness, MemberRecord, MembershipState } from "../../model/member.ts";
import type { Random } from "../../ports/random.ts";
import type { SwimConfig } from "./swim-config.ts";

export interface MembershipOptions {
  /** This node as it starts: `boots` raised and stored before, a fresh `boot` id. */
  readonly self: MemberRecord;
  readonly clusterId: ClusterId;
  /** Members as last persisted; one of this node itself is read for what it says of a higher start. */
  readonly known: readonly MemberRecord[];
  /** Configured peers: tried for ever, whoever answers there. */
  readonly peers: readonly Address[];
  readonly config: SwimConfig;
  readonly random: Random;
}

/** Timers carry what they were set for; they are outlived, never cancelled. */
export type MembershipTimer =
  | { readonly kind: "probe-round" }
  | { readonly kind: "probe-timeout"; readonly probe: number }
  | { readonly kind: "probe-ended"; readonly probe: number }
  | { readonly kind: "relay-ended"; readonly relay: number }
  | { readonly kind: "suspicion"; readonly id: NodeId; readonly incarnation: number }
  | { readonly kind: "gossip" }
  | { readonly kind: "push-pull" }
  | { readonly kind: "reach-out" };

export type ChangeOfSelf = Partial<
  Pick<MemberRecord, "intent" | "zone" | "weight" | "address" | "httpAddress" | "redisAddress">
>;

export type MembershipEvent =
  /** Once, before anything else. */
  | { readonly kind: "started" }
  | { readonly kind: "timer"; readonly timer: MembershipTimer; readonly dueMs: number }
  /** Decoded, of this cluster; otherwise anything. */
  | { readonly kind: "datagram"; readonly from: Address; readonly message: GossipMessage }
  /**
   * A peer's full state, asked for or not; the caller answers a peer that asked with `state()`, after this step. `from` is
   * the peer, where its connection says so: that it calls itself dead is its goodbye.
   */
  | {
      readonly kind: "push-pull-received";
      readonly state: MembershipState;
      readonly from?: NodeId;
    }
  /** Addresses at which members may be found, in place of those that were given before. */
  | { readonly kind: "contacts-found"; readonly addresses: readonly Address[] }
  /** The answer to `probe-by-tcp`; may come late or never. */
  | { readonly kind: "probe-by-tcp-ended"; readonly probe: number; readonly isOk: boolean }
  /** The event loop was found to have stood still for so long. */
  | { readonly kind: "stalled"; readonly lagMs: number }
  /** A connection to the member broke, or a request to it went unanswered: it is probed out of turn. */
  | { readonly kind: "doubted"; readonly id: NodeId }
  /** A peer computes another placement epoch: memberships are exchanged, at a bounded pace. */
  | { readonly kind: "epoch-differs"; readonly id: NodeId }
  | { readonly kind: "changed-self"; readonly change: ChangeOfSelf }
  /** An operator's command, given at this node. `removed` is final. */
  | { readonly kind: "decided"; readonly id: NodeId; readonly intent: "removing" | "removed" }
  /** A graceful stop: the machine says goodbye and does nothing more. */
  | { readonly kind: "stopping" };

export type MembershipEffect =
  | { readonly kind: "send-datagram"; readonly to: Address; readonly message: GossipMessage }
  /** Send `state()` over TCP, and feed the reply back as `push-pull-received`. */
  | { readonly kind: "push-pull"; readonly to: Address }
  /** Ask for any answer over TCP from that very node. */
  | {
      readonly kind: "probe-by-tcp";
      readonly to: NodeId;
      readonly address: Address;
      readonly probe: number;
    }
  | { readonly kind: "set-timer"; readonly atMs: number; readonly event: MembershipEvent }
  /** Persist `records()`, this node's own included; the placement may have changed. At most once a step, and last. */
  | { readonly kind: "records-changed" }
  /** `isGoodbye`: the member says itself that it stops; what it was asked before, it still answers. */
  | {
      readonly kind: "liveness-changed";
      readonly id: NodeId;
      readonly liveness: Liveness;
      readonly isGoodbye: boolean;
    }
  /** Another live process has this node's id, and was first: stop. The machine is silent from now on. */
  | { readonly kind: "duplicate"; readonly heard: MemberRecord | undefined };
