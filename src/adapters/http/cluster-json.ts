/**
 * The state of the cluster, the place of a key and a node's own cells as JSON.
 *
 * Names and forms are part of the public interface (docs/http.md): members are added, never renamed.
 */
import type { DumpEntry, KeyLocation, MemberStatus, StoreStatus } from "../../node/store.ts";
import { bytesMember, type Json } from "../../protocol/http/pages.ts";
import { formatTime } from "../../protocol/http/time-text.ts";

/** One cell of this node's own. */
export function dumpEntryJson(entry: DumpEntry): Json {
  return {
    slot: entry.slot,
    ...bytesMember("key", entry.key),
    ...(entry.field === undefined ? {} : bytesMember("field", entry.field)),
    kind: entry.kind,
    stamp: entry.stamp,
    checksum: entry.checksum.toString(16).padStart(8, "0"),
    ...(entry.expiresAtMs === 0 ? {} : { expires: formatTime(entry.expiresAtMs) }),
  };
}

/** Which nodes hold a key. */
export function locationJson(key: string, location: KeyLocation): Json {
  return {
    ...bytesMember("key", key),
    slot: location.slot,
    primaries: location.primaries,
    pending: location.pending,
    fallbacks: location.fallbacks,
  };
}

/** The cluster as this node sees it. */
export function statusJson(status: StoreStatus): Json {
  const { config } = status;
  return {
    node: status.nodeId,
    cluster: status.clusterId ?? null,
    phase: status.phase,
    epoch: formatEpoch(status.epoch),
    address: config.address,
    httpAddress: config.httpAddress,
    redisAddress: config.redisAddress,
    zone: config.zone,
    weight: config.weight,
    shared: status.shared,
    members: status.members.map(memberJson),
    collection: {
      slotsDue: status.collection.slotsDue,
      reason: status.collection.reason ?? null,
      heldBy: status.collection.heldBy ?? null,
    },
    counters: status.counters,
    gauges: status.gauges,
  };
}

/** 53 bits as 14 hexadecimal digits. */
export function formatEpoch(epoch: number): string {
  return epoch.toString(16).padStart(14, "0");
}

function memberJson(member: MemberStatus): Json {
  const { record } = member;
  return {
    id: record.id,
    address: record.address,
    httpAddress: record.httpAddress,
    redisAddress: record.redisAddress,
    intent: record.intent,
    liveness: member.liveness,
    zone: record.zone,
    weight: record.weight,
    boots: record.boots,
    incarnation: member.incarnation,
    firstSlots: member.firstSlots,
    primarySlots: member.primarySlots,
    dirtySlots: member.dirtySlots,
    foreignSlots: member.foreignSlots,
  };
}
