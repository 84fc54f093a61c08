/**
 * How a node comes into its cluster: founds it, joins it, or goes on in the one that its directory belongs to.
 *
 * Invariant: who asks to be let in has its identity on disk before; nobody founds a cluster beside one that answers.
 */
import { assert } from "../base/assert.ts";
import type { NodeConfig, SharedConfig } from "../model/config.ts";
import { type Address, type ClusterId, clusterIdFrom } from "../model/ids.ts";
import type { MemberRecord, MembershipState } from "../model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { Discovery } from "../ports/discovery.ts";
import type { Log } from "../ports/log.ts";
import type { Random } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import { checkCluster } from "./check-cluster.ts";
import { joinCluster } from "./join.ts";
import { differingSetting, type Identity } from "./node-state.ts";
import type { Peers } from "./peers.ts";
import { hasCells, knownMembers, LEFT, whyNotReturn } from "./restore.ts";

/** The place a node takes in its cluster. */
export interface Entry {
  readonly clusterId: ClusterId;
  readonly shared: SharedConfig;
  readonly intent: MemberRecord["intent"];
  /** Members as they were last known. */
  readonly known: readonly MemberRecord[];
  /** What the member that let this node in knows. */
  readonly heard?: MembershipState;
  /** Where members were found. */
  readonly contacts: readonly Address[];
}

export interface EntryPorts {
  readonly config: NodeConfig;
  readonly identity: Identity;
  readonly storage: Storage;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly discovery: Discovery | undefined;
  /** This node's entry in the list of members, as one that is joining. */
  readonly joiner: () => MemberRecord;
  /** Has the identity on disk; told what is in the way, or nothing. */
  readonly storeIdentity: (done: (problem: string | undefined) => void) => void;
  /** The node was told to stop: nobody waits for the end of this any more. */
  readonly isStopped: () => boolean;
}

/** Told once: the entry, or what is in the way. Never told after the node was stopped. */
type Entered = (entry: Entry | string) => void;

export function enterCluster(ports: EntryPorts, done: Entered): void {
  const once: Entered = (entry) => {
    if (!ports.isStopped()) done(entry);
  };
  const { config, discovery } = ports;
  if (ports.identity.clusterId !== undefined) goOn(ports, once);
  else if (config.peers.length === 0 && discovery === undefined) found(ports, once);
  else join(ports, once);
}

/** Addresses that are configured, and those that are found now; `isKnown` is false where they cannot be found out. */
export function findContacts(
  { config, discovery }: Pick<EntryPorts, "config" | "discovery">,
  done: (contacts: readonly Address[], isKnown: boolean) => void,
): void {
  if (discovery === undefined) return done(config.peers, true);
  discovery.find((found) => {
    const contacts = new Set([...config.peers, ...(found ?? [])]);
    contacts.delete(config.address);
    done([...contacts], found !== undefined);
  });
}

function found({ random, identity }: EntryPorts, done: Entered): void {
  const clusterId = clusterIdFrom(random.next32(), random.next32());
  done({ clusterId, shared: identity.shared, intent: "active", known: [], contacts: [] });
}

function join(ports: EntryPorts, done: Entered): void {
  // Who asks to be let in must be the same after a crash: a member that never returns would hold its places for ever.
  ports.storeIdentity((problem) => {
    if (problem !== undefined) return done(problem);
    joinCluster({
      record: ports.joiner(),
      config: ports.config,
      peers: ports.peers,
      clock: ports.clock,
      log: ports.log,
      findContacts: (found) => findContacts(ports, found),
      isStopped: ports.isStopped,
      done: (result) => {
        if (result.kind === "refused") return done(result.problem);
        if (result.kind === "alone") return found(ports, done);
        const { clusterId, shared, state, contacts } = result;
        const known = state.records;
        done({ clusterId, shared, intent: "joining", known, heard: state, contacts });
      },
    });
  });
}

/** Goes on in the cluster that the directory belongs to. */
function goOn(ports: EntryPorts, done: Entered): void {
  const { config, storage, peers, clock } = ports;
  const { clusterId, nodeId, shared } = ports.identity;
  assert(clusterId !== undefined, "a node goes on in a cluster");
  const differing = differingSetting(config.shared, shared);
  if (differing !== undefined) return done(differing);
  const known = knownMembers(storage);
  if (typeof known === "string") return done(known);
  const self = known.find(({ id }) => id === nodeId);
  const problem = self === undefined ? undefined : whyNotReturn(self, config);
  if (problem !== undefined) return done(problem);
  if (self?.intent === "left") {
    // It left, and ended before everything it still had was handed on: it goes on with that.
    hasCells(storage, (isHolder) => {
      done(isHolder ? { clusterId, shared, intent: "left", known, contacts: config.peers } : LEFT);
    });
    return;
  }
  findContacts(ports, (contacts) => {
    checkCluster({
      addresses: contacts,
      clusterId,
      peers,
      clock,
      done: (elsewhere) => {
        const intent = self?.intent ?? "active";
        done(elsewhere ?? { clusterId, shared, intent, known, contacts });
      },
    });
  });
}
