/**
 * Requests between nodes as bytes: the body after the kind. Parts: `message-parts.ts`, `shared-parts.ts`.
 *
 *   1  hello      wire version u16, least wire version u16, node id, boot u53, address (length u16, bytes), optional
 *                 cluster id, commit number u53, optional node id, remembered u53, mark stamp, extension (length u16, bytes)
 *   2  join       member record, settings
 *   3  push-pull  membership state
 *   4  probe      nothing
 *   5  write      key, base stamp, flags u8 (bit 0 final, bit 1 fallback, bit 2 more bases), unreached count u16,
 *                 node ids, count u32, cells, with bit 2 a base stamp for each cell but the first
 *   6  hint       slot u16, count u16, node ids
 *   7  read       flags u8 (bit 0: 0 cells, 1 digest; bit 1 fields, bit 2 a range), key, then of fields: count u32, fields;
 *                 of a range: limit u16, prefix and after as fields
 *   8  forward    boot u53, sequence u53, key, w u8, operation (`operation-codec.ts`)
 *   9  list       first slot u16, last slot u16, limit u16, with values u8, prefix (length u16, bytes), position
 *   10 .. 13      `exchange-codec.ts`
 *   14 filled     nothing
 *   15 .. 17      `exchange-codec.ts`
 *   18 .. 20      `collection-codec.ts`
 *   21, 22        `publish-codec.ts`
 *   23 .. 25      `exchange-codec.ts`
 *   26            `traced-codec.ts`
 *   27 confirm    key, checksum u32
 *
 * A hello is the same in every wire version from 4 on; what later ones add stands in its extension, which is passed over by
 * those who do not know it. What follows the versions is not read when there is none that both ends speak: so that such a
 * peer is refused by name, not as garbage.
 */
import { assert, unreachable } from "../../base/assert.ts";
import type { ByteReader } from "../../base/byte-reader.ts";
import type { ByteWriter } from "../../base/byte-writer.ts";
import type { Address, NodeId } from "../../model/ids.ts";
import { type BootId, bootIdFrom, nodeIdFrom } from "../../model/ids.ts";
import type { Field } from "../../model/key.ts";
import { KEY_BYTES_MAX, REPLICAS_MAX } from "../../model/limits.ts";
import { type PeerRequest, WIRE_VERSION, WIRE_VERSION_LEAST } from "../../model/peer-message.ts";
import {
  FIELDS_PER_PAGE_MAX,
  FIELDS_PER_REQUEST_MAX,
  ROOT_ONLY,
  type Selection,
} from "../../model/selection.ts";
import { NO_STAMP } from "../../model/stamp.ts";
import { writeCollect, writeRaiseFloor } from "./collection-codec.ts";
import {
  sizeOfFetch,
  sizeOfMerge,
  writeCellScan,
  writeCompare,
  writeFetch,
  writeLeafCompare,
  writeMerge,
  writeSlotCompare,
  writeSlotList,
  writeSlotScan,
  writeSparseScan,
  writeSumCompare,
} from "./exchange-codec.ts";
import {
  READ_DIGEST,
  READ_SELECTIONS,
  WRITE_BASES,
  WRITE_FALLBACK,
  WRITE_FINAL,
} from "./hot-codec.ts";
import { readMemberRecord, readState, writeMemberRecord, writeState } from "./member-codec.ts";
import {
  readAddress,
  readBootId,
  readCells,
  readField,
  readFlag,
  readKey,
  readNodeId,
  readNodeIds,
  readOptionalClusterId,
  readSlot,
  readStamp,
  writeFlag,
  writeId,
  writeNodeIds,
  writeOptionalClusterId,
  writeStamp,
} from "./message-parts.ts";
import { readOperation, sizeOfOperation, writeOperation } from "./operation-codec.ts";
import {
  sizeOfPublish,
  sizeOfSubscriptions,
  writePublish,
  writeSubscriptions,
} from "./publish-codec.ts";
import { readPartialSettings, writeSettings } from "./shared-parts.ts";

/** The length of nothing. */
const FIELD_PART_BYTES_MIN = 2;

type RequestOf<Kind extends PeerRequest["kind"]> = Extract<PeerRequest, { kind: Kind }>;

/** Requests that are not written by `hot-codec.ts`, nor by `traced-codec.ts`. */
export type ColdRequest = Exclude<PeerRequest, { kind: "write" | "read" | "confirm" | "traced" }>;

