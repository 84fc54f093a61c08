/**
 * Joining: asks the configured peers, in turn and for as long as it takes, to be let in.
 *
 * Invariant: a refusal that will not change by asking again (another setting, another cluster) ends it at once.
 */
import type { NodeConfig, SharedConfig } from "../model/config.ts";
import type { ClusterId } from "../model/ids.ts";
import type { MemberRecord, MembershipState } from "../model/member.ts";
import type { Refusal } from "../model/peer-message.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Peers } from "./peers.ts";

/** Pause after every peer was asked in vain. */
const RETRY_MS = 500;

const FINAL: ReadonlySet<Refusal> = new Set<Refusal>([
  "config",
  "wrong-cluster",
  "wire-version",
  "duplicate-node",
]);

export type JoinResult =
  | {
      readonly kind: "joined";
      readonly clusterId: ClusterId;
      readonly shared: SharedConfig;
      readonly state: MembershipState;
    }
  | { readonly kind: "refused"; readonly problem: string };

export interface JoinOptions {
  readonly record: MemberRecord;
  readonly config: NodeConfig;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Log;
  readonly isStopped: () => boolean;
  readonly done: (result: JoinResult) => void;
}

export function joinCluster(options: JoinOptions): void {
  ask(options, 0);
}

function ask(options: JoinOptions, index: number): void {
  const { config, record, peers, clock, log } = options;
  if (options.isStopped()) return;
  const address = config.peers[index];
  if (address === undefined) {
    clock.after(RETRY_MS, () => ask(options, 0));
    return;
  }
  peers.call(address, { kind: "join", record, shared: config.shared }, (reply) => {
    if (reply?.kind === "join-reply") {
      const { clusterId, shared, state } = reply;
      options.done({ kind: "joined", clusterId, shared, state });
      return;
    }
    if (reply?.kind === "refused" && FINAL.has(reply.reason)) {
      options.done({ kind: "refused", problem: `${address} refused: ${reply.detail}` });
      return;
    }
    const reason = reply?.kind === "refused" ? reply.detail : "no answer";
    log.log("info", "join-retried", { peer: address, reason });
    ask(options, index + 1);
  });
}
