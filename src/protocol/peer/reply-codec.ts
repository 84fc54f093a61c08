/**
 * Replies between nodes as bytes: the body after the kind. Parts: `message-parts.ts`, `shared-parts.ts`.
 *
 *   64 refused          reason u8, text
 *   65 hello-reply      wire version u16, node id, boot u53, optional cluster id, commit number u53, remembered u53, mark stamp
 *   66 join-reply       cluster id, settings (all), membership state
 *   67 push-pull-reply  membership state
 *   68 probe-reply      nothing
 *   69 write-reply      result u8 (0 stored, 1 behind, 2 superseded), held stamp, commit number u53
 *   70 digest-reply     collected stamp, flushed stamp, count u32, digests
 *   71 cells-reply      collected stamp, flushed stamp, through as a field (the root mark: everything), count u32, cells
 *   72 forward-reply    outcome (`operation-codec.ts`)
 *   73 list-reply       count u32, then slot u16, key, root (length u32, bytes) each; through slot u16, position,
 *                       count u32, then slot u16 and flushed stamp each
 *   74 .. 76            `exchange-codec.ts`
 *   77 merge-reply      nothing
 *   78 filled-reply     is filled u8
 *   79, 80              `exchange-codec.ts`
 *   81 .. 83            `collection-codec.ts`
 *   84, 85              `publish-codec.ts`
 *   86 write-acks       commit number u53, count u32, request ids u32 each
 *   87 confirm-reply    collected stamp, flushed stamp
 */
import { unreachable } from "../../base/assert.ts";
import type { ByteReader } from "../../base/byte-reader.ts";
import type { ByteWriter } from "../../base/byte-writer.ts";
import type { PeerReply, Refusal, StoreResult } from "../../model/peer-message.ts";
import { writeMarkReply } from "./collection-codec.ts";
import {
  sizeOfFetchReply,
  sizeOfSlotListReply,
  sizeOfSlotScanReply,
  writeCompareReply,
  writeFetchReply,
  writeLeafCompareReply,
  writeSlotListReply,
  writeSlotScanReply,
} from "./exchange-codec.ts";
import { STORE_RESULT_CODES } from "./hot-codec.ts";
import { readState, writeState } from "./member-codec.ts";
import {
  Choice,
  readBootId,
  readCells,
  readClusterId,
  readField,
  readKey,
  readNodeId,
  readOptionalClusterId,
  readSlot,
  readStamp,
  readText,
  writeFlag,
  writeId,
  writeOptionalClusterId,
  writeStamp,
  writeText,
} from "./message-parts.ts";
import { readOutcome, sizeOfOutcome, writeOutcome } from "./operation-codec.ts";
import { sizeOfSubscriptionsReply, writeSubscriptionsReply } from "./publish-codec.ts";
import { readDigests, readSettings, writeSettings } from "./shared-parts.ts";

type ReplyOf<Kind extends PeerReply["kind"]> = Extract<PeerReply, { kind: Kind }>;

/** Replies that are not written by `hot-codec.ts`. */
export type ColdReply = Exclude<
  PeerReply,
  { kind: "write-reply" | "write-acks" | "cells-reply" | "digest-reply" | "confirm-reply" }
>;

/** Fewest bytes of a list entry: slot, key of one byte, length of nothing. */
const ENTRY_BYTES_MIN = 9;
/** A slot and its flush floor. */
const FLUSHED_BYTES = 18;

const refusals = new Choice<Refusal>("refusal", {
  epoch: 0,
  "not-owner": 1,
  overloaded: 2,
  late: 3,
  failed: 4,
  damaged: 5,
  "not-first": 6,
  seen: 7,
  "wrong-cluster": 8,
  "wire-version": 9,
  "duplicate-node": 10,
  config: 11,
  "not-ready": 12,
  voteless: 13,
  "too-large": 14,
});

const storeResults = new Choice<StoreResult>("store result", STORE_RESULT_CODES);

/** Bytes the body will take, exact for the messages that carry values and a fair guess for the rest. */
export function sizeOfReply(reply: ColdReply): number {
  switch (reply.kind) {
    case "fetch-reply":
      return sizeOfFetchReply(reply);
    case "slot-list-reply":
      return sizeOfSlotListReply(reply);
    case "slot-scan-reply":
      return sizeOfSlotScanReply(reply);
    case "compare-reply":
      return 4 + 2 * reply.differing.length;
    case "leaf-compare-reply":
      return 2 + 50 * reply.parts.length;
    case "list-reply":
      return sizeOfList(reply);
    case "forward-reply":
      return sizeOfOutcome(reply.outcome);
    case "publish-reply":
      return 4;
    case "subscriptions-reply":
      return sizeOfSubscriptionsReply(reply);
    case "probe-reply":
    case "merge-reply":
    case "collect-reply":
      return 0;
    default:
      return 256;
  }
}

