/**
 * What a node remembers of itself between starts: who it is, to which cluster it belongs, whom it knows, how far
 * its clock had come. Kept beside the cells, in the same commits.
 *
 * Invariant: the clock reading and the commit number are in every batch, so a start begins above every stamp that was
 * committed. `boots` is stored before anything of that start leaves the node. Each fact carries a checksum (CRC-32 of
 * the rest, first), because a node that takes damage for a fresh directory forgets who it is, or stamps below itself.
 */
import { binaryFromBytes, bytesFromBinary } from "../base/binary.ts";
import { decodeAll } from "../base/byte-reader.ts";
import { ByteWriter } from "../base/byte-writer.ts";
import { metaKey } from "../core/causality/storage-key.ts";
import { SHARED_CONFIG_DEFAULT, type SharedConfig } from "../model/config.ts";
import {
  type BootId,
  type ClusterId,
  type NodeId,
  nodeIdFrom,
  parseClusterId,
  parseNodeId,
} from "../model/ids.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { MemberRecord } from "../model/member.ts";
import { NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Random } from "../ports/random.ts";
import type { Storage, StorageOperation } from "../ports/storage.ts";
import { readState, writeState } from "../protocol/peer/member-codec.ts";
import { opened, sealed } from "./sealed.ts";

const IDENTITY = metaKey("identity");
const MEMBERS = metaKey("members");
const CLOCK = metaKey("clock");
const SCRUB = metaKey("scrub");

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
  /** The greatest stamp that was ever merged: a clock that had run far ahead, and was set right, reads less. */
  readonly greatest: Stamp;
}

/** How far a scrub has come. */
export interface ScrubProgress {
  /** Wall clock at which the pass began. */
  readonly startedMs: number;
  /** 0..SLOT_COUNT-1. */
  readonly slotsDone: number;
}

const CLOCK_BYTES = 48;
/** Of a directory that did not keep the greatest stamp yet. */
const CLOCK_BYTES_BEFORE = 24;
const SCRUB_BYTES = 16;

/** The identity as stored; `undefined` in an empty directory, "damaged" when it cannot be read. */
export function loadIdentity(storage: Storage): Identity | undefined | "damaged" {
  const bytes = opened(storage.get(IDENTITY));
  return typeof bytes === "object" ? parseIdentity(binaryFromBytes(bytes)) : bytes;
}

/** Who the node is in this start: whom the directory names, or somebody new. */
export function identityAtStart(
  stored: Identity | undefined | "damaged",
  shared: SharedConfig,
  random: Random,
): Identity {
  if (stored !== undefined && stored !== "damaged") return { ...stored, boots: stored.boots + 1 };
  const nodeId = nodeIdFrom(random.next32(), random.next32());
  return { nodeId, clusterId: undefined, boots: 1, shared };
}

export function identityOperation(identity: Identity): StorageOperation {
  return { key: IDENTITY, value: sealed(bytesFromBinary(JSON.stringify(identity))) };
}

/** Members as last known; `undefined` before any were stored, "damaged" when they cannot be read. */
export function loadMembers(storage: Storage): readonly MemberRecord[] | undefined | "damaged" {
  const bytes = opened(storage.get(MEMBERS));
  if (typeof bytes !== "object") return bytes;
  const decoded = decodeAll(bytes, readState);
  return decoded.kind === "decoded" ? decoded.value.records : "damaged";
}

export function membersOperation(records: readonly MemberRecord[]): StorageOperation {
  const writer = new ByteWriter();
  writeState(writer, { records, liveness: [] });
  return { key: MEMBERS, value: sealed(writer.finish()) };
}

/** The clock as last committed; `undefined` in an empty directory, "damaged" when it cannot be read. */
export function loadClock(storage: Storage): SavedClock | undefined | "damaged" {
  const bytes = opened(storage.get(CLOCK));
  if (typeof bytes !== "object") return bytes;
  const isFull = bytes.length === CLOCK_BYTES;
  if (!isFull && bytes.length !== CLOCK_BYTES_BEFORE) return "damaged";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const float = (index: number): number => view.getFloat64(8 * index);
  return {
    ms: float(0),
    counter: float(1),
    commitNumber: float(2),
    greatest: isFull ? { ms: float(3), counter: float(4), boot: float(5) as BootId } : NO_STAMP,
  };
}

export function clockOperation({
  ms,
  counter,
  commitNumber,
  greatest,
}: SavedClock): StorageOperation {
  const bytes = new Uint8Array(CLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  const floats = [ms, counter, commitNumber, greatest.ms, greatest.counter, greatest.boot];
  for (const [index, float] of floats.entries()) view.setFloat64(8 * index, float);
  return { key: CLOCK, value: sealed(bytes) };
}

/** How far the scrub of the former start had come; a damaged note of it only begins the pass anew. */
export function loadScrub(storage: Storage): ScrubProgress | undefined {
  const bytes = opened(storage.get(SCRUB));
  if (typeof bytes !== "object" || bytes.length !== SCRUB_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [startedMs, slotsDone] = [view.getFloat64(0), view.getFloat64(8)];
  const isSound = startedMs >= 0 && Number.isInteger(slotsDone) && slotsDone < SLOT_COUNT;
  return isSound ? { startedMs, slotsDone } : undefined;
}

export function scrubOperation({ startedMs, slotsDone }: ScrubProgress): StorageOperation {
  const bytes = new Uint8Array(SCRUB_BYTES);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, startedMs);
  view.setFloat64(8, slotsDone);
  return { key: SCRUB, value: sealed(bytes) };
}

/** What of a directory keeps a node from starting on it: every commit carries the clock, and the first the identity. */
export function stateProblem(
  identity: Identity | undefined | "damaged",
  clock: SavedClock | undefined | "damaged",
): string | undefined {
  if (identity === "damaged") return "the node's identity on disk is damaged";
  if (clock === "damaged") return "the reading of the node's clock on disk is damaged";
  if (identity === undefined && clock !== undefined) {
    return "the node's identity is missing from a data directory that was written to";
  }
  if (identity !== undefined && clock === undefined) {
    return "the reading of the node's clock is missing from its data directory";
  }
  return undefined;
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
