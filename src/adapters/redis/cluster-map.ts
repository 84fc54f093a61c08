/**
 * The cluster as clients of Redis Cluster see it: which node to ask for which slots. Any node answers for any key, so a client
 * that asks another is answered too; who asks the first primary saves a hop.
 *
 * A slot belongs to its first primary that is alive and has a Redis door, or else to one that is suspect; what no
 * primary of it can answer for belongs to the node that is asked. The others follow in order of id, as what Redis calls
 * replicas. Slots that are alike and adjoin are one range; placement scatters slots, so there are thousands of ranges,
 * and what was worked out is kept while nothing changes.
 */
import type { NodeId } from "../../model/ids.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import { slotFrom } from "../../model/slot.ts";
import type { MemberStatus, Store, StoreStatus } from "../../node/store.ts";
import { redisId } from "./redis-ids.ts";

export interface ClusterNode {
  readonly id: NodeId;
  /** 40 hexadecimal digits. */
  readonly redisId: string;
  /** Without brackets; empty, with port 0, where the node has no Redis door. */
  readonly host: string;
  readonly port: number;
  readonly peerPort: number;
  readonly liveness: MemberStatus["liveness"];
  readonly isSelf: boolean;
}

export interface SlotRange {
  readonly first: number;
  readonly last: number;
  /** Whom to ask, then the others that hold the slots. */
  readonly nodes: readonly ClusterNode[];
}

export interface ClusterMap {
  /** Of which it was made: equal words, equal maps. */
  readonly signature: string;
  readonly self: ClusterNode;
  /** In order of id, those that have left not among them. */
  readonly nodes: readonly ClusterNode[];
  /** In order, without gaps. */
  readonly ranges: readonly SlotRange[];
}

/** The map as the store has it now: `known`, if that is still right. */
export function clusterMap(store: Store, known: ClusterMap | undefined): ClusterMap {
  const status = store.status();
  const signature = signatureOf(status);
  if (known?.signature === signature) return known;
  const nodes = status.members.filter(belongs).map((member) => nodeOf(member, status.nodeId));
  const self = nodes.find(({ isSelf }) => isSelf) ?? lonelySelf(status);
  return { signature, self, nodes, ranges: rangesOf(store, nodes, self) };
}

function signatureOf({ epoch, nodeId, members }: StoreStatus): string {
  const parts = members.map(
    ({ record, liveness }) =>
      `${record.id} ${record.intent} ${liveness} ${record.address} ${record.redisAddress}`,
  );
  return [epoch, nodeId, ...parts].join("\n");
}

function belongs({ record }: MemberStatus): boolean {
  return record.intent !== "left" && record.intent !== "removed";
}

function nodeOf({ record, liveness }: MemberStatus, self: NodeId): ClusterNode {
  const { host, port } = splitHostAndPort(record.redisAddress);
  return {
    id: record.id,
    redisId: redisId(record.id),
    host,
    port,
    peerPort: splitHostAndPort(record.address).port,
    liveness,
    isSelf: record.id === self,
  };
}

/** Before it is a member, a node knows only itself. */
function lonelySelf({ nodeId, config }: StoreStatus): ClusterNode {
  return {
    id: nodeId,
    redisId: redisId(nodeId),
    ...splitHostAndPort(config.redisAddress),
    peerPort: splitHostAndPort(config.address).port,
    liveness: "alive",
    isSelf: true,
  };
}

function rangesOf(
  store: Store,
  nodes: readonly ClusterNode[],
  self: ClusterNode,
): readonly SlotRange[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  /** Lists of nodes by the primaries they were made of: equal ones are the same array. */
  const byPrimaries = new Map<string, readonly ClusterNode[]>();
  const byNodes = new Map<string, readonly ClusterNode[]>();
  const ranges: SlotRange[] = [];
  let first = 0;
  let current: readonly ClusterNode[] | undefined;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const primaries = store.primariesOf(slotFrom(slot));
    const words = primaries.join();
    let list = byPrimaries.get(words);
    if (list === undefined) {
      const asked = askedNodes(primaries, byId, self);
      const names = asked.map(({ id }) => id).join();
      list = byNodes.get(names) ?? asked;
      byNodes.set(names, list);
      byPrimaries.set(words, list);
    }
    if (list === current) continue;
    if (current !== undefined) ranges.push({ first, last: slot - 1, nodes: current });
    first = slot;
    current = list;
  }
  if (current !== undefined) ranges.push({ first, last: SLOT_COUNT - 1, nodes: current });
  return ranges;
}

/** Whom to ask for a slot, and who else could be. */
function askedNodes(
  primaries: readonly NodeId[],
  byId: ReadonlyMap<NodeId, ClusterNode>,
  self: ClusterNode,
): readonly ClusterNode[] {
  const alive: ClusterNode[] = [];
  const suspect: ClusterNode[] = [];
  for (const id of primaries) {
    const node = byId.get(id);
    if (node === undefined || node.port === 0 || node.liveness === "dead") continue;
    if (node.liveness === "alive") alive.push(node);
    else suspect.push(node);
  }
  // Clients look at the map when a connection breaks, which is seconds before its node is known to be dead.
  const [first = self, ...others] = [...alive, ...suspect];
  return [first, ...others.sort((a, b) => (a.id < b.id ? -1 : 1))];
}

/** `host:port` of a record; an empty one has port 0. */
function splitHostAndPort(address: string): { readonly host: string; readonly port: number } {
  const colonIndex = address.lastIndexOf(":");
  if (colonIndex < 0) return { host: "", port: 0 };
  const host = address.slice(0, colonIndex).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(address.slice(colonIndex + 1)) };
}
