/**
 * Parts of the rarer messages: settings, conditions, failures, digests, cells with their keys.
 *
 *   settings      which u8 (bit 0 replicas, 1 write quorum, 2 key bytes, 3 value bytes, 4 grace), then those present:
 *                 u8, u8 (0 sloppy, 1 strict), u32, u32, u53
 *   condition     u8: 0 stamp-is (then a stamp), 1 exists, 2 absent
 *   quorum        acks u16, of u16, hinted u16
 *   failure       code u8, stored u8 (0 no, 1 maybe), quorum, optional stamp, text
 *   digest        field, stamp, checksum u32
 *   keyed digest  key, digest            keyed cell: key, cell
 */
import type { ByteReader } from "../../base/byte-reader.ts";
import type { ByteWriter } from "../../base/byte-writer.ts";
import type { Condition } from "../../model/condition.ts";
import type { SharedConfig } from "../../model/config.ts";
import { KEY_BYTES_MAX, REPLICAS_MAX, VALUE_BYTES_MAX } from "../../model/limits.ts";
import type { Failure, FailureCode, QuorumReport } from "../../model/outcome.ts";
import type { CellDigest, KeyedCell } from "../../model/peer-message.ts";
import type { Stamp } from "../../model/stamp.ts";
import {
  CELL_BYTES_MIN,
  Choice,
  readField,
  readFlag,
  readKey,
  readStamp,
  readText,
  STAMP_BYTES,
  writeField,
  writeFlag,
  writeStamp,
  writeText,
} from "./message-parts.ts";

const DIGEST_BYTES_MIN = 2 + STAMP_BYTES + 4;
const KEY_PART_BYTES_MIN = 3;

const writeQuorums = new Choice<SharedConfig["writeQuorum"]>("write quorum", {
  sloppy: 0,
  strict: 1,
});

const conditionKinds = new Choice<Condition["kind"]>("condition", {
  "stamp-is": 0,
  exists: 1,
  absent: 2,
});

const failureCodes = new Choice<FailureCode>("failure code", {
  "quorum-unreachable": 0,
  "timed-out": 1,
  overloaded: 2,
  "too-new": 3,
  damaged: 4,
  "storage-failed": 5,
  "not-ready": 6,
  "shutting-down": 7,
  contended: 8,
});

const storedAnswers = new Choice<"no" | "maybe">("answer to stored", { no: 0, maybe: 1 });

const HAS_REPLICAS = 1;
const HAS_WRITE_QUORUM = 2;
const HAS_KEY_BYTES_MAX = 4;
const HAS_VALUE_BYTES_MAX = 8;
const HAS_GRACE_MS = 16;
const HAS_ALL = 31;

export function writeSettings(writer: ByteWriter, shared: Partial<SharedConfig>): void {
  const { replicas, writeQuorum, keyBytesMax, valueBytesMax, graceMs } = shared;
  writer.u8(
    (replicas === undefined ? 0 : HAS_REPLICAS) |
      (writeQuorum === undefined ? 0 : HAS_WRITE_QUORUM) |
      (keyBytesMax === undefined ? 0 : HAS_KEY_BYTES_MAX) |
      (valueBytesMax === undefined ? 0 : HAS_VALUE_BYTES_MAX) |
      (graceMs === undefined ? 0 : HAS_GRACE_MS),
  );
  if (replicas !== undefined) writer.u8(replicas);
  if (writeQuorum !== undefined) writeQuorums.write(writer, writeQuorum);
  if (keyBytesMax !== undefined) writer.u32(keyBytesMax);
  if (valueBytesMax !== undefined) writer.u32(valueBytesMax);
  if (graceMs !== undefined) writer.u53(graceMs);
}

export function readPartialSettings(reader: ByteReader): Partial<SharedConfig> {
  const which = reader.u8();
  if (which > HAS_ALL) reader.reject("an unknown setting");
  const shared: { -readonly [Name in keyof SharedConfig]?: SharedConfig[Name] } = {};
  if (which & HAS_REPLICAS) shared.replicas = within(reader, reader.u8(), REPLICAS_MAX);
  if (which & HAS_WRITE_QUORUM) shared.writeQuorum = writeQuorums.read(reader);
  if (which & HAS_KEY_BYTES_MAX) shared.keyBytesMax = within(reader, reader.u32(), KEY_BYTES_MAX);
  if (which & HAS_VALUE_BYTES_MAX) {
    shared.valueBytesMax = within(reader, reader.u32(), VALUE_BYTES_MAX);
  }
  if (which & HAS_GRACE_MS) shared.graceMs = reader.u53();
  return shared;
}

export function readSettings(reader: ByteReader): SharedConfig {
  const { replicas, writeQuorum, keyBytesMax, valueBytesMax, graceMs } =
    readPartialSettings(reader);
  if (
    replicas === undefined ||
    writeQuorum === undefined ||
    keyBytesMax === undefined ||
    valueBytesMax === undefined ||
    graceMs === undefined
  ) {
    return reader.reject("settings are not complete");
  }
  return { replicas, writeQuorum, keyBytesMax, valueBytesMax, graceMs };
}