/** Bytes the body will take, exact for the messages that carry values and a fair guess for the rest. */
export function sizeOfRequest(request: ColdRequest): number {
  switch (request.kind) {
    case "merge":
      return sizeOfMerge(request);
    case "publish":
      return sizeOfPublish(request);
    case "subscriptions":
      return sizeOfSubscriptions(request);
    case "fetch":
      return sizeOfFetch(request);
    case "slot-compare":
      return 2 + 10 * request.slots.length;
    case "leaf-compare":
      return 2 + request.parts.reduce((bytes, { hashes }) => bytes + 2 + 4 * hashes.length, 0);
    case "slot-list":
      return 8 + request.after.length + 35 * request.parts.length;
    case "slot-scan":
      return 6 + request.after.length + 2 * request.slots.length;
    case "cell-scan":
      return 8 + request.after.length;
    case "sparse-scan":
      return 6 + request.after.length + 2 * request.slots.length;
    case "sum-compare":
      return 4 + 4 * request.sums.length;
    case "forward":
      return 64 + request.key.length + sizeOfOperation(request.operation);
    case "compare":
      return 6 + 4 * request.hashes.length;
    case "raise-floor":
    case "collect":
      return 32 + 2 * request.slots.length;
    default:
      return 256;
  }
}

export function writeRequest(writer: ByteWriter, request: ColdRequest): void {
  switch (request.kind) {
    case "merge":
      writeMerge(writer, request);
      return;
    case "hint":
      writer.u16(request.slot);
      writeNodeIds(writer, request.targets);
      return;
    case "hello":
      writer.u16(request.wireVersion);
      writer.u16(request.wireVersionLeast);
      writeId(writer, request.nodeId);
      writer.u53(request.boot);
      writer.binary16(request.address);
      writeOptionalClusterId(writer, request.clusterId);
      writer.u53(request.commitNumber);
      writeFlag(writer, request.peer !== undefined);
      if (request.peer !== undefined) writeId(writer, request.peer);
      writer.u53(request.remembered);
      writeStamp(writer, request.mark);
      // The extension: nothing yet.
      writer.u16(0);
      return;
    case "join":
      writeMemberRecord(writer, request.record);
      writeSettings(writer, request.shared);
      return;
    case "push-pull":
      writeState(writer, request.state);
      return;
    case "probe":
    case "filled":
      return;
    case "mark":
      writeStamp(writer, request.upTo);
      return;
    case "raise-floor":
      writeRaiseFloor(writer, request);
      return;
    case "collect":
      writeCollect(writer, request);
      return;
    case "publish":
      writePublish(writer, request);
      return;
    case "subscriptions":
      writeSubscriptions(writer, request);
      return;
    case "forward":
      writeForward(writer, request);
      return;
    case "list":
      writeList(writer, request);
      return;
    case "compare":
      writeCompare(writer, request);
      return;
    case "slot-compare":
      writeSlotCompare(writer, request);
      return;
    case "leaf-compare":
      writeLeafCompare(writer, request);
      return;
    case "slot-list":
      writeSlotList(writer, request);
      return;
    case "slot-scan":
      writeSlotScan(writer, request);
      return;
    case "cell-scan":
      writeCellScan(writer, request);
      return;
    case "sparse-scan":
      writeSparseScan(writer, request);
      return;
    case "sum-compare":
      writeSumCompare(writer, request);
      return;
    case "fetch":
      writeFetch(writer, request);
      return;
    default:
      unreachable(request);
  }
}

export function readWrite(reader: ByteReader): RequestOf<"write"> {
  const key = readKey(reader);
  const bases = [readStamp(reader)];
  const flags = reader.u8();
  if (flags > (WRITE_FINAL | WRITE_FALLBACK | WRITE_BASES)) {
    reader.reject("unknown flags of a write");
  }
  const unreached = readNodeIds(reader);
  const cells = readCells(reader);
  if (flags & WRITE_BASES) {
    if (cells.length < 2) reader.reject("one base for each of too few cells");
    while (bases.length < cells.length) bases.push(readStamp(reader));
  }
  return {
    kind: "write",
    key,
    cells,
    bases,
    attempt: flags & WRITE_FINAL ? "final" : "first",
    role: flags & WRITE_FALLBACK ? "fallback" : "primary",
    unreached,
  };
}

export function readRead(reader: ByteReader): RequestOf<"read"> {
  const flags = reader.u8();
  const want = flags & READ_DIGEST ? "digest" : "cells";
  const key = readKey(reader);
  return { kind: "read", key, selection: readSelection(reader, flags & ~READ_DIGEST), want };
}

export function readConfirm(reader: ByteReader): RequestOf<"confirm"> {
  const key = readKey(reader);
  return { kind: "confirm", key, checksum: reader.u32() };
}

