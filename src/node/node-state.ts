/**
 * What a node remembers of itself between starts: who it is, to which cluster it belongs, whom it knows, how far
 * its clock had come. Kept beside the cells, in the same commits.
 *
 * Invariant: the clock reading and the commit number are in every batch, so a start begins above every stamp that was
 * committed. `boots` is stored before anything of that start leaves the node.
 */
import { binaryFromBytes, bytesFromBinary } from "../base/binary.ts";
import { decodeAll } from "../base/byte-reader.ts";
import { ByteWriter } from "../base/byte-writer.ts";
import { metaKey } from "../core/causality/storage-key.ts";
import { SHARED_CONFIG_DEFAULT, type SharedConfig } from "../model/config.ts";
import { type ClusterId, type NodeId, parseClusterId, parseNodeId } from "../model/ids.ts";
import type { MemberRecord } from "../model/member.ts";
import type { Storage, StorageOperation } from "../ports/storage.ts";
import { readState, writeState } from "../protocol/peer/member-codec.ts";

const IDENTITY = metaKey("identity");
const MEMBERS = metaKey("members");
const CLOCK = metaKey("clock");

export interface Identity {
  readonly nodeId: NodeId;
  /** `undefined` until the node has joined or founded one. */
  readonly clusterId: ClusterId | undefined;
  /** Starts on this directory, the present one included. */
  readonly boots: number;
  /** Of the cluster; meaningless before there is one. */
  readonly shared: SharedConfig;
}

export interface SavedClock {
  readonly ms: number;
  readonly counter: number;
  readonly commitNumber: number;
}

/** The identity as stored; `undefined` in an empty directory, "damaged" when it cannot be read. */
export function loadIdentity(storage: Storage): Identity | undefined | "damaged" {
  const bytes = storage.get(IDENTITY);
  return bytes === undefined ? undefined : parseIdentity(binaryFromBytes(bytes));
}

export function identityOperation(identity: Identity): StorageOperation {
  return { key: IDENTITY, value: bytesFromBinary(JSON.stringify(identity)) };
}

/** Members as last known; "damaged" when they cannot be read. */
export function loadMembers(storage: Storage): readonly MemberRecord[] | "damaged" {
  const bytes = storage.get(MEMBERS);
  if (bytes === undefined) return [];
  const decoded = decodeAll(bytes, readState);
  return decoded.kind === "decoded" ? decoded.value.records : "damaged";
}

export function membersOperation(records: readonly MemberRecord[]): StorageOperation {
  const writer = new ByteWriter();
  writeState(writer, { records, liveness: [] });
  return { key: MEMBERS, value: writer.finish() };
}

/** The clock as last committed; zero in an empty directory. */
export function loadClock(storage: Storage): SavedClock {
  const bytes = storage.get(CLOCK);
  if (bytes === undefined || bytes.length !== 24) return { ms: 0, counter: 0, commitNumber: 0 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { ms: view.getFloat64(0), counter: view.getFloat64(8), commitNumber: view.getFloat64(16) };
}

export function clockOperation({ ms, counter, commitNumber }: SavedClock): StorageOperation {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, ms);
  view.setFloat64(8, counter);
  view.setFloat64(16, commitNumber);
  return { key: CLOCK, value: bytes };
}

/** The first setting in which a node was told something else than its cluster shares; `undefined` when none. */
export function differingSetting(
  told: Partial<SharedConfig>,
  shared: SharedConfig,
): string | undefined {
  for (const name of Object.keys(SHARED_CONFIG_DEFAULT) as (keyof SharedConfig)[]) {
    const value = told[name];
    if (value !== undefined && value !== shared[name]) {
      return `${name} is ${shared[name]} in this cluster, not ${value}`;
    }
  }
  return undefined;
}

function parseIdentity(text: string): Identity | "damaged" {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return "damaged";
  }
  if (typeof raw !== "object" || raw === null) return "damaged";
  const { nodeId, clusterId, boots, shared } = raw as Record<string, unknown>;
  const parsedNodeId = typeof nodeId === "string" ? parseNodeId(nodeId) : undefined;
  const parsedClusterId = typeof clusterId === "string" ? parseClusterId(clusterId) : undefined;
  if (parsedNodeId === undefined || !Number.isSafeInteger(boots)) return "damaged";
  if (clusterId !== undefined && parsedClusterId === undefined) return "damaged";
  if (typeof shared !== "object" || shared === null) return "damaged";
  return {
    nodeId: parsedNodeId,
    clusterId: parsedClusterId,
    boots: boots as number,
    shared: { ...SHARED_CONFIG_DEFAULT, ...(shared as Partial<SharedConfig>) },
  };
}
