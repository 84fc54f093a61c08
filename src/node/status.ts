/** The node as it shows itself: members, shares, counts. */
import type { Placement } from "../core/placement/placement.ts";
import type { DirtyMaps } from "../core/replication/dirty-maps.ts";
import type { NodeConfig } from "../model/config.ts";
import type { NodeId } from "../model/ids.ts";
import type { Member } from "../model/member.ts";
import type { Slot } from "../model/slot.ts";
import type { TraceCounts, Tracer } from "../ports/tracer.ts";
import type { CellStore } from "./cell-store.ts";
import type { Convergence } from "./convergence.ts";
import type { Counters } from "./counters.ts";
import type { Departures } from "./departures.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { Identity } from "./node-state.ts";
import type { Peers } from "./peers.ts";
import type { Requests } from "./requests.ts";
import type { CollectionStatus, NodePhase, StoreStatus } from "./store.ts";
import type { Votes } from "./votes.ts";

export interface StatusSource {
  readonly phase: NodePhase;
  readonly waitsFor: StoreStatus["waitsFor"];
  readonly identity: Identity;
  readonly config: NodeConfig;
  readonly placement: Placement;
  readonly members: readonly Member[];
  readonly peers: Peers;
  readonly dirtyMaps: DirtyMaps;
  /** Slots with cells this node keeps for others. */
  readonly foreignSlots: readonly Slot[];
  readonly counters: Counters;
  readonly gauges: Readonly<Record<string, number>>;
  readonly collection: CollectionStatus;
}

export function nodeStatus(source: StatusSource): StoreStatus {
  const { identity, placement, dirtyMaps } = source;
  const shares = placement.slotShares();
  const waiting = waitingFor(source);
  return {
    phase: source.phase,
    waitsFor: source.waitsFor,
    nodeId: identity.nodeId,
    clusterId: identity.clusterId,
    epoch: placement.epoch,
    config: source.config,
    shared: identity.shared,
    members: source.members.map((member) => {
      const share = shares.get(member.record.id);
      return {
        ...member,
        wireVersion: source.peers.wireVersion(member.record.id),
        firstSlots: share?.firstSlots ?? 0,
        primarySlots: share?.primarySlots ?? 0,
        dirtySlots: dirtyMaps.count(member.record.id),
        foreignSlots: waiting.get(member.record.id) ?? 0,
      };
    }),
    collection: source.collection,
    durations: source.counters.durations,
    counters: source.counters.snapshot(),
    gauges: source.gauges,
  };
}

/** The parts of a node that have amounts to show. */
export interface GaugeSource {
  readonly upkeep: Readonly<Record<string, number>>;
  readonly cells: CellStore;
  readonly commit: GroupCommit;
  readonly peers: Peers;
  readonly departures: Departures;
  readonly convergence: Convergence;
  readonly votes: Votes;
  readonly requests: Requests;
  readonly tracer: Tracer | undefined;
}

const NO_SPANS: TraceCounts = { exported: 0, dropped: 0, failed: 0 };

/** Momentary amounts, by their stable names. */
export function gaugesOf(source: GaugeSource): Readonly<Record<string, number>> {
  const { cells, commit, peers, departures, convergence, votes, requests, tracer } = source;
  const { exported, dropped, failed } = tracer?.counts ?? NO_SPANS;
  return {
    ...source.upkeep,
    cells: cells.hashes.cells,
    commits: commit.commits,
    connections: peers.connected,
    "departure-members-not-equal": departures.notEqual,
    "departure-members-not-filled": departures.notFilled,
    "exchanges-running": convergence.running,
    "foreign-slots": convergence.foreignSlots,
    "slots-without-vote": votes.voteless,
    "hashes-built": cells.isBuilt ? 1 : 0,
    "keys-uncommitted": commit.uncommitted,
    "peer-bytes-queued": peers.queuedBytes(),
    "slots-to-exchange": convergence.slotsToExchange,
    "requests-in-flight": requests.inFlight,
    "spans-dropped": dropped,
    "spans-exported": exported,
    "spans-failed": failed,
    "value-file-bytes": commit.apartBytes,
    "storage-low": requests.isStorageLow ? 1 : 0,
  };
}

/** Of the slots kept for others, how many each member is to take. */
function waitingFor({ placement, foreignSlots }: StatusSource): ReadonlyMap<NodeId, number> {
  const waiting = new Map<NodeId, number>();
  for (const slot of foreignSlots) {
    for (const owner of [...placement.primaries(slot), ...placement.pending(slot)]) {
      waiting.set(owner, (waiting.get(owner) ?? 0) + 1);
    }
  }
  return waiting;
}
