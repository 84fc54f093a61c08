/**
 * Joining: asks the members that are configured or found, in turn and for as long as it takes, to be let in.
 *
 * Invariant: a refusal that will not change by asking again (another setting, another cluster) ends it at once. Only the
 * founder gives up asking, and only when, time after time, nobody has answered that belongs to a cluster.
 */
import type { NodeConfig, SharedConfig } from "../model/config.ts";
import type { Address, ClusterId } from "../model/ids.ts";
import type { MemberRecord, MembershipState } from "../model/member.ts";
import type { Refusal } from "../model/peer-message.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Peers } from "./peers.ts";

/** Pause after every peer was asked in vain. */
const RETRY_MS = 500;
/** So often a founder asks everybody before it takes itself to be the first. */
const ALONE_ROUNDS = 4;

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
      readonly contacts: readonly Address[];
    }
  /** Nobody is there yet: told to a founder only. */
  | { readonly kind: "alone" }
  | { readonly kind: "refused"; readonly problem: string };

export interface JoinOptions {
  readonly record: MemberRecord;
  readonly config: NodeConfig;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Log;
  /** `isKnown`: that there are no others is known, and not a question that could not be asked. */
  readonly findContacts: (done: (contacts: readonly Address[], isKnown: boolean) => void) => void;
  readonly isStopped: () => boolean;
  readonly done: (result: JoinResult) => void;
}

/** One time of asking everybody. */
interface Round {
  readonly contacts: readonly Address[];
  /** Rounds before this one in which nobody answered that belongs to a cluster. */
  readonly aloneRounds: number;
  isAlone: boolean;
}

export function joinCluster(options: JoinOptions): void {
  begin(options, 0);
}

function begin(options: JoinOptions, aloneRounds: number): void {
  if (options.isStopped()) return;
  options.findContacts((contacts, isKnown) =>
    ask(options, { contacts, aloneRounds, isAlone: isKnown }, 0),
  );
}

function ask(options: JoinOptions, round: Round, index: number): void {
  const { config, record, peers, log } = options;
  if (options.isStopped()) return;
  const address = round.contacts[index];
  if (address === undefined) return again(options, round);
  peers.call(address, { kind: "join", record, shared: config.shared }, (reply, answering) => {
    if (reply?.kind === "join-reply") {
      const { clusterId, shared, state } = reply;
      const { contacts } = round;
      options.done({ kind: "joined", clusterId, shared, state, contacts });
      return;
    }
    if (reply?.kind === "refused" && FINAL.has(reply.reason)) {
      options.done({ kind: "refused", problem: `${address} refused: ${reply.detail}` });
      return;
    }
    if (answering !== undefined) round.isAlone = false;
    const reason = reply?.kind === "refused" ? reply.detail : "no answer";
    log.log("info", "join-retried", { peer: address, reason });
    ask(options, round, index + 1);
  });
}

function again(options: JoinOptions, { aloneRounds, isAlone }: Round): void {
  const { config, clock } = options;
  const rounds = isAlone ? aloneRounds + 1 : 0;
  if (config.isFounder === true && rounds >= ALONE_ROUNDS) options.done({ kind: "alone" });
  else clock.after(RETRY_MS, () => begin(options, rounds));
}
