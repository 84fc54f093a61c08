/**
 * The state of the cluster, the place of a key and a node's own cells as JSON.
 *
 * Names and forms are part of the public interface (docs/http.md): members are added, never renamed.
 */
import { slotOfKey } from "../../core/placement/slot-of-key.ts";
import type { Key } from "../../model/key.ts";
import { formatStamp } from "../../model/stamp.ts";
import type {
  DumpEntry,
  KeyCopy,
  KeyLocation,
  MemberStatus,
  StoreStatus,
} from "../../node/store.ts";
import type { LiveCopies, LiveCopy } from "../../protocol/http/live.ts";
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

/** What each of the nodes that hold a key has of it. Fallbacks that have nothing are left out: they are not to have anything. */
export function copiesJson(key: Key, copies: readonly KeyCopy[]): LiveCopies {
  const shown = copies.filter(({ role, kind }) => role !== "fallback" || kind === "held");
  return {
    ...bytesMember("key", key),
    slot: slotOfKey(key),
    isEqual: areEqual(copies),
    copies: shown.map(copyJson),
  };
}

/** Whether all primaries that answered have the same, cell and fields. Silence is no difference, and no agreement either. */
function areEqual(copies: readonly KeyCopy[]): boolean {
  const primaries = copies.filter(({ role }) => role === "primary");
  const sums = primaries.map(({ kind, cell, fields }) =>
    [kind, cell?.checksum ?? "", fields?.fingerprint ?? ""].join(" "),
  );
  return primaries.every(({ kind }) => kind !== "silent") && new Set(sums).size <= 1;
}

function copyJson({ node, role, kind, hasVote, cell, fields }: KeyCopy): LiveCopy {
  return {
    node,
    role,
    kind,
    hasVote,
    ...(cell === undefined ? {} : { cell: cellJson(cell) }),
    ...(fields === undefined
      ? {}
      : { fields: { ...fields, fingerprint: fields.fingerprint.toString(16).padStart(14, "0") } }),
  };
}

function cellJson(cell: NonNullable<KeyCopy["cell"]>): NonNullable<LiveCopy["cell"]> {
  return {
    kind: cell.kind,
    type: cell.type,
    stamp: formatStamp(cell.stamp),
    checksum: cell.checksum.toString(16).padStart(8, "0"),
    bytes: cell.bytes,
    ...(cell.expiresAtMs === 0 ? {} : { expires: formatTime(cell.expiresAtMs) }),
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
    ...(member.wireVersion === undefined ? {} : { wireVersion: member.wireVersion }),
    incarnation: member.incarnation,
    firstSlots: member.firstSlots,
    primarySlots: member.primarySlots,
    dirtySlots: member.dirtySlots,
    foreignSlots: member.foreignSlots,
  };
}
