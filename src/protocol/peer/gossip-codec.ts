/**
 * Gossip datagrams as bytes. Big-endian; same text in docs/protocol/gossip.md.
 *
 *    0  magic 0xD5, version                 2
 *    2  CRC-32 of everything after it       4
 *    6  cluster id                          8
 *   14  hybrid clock: milliseconds, counter 6 + 2
 *   22  placement epoch                     8
 *   30  kind                                1
 *   31  sender: id, boot, boots, version    8 + 8 + 8 + 8
 *   63  sender's incarnation                8
 *   71  probe                               4   all but `gossip`
 *   75  target flag, target id              1 + 8   flag 0 (only in `ping`): no id follows
 *       number of updates                   2
 *       updates: kind 1, then
 *         0 record:   member record (member-codec.ts), liveness 1, incarnation 8
 *         1 liveness: id 8, liveness 1, incarnation 8, found by 8
 *
 * Invariants: a datagram never exceeds DATAGRAM_BYTES_MAX, updates that do not fit are left out; decoding never
 * throws, whatever the bytes. The checksum is against accidents; keeping attackers out is the transport's part.
 */
import { assert, unreachable } from "../../base/assert.ts";
import { asBuffer } from "../../base/binary.ts";
import { type ByteReader, type Decoded, decodeAll } from "../../base/byte-reader.ts";
import { ByteWriter } from "../../base/byte-writer.ts";
import { crc32 } from "../../base/checksum.ts";
import {
  BOOTS_MAX,
  type Datagram,
  type DatagramHeader,
  type GossipMessage,
  type GossipSender,
  type GossipUpdate,
  gossipUpdateBytes,
  VERSION_MAX,
} from "../../model/gossip-message.ts";
import { type ClusterId, epochFrom, type NodeId } from "../../model/ids.ts";
import { DATAGRAM_BYTES_MAX } from "../../model/limits.ts";
import {
  readBelief,
  readIncarnation,
  readMemberRecord,
  writeBelief,
  writeMemberRecord,
} from "./member-codec.ts";
import {
  Choice,
  readBootId,
  readClusterId,
  readFlag,
  readNodeId,
  writeId,
} from "./message-parts.ts";

const MAGIC = 0xd5;
/** Raised whenever the layout changes; datagrams of another version are ignored. */
const GOSSIP_VERSION = 2;
const CHECKSUM_OFFSET = 2;
const BODY_OFFSET = 6;
const UPDATE_BYTES_MIN = 26;

const kinds = new Choice<GossipMessage["kind"]>("gossip message", {
  ping: 0,
  ack: 1,
  "ping-request": 2,
  nack: 3,
  gossip: 4,
});
const UPDATE_RECORD = 0;
const UPDATE_LIVENESS = 1;

/** What became of a datagram; `other-cluster` is well formed, but not ours to read. */
export type DecodedDatagram =
  | Decoded<Datagram>
  | { readonly kind: "other-cluster"; readonly clusterId: ClusterId };

/** The message as at most DATAGRAM_BYTES_MAX bytes; later updates that do not fit are left out. */
export function encodeDatagram(header: DatagramHeader, message: GossipMessage): Uint8Array {
  const writer = new ByteWriter(DATAGRAM_BYTES_MAX);
  writer.u8(MAGIC);
  writer.u8(GOSSIP_VERSION);
  writer.u32(0);
  writeId(writer, header.clusterId);
  writer.u48(header.clockMs);
  writer.u16(header.clockCounter);
  writer.u53(header.epoch);
  kinds.write(writer, message.kind);
  writeSender(writer, message.sender);
  if (message.kind !== "gossip") {
    writer.u32(message.probe);
    writer.u8(message.target === undefined ? 0 : 1);
    if (message.target !== undefined) writeId(writer, message.target);
  }
  writeUpdates(writer, message.updates);
  const bytes = writer.finish();
  assert(bytes.length <= DATAGRAM_BYTES_MAX, "a datagram keeps its bound");
  asBuffer(bytes).writeUInt32BE(crc32(bytes.subarray(BODY_OFFSET)), CHECKSUM_OFFSET);
  return bytes;
}

