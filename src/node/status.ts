/** The node as it shows itself: members, shares, counts. */
import type { Placement } from "../core/placement/placement.ts";
import type { DirtyMaps } from "../core/replication/dirty-maps.ts";
import type { NodeConfig } from "../model/config.ts";
import type { NodeId } from "../model/ids.ts";
import type { Member } from "../model/member.ts";
import type { Slot } from "../model/slot.ts";
import type { Counters } from "./counters.ts";
import type { Identity } from "./node-state.ts";
import type { CollectionStatus, NodePhase, StoreStatus } from "./store.ts";

export interface StatusSource {
  readonly phase: NodePhase;
  readonly identity: Identity;
  readonly config: NodeConfig;
  readonly placement: Placement;
  readonly members: readonly Member[];
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
    nodeId: identity.nodeId,
    clusterId: identity.clusterId,
    epoch: placement.epoch,
    config: source.config,
    shared: identity.shared,
    members: source.members.map((member) => {
      const share = shares.get(member.record.id);
      return {
        ...member,
        firstSlots: share?.firstSlots ?? 0,
        primarySlots: share?.primarySlots ?? 0,
        dirtySlots: dirtyMaps.count(member.record.id),
        foreignSlots: waiting.get(member.record.id) ?? 0,
      };
    }),
    collection: source.collection,
    counters: source.counters.snapshot(),
    gauges: source.gauges,
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