function readSelection(reader: ByteReader, kind: number): Selection {
  switch (kind) {
    case READ_SELECTIONS.root:
      return ROOT_ONLY;
    case READ_SELECTIONS.fields: {
      const count = reader.count32(FIELD_PART_BYTES_MIN);
      if (count > FIELDS_PER_REQUEST_MAX) reader.reject(`${count} fields`);
      const fields: Field[] = [];
      for (let index = 0; index < count; index += 1) fields.push(readNamedField(reader));
      return { kind: "fields", fields };
    }
    case READ_SELECTIONS.range: {
      const limit = readLimit(reader);
      if (limit > FIELDS_PER_PAGE_MAX) reader.reject(`a page of ${limit} fields`);
      const prefix = readNamedField(reader);
      return { kind: "range", prefix, after: readNamedField(reader), limit };
    }
    default:
      return reader.reject("an unknown selection");
  }
}

function readNamedField(reader: ByteReader): Field {
  return readField(reader) ?? reader.reject("the root where a field is meant");
}

export function readHint(reader: ByteReader): RequestOf<"hint"> {
  const slot = readSlot(reader);
  return { kind: "hint", slot, targets: readNodeIds(reader) };
}

export function readHello(reader: ByteReader): RequestOf<"hello"> {
  const wireVersion = reader.u16();
  // Before version 4 a hello did not say the least.
  const wireVersionLeast = wireVersion < WIRE_VERSION_LEAST ? wireVersion : reader.u16();
  if (wireVersionLeast > wireVersion) reader.reject("a least version above the greatest");
  if (wireVersion < WIRE_VERSION_LEAST || wireVersionLeast > WIRE_VERSION) {
    reader.bytes(reader.remaining);
    return { ...STRANGER, wireVersion, wireVersionLeast };
  }
  const high = reader.u32();
  const nodeId = nodeIdFrom(high, reader.u32());
  const boot = readBootId(reader);
  const address = readAddress(reader);
  const clusterId = readOptionalClusterId(reader);
  const commitNumber = reader.u53();
  const peer = readFlag(reader) ? readNodeId(reader) : undefined;
  const remembered = reader.u53();
  const mark = readStamp(reader);
  const extension = reader.bytes16();
  if (extension.length > 0 && wireVersion <= WIRE_VERSION) reader.reject("an unknown extension");
  return {
    kind: "hello",
    wireVersion,
    wireVersionLeast,
    clusterId,
    nodeId,
    boot,
    address,
    commitNumber,
    peer,
    remembered,
    mark,
  };
}

export function readJoin(reader: ByteReader): RequestOf<"join"> {
  const record = readMemberRecord(reader);
  return { kind: "join", record, shared: readPartialSettings(reader) };
}

function writeForward(writer: ByteWriter, request: RequestOf<"forward">): void {
  assert(request.w <= REPLICAS_MAX, "a quorum fits the replicas");
  writer.u53(request.boot);
  writer.u53(request.sequence);
  writer.binary16(request.key);
  writer.u8(request.w);
  writeOperation(writer, request.operation);
}

export function readForward(reader: ByteReader): RequestOf<"forward"> {
  const boot = readBootId(reader);
  const sequence = reader.u53();
  const key = readKey(reader);
  const w = reader.u8();
  if (w > REPLICAS_MAX) reader.reject(`w of ${w}, max ${REPLICAS_MAX}`);
  return { kind: "forward", boot, sequence, key, w, operation: readOperation(reader) };
}

function writeList(writer: ByteWriter, request: RequestOf<"list">): void {
  assert(request.prefix.length <= KEY_BYTES_MAX, "a prefix is no longer than a key");
  writer.u16(request.firstSlot);
  writer.u16(request.lastSlot);
  writer.u16(request.limit);
  writeFlag(writer, request.withValues);
  writer.binary16(request.prefix);
  writer.binary32(request.after);
}

export function readList(reader: ByteReader): RequestOf<"list"> {
  const firstSlot = readSlot(reader);
  const lastSlot = readSlot(reader);
  const limit = readLimit(reader);
  const withValues = readFlag(reader);
  const prefix = reader.binary16();
  if (prefix.length > KEY_BYTES_MAX) reader.reject("a prefix longer than a key");
  return { kind: "list", firstSlot, lastSlot, after: reader.binary32(), prefix, limit, withValues };
}

function readLimit(reader: ByteReader): number {
  const limit = reader.u16();
  return limit === 0 ? reader.reject("a limit of nothing") : limit;
}

export function readPushPull(reader: ByteReader): RequestOf<"push-pull"> {
  return { kind: "push-pull", state: readState(reader) };
}

/** What stands in a hello of another version for what cannot be read. It is refused for its version alone. */
const STRANGER = {
  kind: "hello",
  clusterId: undefined,
  nodeId: nodeIdFrom(0, 0) satisfies NodeId,
  boot: bootIdFrom(0) satisfies BootId,
  address: "0.0.0.0:1" as Address,
  commitNumber: 0,
  peer: undefined,
  remembered: 0,
  mark: NO_STAMP,
} as const;