/** Trust boundary: the datagram if it is well formed and of the cluster `clusterId`. Never throws. */
export function decodeDatagram(bytes: Uint8Array, clusterId: ClusterId): DecodedDatagram {
  if (bytes.length > DATAGRAM_BYTES_MAX) {
    return { kind: "malformed", reason: `${bytes.length} bytes, max ${DATAGRAM_BYTES_MAX}` };
  }
  const decoded = decodeAll(bytes, (reader) => readDatagram(reader, bytes, clusterId));
  if (decoded.kind === "malformed") return decoded;
  const value = decoded.value;
  return "clusterId" in value
    ? { kind: "other-cluster", clusterId: value.clusterId }
    : { kind: "decoded", value };
}

function writeSender(writer: ByteWriter, sender: GossipSender): void {
  writeId(writer, sender.id);
  writer.u53(sender.boot);
  writer.u53(sender.boots);
  writer.u53(sender.version);
  writer.u53(sender.incarnation);
}

function writeUpdates(writer: ByteWriter, updates: readonly GossipUpdate[]): void {
  const countOffset = writer.length;
  writer.u16(0);
  let count = 0;
  for (const update of updates) {
    if (writer.length + gossipUpdateBytes(update) > DATAGRAM_BYTES_MAX) continue;
    writeUpdate(writer, update);
    count += 1;
  }
  writer.setU16(countOffset, count);
}

function writeUpdate(writer: ByteWriter, update: GossipUpdate): void {
  switch (update.kind) {
    case "record":
      writer.u8(UPDATE_RECORD);
      writeMemberRecord(writer, update.record);
      writeBelief(writer, update);
      return;
    case "liveness":
      writer.u8(UPDATE_LIVENESS);
      writeId(writer, update.id);
      writeBelief(writer, update);
      writeId(writer, update.by);
      return;
    default:
      unreachable(update);
  }
}

function readDatagram(
  reader: ByteReader,
  bytes: Uint8Array,
  expected: ClusterId,
): Datagram | { readonly clusterId: ClusterId } {
  if (reader.u8() !== MAGIC) reader.reject("not a gossip datagram");
  const version = reader.u8();
  if (version !== GOSSIP_VERSION) reader.reject(`gossip version ${version}, not ${GOSSIP_VERSION}`);
  if (reader.u32() !== crc32(bytes.subarray(BODY_OFFSET))) reader.reject("checksum differs");
  const clusterId = readClusterId(reader);
  if (clusterId !== expected) {
    reader.bytes(reader.remaining);
    return { clusterId };
  }
  const clockMs = reader.u48();
  const clockCounter = reader.u16();
  const epoch = epochFrom(reader.u53());
  return { header: { clusterId, clockMs, clockCounter, epoch }, message: readMessage(reader) };
}

function readMessage(reader: ByteReader): GossipMessage {
  const kind = kinds.read(reader);
  const sender = readSender(reader);
  if (kind === "gossip") return { kind, sender, updates: readUpdates(reader) };
  const probe = reader.u32();
  const target = readTarget(reader);
  const updates = readUpdates(reader);
  if (kind === "ping") return { kind, sender, probe, target, updates };
  if (target === undefined) return reader.reject(`${kind} without a target`);
  return { kind, sender, probe, target, updates };
}

function readSender(reader: ByteReader): GossipSender {
  const id = readNodeId(reader);
  const boot = readBootId(reader);
  const boots = reader.u53();
  if (boots === 0 || boots > BOOTS_MAX) reader.reject(`${boots} starts, 1..${BOOTS_MAX}`);
  const version = reader.u53();
  if (version > VERSION_MAX) reader.reject(`record version ${version}, max ${VERSION_MAX}`);
  return { id, boot, boots, version, incarnation: readIncarnation(reader) };
}

function readTarget(reader: ByteReader): NodeId | undefined {
  return readFlag(reader) ? readNodeId(reader) : undefined;
}

function readUpdates(reader: ByteReader): GossipUpdate[] {
  const updates: GossipUpdate[] = [];
  for (let left = reader.count16(UPDATE_BYTES_MIN); left > 0; left -= 1) {
    updates.push(readUpdate(reader));
  }
  return updates;
}

function readUpdate(reader: ByteReader): GossipUpdate {
  const code = reader.u8();
  if (code === UPDATE_RECORD) {
    return { kind: "record", record: readMemberRecord(reader), ...readBelief(reader) };
  }
  if (code !== UPDATE_LIVENESS) reader.reject(`update kind ${code}`);
  const id = readNodeId(reader);
  const belief = readBelief(reader);
  return { kind: "liveness", id, ...belief, by: readNodeId(reader) };
}
