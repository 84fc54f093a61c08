/**
 * Members as bytes, for gossip, joins and push/pull.
 *
 *   record    node id, intent u8, weight u8, boots u53, version u53, boot u53, address (length u16, bytes),
 *             HTTP address (length u16, bytes), Redis address (length u16, bytes), zone (length u8, UTF-8)
 *   liveness  node id, liveness u8, incarnation u53
 *   state     count u16, records; count u16, liveness records: at most MEMBERS_MAX of each
 */
import { assert } from "../../base/assert.ts";
import { binaryFromText, textFromBinary } from "../../base/binary.ts";
import type { ByteReader } from "../../base/byte-reader.ts";
import type { ByteWriter } from "../../base/byte-writer.ts";
import {
  BOOTS_MAX,
  INCARNATION_MAX,
  VERSION_MAX,
  WEIGHT_MAX,
  ZONE_BYTES_MAX,
} from "../../model/gossip-message.ts";
import { MEMBERS_MAX } from "../../model/limits.ts";
import type {
  Intent,
  Liveness,
  LivenessRecord,
  MemberRecord,
  MembershipState,
} from "../../model/member.ts";
import { Choice, readAddress, readBootId, readNodeId, writeId } from "./message-parts.ts";

const RECORD_BYTES_MIN = 43;
const LIVENESS_BYTES = 17;

const intents = new Choice<Intent>("intent", {
  joining: 0,
  active: 1,
  leaving: 2,
  left: 3,
  removing: 4,
  removed: 5,
});

const livenesses = new Choice<Liveness>("liveness", { alive: 0, suspect: 1, dead: 2 });

export function writeMemberRecord(writer: ByteWriter, record: MemberRecord): void {
  const zone = binaryFromText(record.zone);
  assert(zone.length <= ZONE_BYTES_MAX, "a zone is at most 64 bytes");
  assert(record.weight >= 1 && record.weight <= WEIGHT_MAX, "a weight is 1..64");
  writeId(writer, record.id);
  intents.write(writer, record.intent);
  writer.u8(record.weight);
  writer.u53(record.boots);
  writer.u53(record.version);
  writer.u53(record.boot);
  writer.binary16(record.address);
  writer.binary16(record.httpAddress);
  writer.binary16(record.redisAddress);
  writer.binary8(zone);
}

export function readMemberRecord(reader: ByteReader): MemberRecord {
  const id = readNodeId(reader);
  const intent = intents.read(reader);
  const weight = reader.u8();
  if (weight < 1 || weight > WEIGHT_MAX) reader.reject(`weight ${weight}, 1 to ${WEIGHT_MAX}`);
  const boots = reader.u53();
  if (boots === 0) reader.reject("a member that never started");
  if (boots > BOOTS_MAX) reader.reject(`${boots} starts, max ${BOOTS_MAX}`);
  const version = reader.u53();
  if (version > VERSION_MAX) reader.reject(`record version ${version}, max ${VERSION_MAX}`);
  const boot = readBootId(reader);
  const address = readAddress(reader);
  const httpAddress = readShownAddress(reader, "HTTP");
  const redisAddress = readShownAddress(reader, "Redis");
  const zoneBytes = reader.binary8();
  if (zoneBytes.length > ZONE_BYTES_MAX) reader.reject(`zone of ${zoneBytes.length} bytes`);
  const zone = textFromBinary(zoneBytes) ?? reader.reject("zone is not UTF-8");
  return { id, address, httpAddress, redisAddress, intent, zone, weight, boots, version, boot };
}

/** Only shown and handed to clients, so its form is not judged, but nothing that a terminal or a page would obey gets in. */
function readShownAddress(reader: ByteReader, door: string): string {
  const address = reader.binary16();
  if (!/^[\x21-\x7e]{0,300}$/.test(address)) reader.reject(`not an address for ${door}`);
  return address;
}

/** What is believed of a member: liveness u8, incarnation u53. */
export function writeBelief(writer: ByteWriter, belief: Omit<LivenessRecord, "id">): void {
  livenesses.write(writer, belief.liveness);
  writer.u53(belief.incarnation);
}

export function readBelief(reader: ByteReader): Omit<LivenessRecord, "id"> {
  const liveness = livenesses.read(reader);
  return { liveness, incarnation: readIncarnation(reader) };
}

export function readIncarnation(reader: ByteReader): number {
  const incarnation = reader.u53();
  if (incarnation > INCARNATION_MAX) reader.reject(`incarnation ${incarnation}`);
  return incarnation;
}

export function writeState(writer: ByteWriter, state: MembershipState): void {
  assert(state.records.length <= MEMBERS_MAX, "no more records than members");
  assert(state.liveness.length <= MEMBERS_MAX, "no more beliefs than members");
  writer.u16(state.records.length);
  for (const record of state.records) writeMemberRecord(writer, record);
  writer.u16(state.liveness.length);
  for (const record of state.liveness) {
    writeId(writer, record.id);
    writeBelief(writer, record);
  }
}

export function readState(reader: ByteReader): MembershipState {
  const records: MemberRecord[] = [];
  const recordCount = readCount(reader, RECORD_BYTES_MIN);
  for (let index = 0; index < recordCount; index += 1) records.push(readMemberRecord(reader));
  const liveness: LivenessRecord[] = [];
  const livenessCount = readCount(reader, LIVENESS_BYTES);
  for (let index = 0; index < livenessCount; index += 1) {
    liveness.push({ id: readNodeId(reader), ...readBelief(reader) });
  }
  return { records, liveness };
}

function readCount(reader: ByteReader, itemBytesMin: number): number {
  const count = reader.count16(itemBytesMin);
  if (count > MEMBERS_MAX) reader.reject(`${count} members, max ${MEMBERS_MAX}`);
  return count;
}