function within(reader: ByteReader, value: number, max: number): number {
  if (value < 1 || value > max) reader.reject(`setting ${value}, 1 to ${max} allowed`);
  return value;
}

export function writeCondition(writer: ByteWriter, condition: Condition): void {
  conditionKinds.write(writer, condition.kind);
  if (condition.kind === "stamp-is") writeStamp(writer, condition.stamp);
}

export function readCondition(reader: ByteReader): Condition {
  const kind = conditionKinds.read(reader);
  return kind === "stamp-is" ? { kind, stamp: readStamp(reader) } : { kind };
}

export function writeQuorum(writer: ByteWriter, quorum: QuorumReport): void {
  writer.u16(quorum.acks);
  writer.u16(quorum.of);
  writer.u16(quorum.hinted);
}

export function readQuorum(reader: ByteReader): QuorumReport {
  const acks = reader.u16();
  const of = reader.u16();
  return { acks, of, hinted: reader.u16() };
}

export function writeOptionalStamp(writer: ByteWriter, stamp: Stamp | undefined): void {
  writeFlag(writer, stamp !== undefined);
  if (stamp !== undefined) writeStamp(writer, stamp);
}

export function readOptionalStamp(reader: ByteReader): Stamp | undefined {
  return readFlag(reader) ? readStamp(reader) : undefined;
}

export function writeFailure(writer: ByteWriter, failure: Failure): void {
  failureCodes.write(writer, failure.code);
  storedAnswers.write(writer, failure.stored);
  writeQuorum(writer, failure.quorum);
  writeOptionalStamp(writer, failure.newest);
  writeText(writer, failure.detail);
}

export function readFailure(reader: ByteReader): Failure {
  const code = failureCodes.read(reader);
  const stored = storedAnswers.read(reader);
  const quorum = readQuorum(reader);
  const newest = readOptionalStamp(reader);
  const failure = { kind: "failed", code, detail: readText(reader), stored, quorum } as const;
  return newest === undefined ? failure : { ...failure, newest };
}

export function readDigests(reader: ByteReader): readonly Omit<CellDigest, "key">[] {
  const count = reader.count32(DIGEST_BYTES_MIN);
  const digests: Omit<CellDigest, "key">[] = [];
  for (let index = 0; index < count; index += 1) {
    const field = readField(reader);
    const stamp = readStamp(reader);
    digests.push({ field, stamp, checksum: reader.u32() });
  }
  return digests;
}

function writeDigest(writer: ByteWriter, digest: Omit<CellDigest, "key">): void {
  writeField(writer, digest.field);
  writeStamp(writer, digest.stamp);
  writer.u32(digest.checksum);
}

export function writeKeyedDigests(writer: ByteWriter, digests: readonly CellDigest[]): void {
  writer.u32(digests.length);
  for (const digest of digests) {
    writer.binary16(digest.key);
    writeDigest(writer, digest);
  }
}

export function readKeyedDigests(reader: ByteReader): readonly CellDigest[] {
  const count = reader.count32(KEY_PART_BYTES_MIN + DIGEST_BYTES_MIN);
  const digests: CellDigest[] = [];
  for (let index = 0; index < count; index += 1) {
    const key = readKey(reader);
    const field = readField(reader);
    const stamp = readStamp(reader);
    digests.push({ key, field, stamp, checksum: reader.u32() });
  }
  return digests;
}

export function writeKeyedCells(writer: ByteWriter, cells: readonly KeyedCell[]): void {
  writer.u32(cells.length);
  for (const cell of cells) {
    writer.binary16(cell.key);
    writeField(writer, cell.field);
    writer.bytes32(cell.bytes);
  }
}

/** Cell bytes are views of the frame. */
export function readKeyedCells(reader: ByteReader): readonly KeyedCell[] {
  const count = reader.count32(KEY_PART_BYTES_MIN + CELL_BYTES_MIN);
  const cells: KeyedCell[] = [];
  for (let index = 0; index < count; index += 1) {
    const key = readKey(reader);
    const field = readField(reader);
    cells.push({ key, field, bytes: reader.bytes32() });
  }
  return cells;
}

/** Bytes that `writeKeyedCells` will take. */
export function sizeOfKeyedCells(cells: readonly KeyedCell[]): number {
  let bytes = 4;
  for (const cell of cells) {
    bytes += 2 + cell.key.length + CELL_BYTES_MIN + (cell.field?.length ?? 0) + cell.bytes.length;
  }
  return bytes;
}

/** Bytes that `writeKeyedDigests` will take. */
export function sizeOfKeyedDigests(digests: readonly CellDigest[]): number {
  let bytes = 4;
  for (const { key, field } of digests) {
    bytes += 2 + key.length + DIGEST_BYTES_MIN + (field?.length ?? 0);
  }
  return bytes;
}