export function writeReply(writer: ByteWriter, reply: ColdReply): void {
  switch (reply.kind) {
    case "refused":
      refusals.write(writer, reply.reason);
      writeText(writer, reply.detail);
      return;
    case "hello-reply":
      writer.u16(reply.wireVersion);
      writeId(writer, reply.nodeId);
      writer.u53(reply.boot);
      writeOptionalClusterId(writer, reply.clusterId);
      writer.u53(reply.commitNumber);
      writer.u53(reply.remembered);
      writeStamp(writer, reply.mark);
      return;
    case "join-reply":
      writeId(writer, reply.clusterId);
      writeSettings(writer, reply.shared);
      writeState(writer, reply.state);
      return;
    case "push-pull-reply":
      writeState(writer, reply.state);
      return;
    case "forward-reply":
      writeOutcome(writer, reply.outcome);
      return;
    case "list-reply":
      writeListReply(writer, reply);
      return;
    case "compare-reply":
      writeCompareReply(writer, reply);
      return;
    case "slot-list-reply":
      writeSlotListReply(writer, reply);
      return;
    case "leaf-compare-reply":
      writeLeafCompareReply(writer, reply);
      return;
    case "slot-scan-reply":
      writeSlotScanReply(writer, reply);
      return;
    case "fetch-reply":
      writeFetchReply(writer, reply);
      return;
    case "filled-reply":
      writeFlag(writer, reply.isFilled);
      return;
    case "mark-reply":
      writeMarkReply(writer, reply);
      return;
    case "floor-reply":
      writer.u53(reply.generation);
      return;
    case "publish-reply":
      writer.u32(reply.receivers);
      return;
    case "subscriptions-reply":
      writeSubscriptionsReply(writer, reply);
      return;
    case "probe-reply":
    case "merge-reply":
    case "collect-reply":
      return;
    default:
      unreachable(reply);
  }
}

export function readWriteReply(reader: ByteReader): ReplyOf<"write-reply"> {
  const result = storeResults.read(reader);
  const held = readStamp(reader);
  return { kind: "write-reply", result, held, commitNumber: reader.u53() };
}

export function readWriteAcks(reader: ByteReader): ReplyOf<"write-acks"> {
  const commitNumber = reader.u53();
  const count = reader.count32(4);
  const requestIds: number[] = [];
  for (let index = 0; index < count; index += 1) requestIds.push(reader.u32());
  return { kind: "write-acks", commitNumber, requestIds };
}

export function readCellsReply(reader: ByteReader): ReplyOf<"cells-reply"> {
  const collected = readStamp(reader);
  const flushed = readStamp(reader);
  const through = readField(reader);
  return { kind: "cells-reply", collected, flushed, through, cells: readCells(reader) };
}

export function readDigestReply(reader: ByteReader): ReplyOf<"digest-reply"> {
  const collected = readStamp(reader);
  const flushed = readStamp(reader);
  return { kind: "digest-reply", collected, flushed, digests: readDigests(reader) };
}

export function readConfirmReply(reader: ByteReader): ReplyOf<"confirm-reply"> {
  const collected = readStamp(reader);
  return { kind: "confirm-reply", collected, flushed: readStamp(reader) };
}

export function readRefused(reader: ByteReader): ReplyOf<"refused"> {
  const reason = refusals.read(reader);
  return { kind: "refused", reason, detail: readText(reader) };
}

export function readHelloReply(reader: ByteReader): ReplyOf<"hello-reply"> {
  const wireVersion = reader.u16();
  const nodeId = readNodeId(reader);
  const boot = readBootId(reader);
  const clusterId = readOptionalClusterId(reader);
  const commitNumber = reader.u53();
  const remembered = reader.u53();
  const mark = readStamp(reader);
  const said = { clusterId, nodeId, boot, commitNumber, remembered, mark };
  return { kind: "hello-reply", wireVersion, ...said };
}

export function readJoinReply(reader: ByteReader): ReplyOf<"join-reply"> {
  const clusterId = readClusterId(reader);
  const shared = readSettings(reader);
  return { kind: "join-reply", clusterId, shared, state: readState(reader) };
}

export function readPushPullReply(reader: ByteReader): ReplyOf<"push-pull-reply"> {
  return { kind: "push-pull-reply", state: readState(reader) };
}

export function readForwardReply(reader: ByteReader): ReplyOf<"forward-reply"> {
  return { kind: "forward-reply", outcome: readOutcome(reader) };
}

function sizeOfList(reply: ReplyOf<"list-reply">): number {
  let bytes = 4 + 2 + 4 + reply.through.length;
  for (const { key, bytes: root } of reply.entries) bytes += 8 + key.length + root.length;
  return bytes + 4 + FLUSHED_BYTES * reply.flushed.length;
}

function writeListReply(writer: ByteWriter, reply: ReplyOf<"list-reply">): void {
  writer.u32(reply.entries.length);
  for (const entry of reply.entries) {
    writer.u16(entry.slot);
    writer.binary16(entry.key);
    writer.bytes32(entry.bytes);
  }
  writer.u16(reply.throughSlot);
  writer.binary32(reply.through);
  writer.u32(reply.flushed.length);
  for (const { slot, stamp } of reply.flushed) {
    writer.u16(slot);
    writeStamp(writer, stamp);
  }
}

export function readListReply(reader: ByteReader): ReplyOf<"list-reply"> {
  const count = reader.count32(ENTRY_BYTES_MIN);
  const entries: ReplyOf<"list-reply">["entries"][number][] = [];
  for (let index = 0; index < count; index += 1) {
    const slot = readSlot(reader);
    const key = readKey(reader);
    entries.push({ slot, key, bytes: reader.bytes32() });
  }
  const throughSlot = readSlot(reader);
  const through = reader.binary32();
  const flushed: ReplyOf<"list-reply">["flushed"][number][] = [];
  for (let left = reader.count32(FLUSHED_BYTES); left > 0; left -= 1) {
    const slot = readSlot(reader);
    flushed.push({ slot, stamp: readStamp(reader) });
  }
  return { kind: "list-reply", entries, flushed, throughSlot, through };
}
