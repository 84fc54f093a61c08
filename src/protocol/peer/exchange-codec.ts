/**
 * Messages of the exchange as bytes: the body after the kind. Parts: `message-parts.ts`, `shared-parts.ts`.
 *
 *   10 compare             level u8 (0 root, 1 groups), count u32, hash halves u32 each
 *   11 slot-list           limit u16, position, count u16, then slot u16 and optional leaves (32 bytes) each
 *   12 fetch               count u32, then slot u16, key and field each
 *   13 merge               count u16, slot cells
 *   15 slot-compare        count u16, then slot u16 and hash (2 halves u32) each
 *   16 leaf-compare        count u16, then slot u16 and 256 hashes (2 halves u32) each
 *   17 slot-scan           position, count u16, slots u16 each
 *   23 cell-scan           first slot u16, last slot u16, position
 *   24 sparse-scan         position, count u16, slots u16 each
 *   25 sum-compare         first slot u16, count u16, sums (2 halves u32) each
 *   74 compare-reply       is voteless u8, count u32, indices u16 each
 *   75 slot-list-reply     optional position, count u16, then slot u16, collected stamp, count u32, keyed digests each
 *   76 fetch-reply         taken u32, unreadable slots (count u16, u16 each), count u16, slot cells
 *   79 leaf-compare-reply  count u16, then slot u16, collected stamp, leaves (32 bytes) each
 *   80 slot-scan-reply     optional position, count u16, slot cells
 *
 *   slot cells             slot u16, collected stamp, count u32, keyed cells
 *
 * Slots of a message are in ascending order, none twice; a set of leaves has the first leaf in the lowest bit of its
 * first byte.
 */
import { assert } from "../../base/assert.ts";
import type { ByteReader } from "../../base/byte-reader.ts";
import type { ByteWriter } from "../../base/byte-writer.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import type { CellPosition, PeerReply, PeerRequest, SlotCells } from "../../model/peer-message.ts";
import type { Slot } from "../../model/slot.ts";
import {
  Choice,
  readField,
  readFlag,
  readKey,
  readSlot,
  readStamp,
  STAMP_BYTES,
  writeField,
  writeFlag,
  writeStamp,
} from "./message-parts.ts";
import {
  readKeyedCells,
  readKeyedDigests,
  sizeOfKeyedCells,
  sizeOfKeyedDigests,
  writeKeyedCells,
  writeKeyedDigests,
} from "./shared-parts.ts";
import { ReadOrder, readSlots, WrittenOrder, writeSlots } from "./slot-order.ts";

type RequestOf<Kind extends PeerRequest["kind"]> = Extract<PeerRequest, { kind: Kind }>;
type ReplyOf<Kind extends PeerReply["kind"]> = Extract<PeerReply, { kind: Kind }>;

/** Leaves of a slot, as `core/anti-entropy/hash-tree.ts` has them; a test holds them equal. */
const LEAF_COUNT = 256;
const LEAF_SET_BYTES = LEAF_COUNT / 8;
const LEAVES_BYTES = 8 * LEAF_COUNT;
/** Halves of hashes in one comparison. */
const HASHES_MAX = 2 * SLOT_COUNT;
/** Fewest bytes of a slot, a key and a field. */
const WANTED_BYTES_MIN = 7;
/** Fewest bytes of a slot's cells or digests: slot, stamp, count. */
const PART_BYTES_MIN = 2 + STAMP_BYTES + 4;

const levels = new Choice<"root" | "groups">("level", { root: 0, groups: 1 });

export function writeCompare(writer: ByteWriter, { level, hashes }: RequestOf<"compare">): void {
  assert(hashes.length % 2 === 0, "a hash has two halves");
  assert(hashes.length <= HASHES_MAX, "no more hashes than slots");
  levels.write(writer, level);
  writer.u32(hashes.length);
  writeHashes(writer, hashes);
}

export function readCompare(reader: ByteReader): RequestOf<"compare"> {
  const level = levels.read(reader);
  const count = reader.count32(4);
  if (count > HASHES_MAX || count % 2 !== 0) reader.reject(`${count} halves of hashes`);
  return { kind: "compare", level, hashes: readHashes(reader, count) };
}

export function writeCompareReply(writer: ByteWriter, reply: ReplyOf<"compare-reply">): void {
  assert(reply.differing.length <= SLOT_COUNT, "no more differences than slots");
  writeFlag(writer, reply.isVoteless);
  writer.u32(reply.differing.length);
  for (const index of reply.differing) {
    assert(index < SLOT_COUNT, "an index of a group or a slot");
    writer.u16(index);
  }
}

export function readCompareReply(reader: ByteReader): ReplyOf<"compare-reply"> {
  const isVoteless = readFlag(reader);
  const count = reader.count32(2);
  if (count > SLOT_COUNT) reader.reject(`${count} differences`);
  const differing: number[] = [];
  for (let at = 0; at < count; at += 1) differing.push(readSlot(reader));
  return { kind: "compare-reply", isVoteless, differing };
}

export function writeSlotCompare(
  writer: ByteWriter,
  { slots, hashes }: RequestOf<"slot-compare">,
): void {
  assert(hashes.length === 2 * slots.length, "a hash for each slot");
  writer.u16(slots.length);
  const order = new WrittenOrder();
  for (const [index, slot] of slots.entries()) {
    order.write(writer, slot);
    writer.u32(hashes[2 * index] as number);
    writer.u32(hashes[2 * index + 1] as number);
  }
}

export function readSlotCompare(reader: ByteReader): RequestOf<"slot-compare"> {
  const count = reader.count16(10);
  const slots: Slot[] = [];
  const hashes = new Uint32Array(2 * count);
  const order = new ReadOrder();
  for (let index = 0; index < count; index += 1) {
    slots.push(order.read(reader));
    hashes[2 * index] = reader.u32();
    hashes[2 * index + 1] = reader.u32();
  }
  return { kind: "slot-compare", slots, hashes };
}

export function writeLeafCompare(writer: ByteWriter, { parts }: RequestOf<"leaf-compare">): void {
  writer.u16(parts.length);
  const order = new WrittenOrder();
  for (const { slot, hashes } of parts) {
    assert(hashes.length === 2 * LEAF_COUNT, "a slot has its 256 leaves");
    order.write(writer, slot);
    writeHashes(writer, hashes);
  }
}

export function readLeafCompare(reader: ByteReader): RequestOf<"leaf-compare"> {
  const count = reader.count16(2 + LEAVES_BYTES);
  const parts: RequestOf<"leaf-compare">["parts"][number][] = [];
  const order = new ReadOrder();
  for (let index = 0; index < count; index += 1) {
    const slot = order.read(reader);
    parts.push({ slot, hashes: readHashes(reader, 2 * LEAF_COUNT) });
  }
  return { kind: "leaf-compare", parts };
}

export function writeLeafCompareReply(
  writer: ByteWriter,
  { parts }: ReplyOf<"leaf-compare-reply">,
): void {
  writer.u16(parts.length);
  const order = new WrittenOrder();
  for (const { slot, collected, leaves } of parts) {
    order.write(writer, slot);
    writeStamp(writer, collected);
    writeLeafSet(writer, leaves);
  }
}

export function readLeafCompareReply(reader: ByteReader): ReplyOf<"leaf-compare-reply"> {
  const count = reader.count16(2 + STAMP_BYTES + LEAF_SET_BYTES);
  const parts: ReplyOf<"leaf-compare-reply">["parts"][number][] = [];
  const order = new ReadOrder();
  for (let index = 0; index < count; index += 1) {
    const slot = order.read(reader);
    const collected = readStamp(reader);
    parts.push({ slot, collected, leaves: reader.bytes(LEAF_SET_BYTES) });
  }
  return { kind: "leaf-compare-reply", parts };
}

export function writeSlotList(writer: ByteWriter, request: RequestOf<"slot-list">): void {
  writer.u16(request.limit);
  writer.binary32(request.after);
  writer.u16(request.parts.length);
  const order = new WrittenOrder();
  for (const { slot, leaves } of request.parts) {
    order.write(writer, slot);
    writeFlag(writer, leaves !== undefined);
    if (leaves !== undefined) writeLeafSet(writer, leaves);
  }
}

export function readSlotList(reader: ByteReader): RequestOf<"slot-list"> {
  const limit = reader.u16();
  if (limit === 0) reader.reject("a limit of nothing");
  const after = reader.binary32();
  const count = reader.count16(3);
  const parts: RequestOf<"slot-list">["parts"][number][] = [];
  const order = new ReadOrder();
  for (let index = 0; index < count; index += 1) {
    const slot = order.read(reader);
    parts.push({ slot, leaves: readFlag(reader) ? reader.bytes(LEAF_SET_BYTES) : undefined });
  }
  return { kind: "slot-list", parts, after, limit };
}

export function sizeOfSlotListReply({ parts, through }: ReplyOf<"slot-list-reply">): number {
  let bytes = 7 + (through?.length ?? 0);
  for (const { digests } of parts) bytes += 2 + STAMP_BYTES + sizeOfKeyedDigests(digests);
  return bytes;
}

export function writeSlotListReply(
  writer: ByteWriter,
  { parts, through }: ReplyOf<"slot-list-reply">,
): void {
  writeOptionalPosition(writer, through);
  writer.u16(parts.length);
  const order = new WrittenOrder();
  for (const { slot, collected, digests } of parts) {
    order.write(writer, slot);
    writeStamp(writer, collected);
    writeKeyedDigests(writer, digests);
  }
}

export function readSlotListReply(reader: ByteReader): ReplyOf<"slot-list-reply"> {
  const through = readOptionalPosition(reader);
  const count = reader.count16(PART_BYTES_MIN);
  const parts: ReplyOf<"slot-list-reply">["parts"][number][] = [];
  const order = new ReadOrder();
  for (let index = 0; index < count; index += 1) {
    const slot = order.read(reader);
    const collected = readStamp(reader);
    parts.push({ slot, collected, digests: readKeyedDigests(reader) });
  }
  return { kind: "slot-list-reply", parts, through };
}

export function writeSlotScan(writer: ByteWriter, { after, slots }: RequestOf<"slot-scan">): void {
  writer.binary32(after);
  writeSlots(writer, slots);
}

export function readSlotScan(reader: ByteReader): RequestOf<"slot-scan"> {
  const after = reader.binary32();
  return { kind: "slot-scan", slots: readSlots(reader), after };
}

export function writeCellScan(writer: ByteWriter, request: RequestOf<"cell-scan">): void {
  writer.u16(request.firstSlot);
  writer.u16(request.lastSlot);
  writer.binary32(request.after);
}

export function readCellScan(reader: ByteReader): RequestOf<"cell-scan"> {
  const firstSlot = readSlot(reader);
  const lastSlot = readSlot(reader);
  return { kind: "cell-scan", firstSlot, lastSlot, after: reader.binary32() };
}

export function writeSparseScan(
  writer: ByteWriter,
  { after, slots }: RequestOf<"sparse-scan">,
): void {
  writer.binary32(after);
  writeSlots(writer, slots);
}

export function readSparseScan(reader: ByteReader): RequestOf<"sparse-scan"> {
  const after = reader.binary32();
  return { kind: "sparse-scan", slots: readSlots(reader), after };
}

export function writeSumCompare(writer: ByteWriter, request: RequestOf<"sum-compare">): void {
  const { firstSlot, sums } = request;
  assert(sums.length % 2 === 0, "a sum has two halves");
  assert(firstSlot + sums.length / 2 <= SLOT_COUNT, "no sum beyond the last slot");
  writer.u16(firstSlot);
  writer.u16(sums.length / 2);
  writeHashes(writer, sums);
}

export function readSumCompare(reader: ByteReader): RequestOf<"sum-compare"> {
  const firstSlot = readSlot(reader);
  const count = reader.count16(8);
  if (firstSlot + count > SLOT_COUNT) reader.reject("a sum of a slot beyond the last");
  return { kind: "sum-compare", firstSlot, sums: readHashes(reader, 2 * count) };
}

export function sizeOfSlotScanReply({ parts, through }: ReplyOf<"slot-scan-reply">): number {
  return 5 + (through?.length ?? 0) + sizeOfParts(parts);
}

export function writeSlotScanReply(
  writer: ByteWriter,
  { parts, through }: ReplyOf<"slot-scan-reply">,
): void {
  writeOptionalPosition(writer, through);
  writeParts(writer, parts);
}

export function readSlotScanReply(reader: ByteReader): ReplyOf<"slot-scan-reply"> {
  const through = readOptionalPosition(reader);
  return { kind: "slot-scan-reply", parts: readParts(reader), through };
}

export function sizeOfFetch({ wanted }: RequestOf<"fetch">): number {
  let bytes = 4;
  for (const { key, field } of wanted) bytes += 6 + key.length + (field?.length ?? 0);
  return bytes;
}

export function writeFetch(writer: ByteWriter, { wanted }: RequestOf<"fetch">): void {
  writer.u32(wanted.length);
  for (const { slot, key, field } of wanted) {
    writer.u16(slot);
    writer.binary16(key);
    writeField(writer, field);
  }
}

export function readFetch(reader: ByteReader): RequestOf<"fetch"> {
  const count = reader.count32(WANTED_BYTES_MIN - 1);
  const wanted: CellPosition[] = [];
  for (let index = 0; index < count; index += 1) {
    const slot = readSlot(reader);
    const key = readKey(reader);
    wanted.push({ slot, key, field: readField(reader) });
  }
  return { kind: "fetch", wanted };
}

export function sizeOfFetchReply({ parts, unreadable }: ReplyOf<"fetch-reply">): number {
  return 6 + 2 * unreadable.length + sizeOfParts(parts);
}

export function writeFetchReply(
  writer: ByteWriter,
  { parts, taken, unreadable }: ReplyOf<"fetch-reply">,
): void {
  writer.u32(taken);
  writeSlots(writer, unreadable);
  writeParts(writer, parts);
}

export function readFetchReply(reader: ByteReader): ReplyOf<"fetch-reply"> {
  const taken = reader.u32();
  const unreadable = readSlots(reader);
  return { kind: "fetch-reply", parts: readParts(reader), taken, unreadable };
}

export function sizeOfMerge({ parts }: RequestOf<"merge">): number {
  return sizeOfParts(parts);
}

export function writeMerge(writer: ByteWriter, { parts }: RequestOf<"merge">): void {
  writeParts(writer, parts);
}

export function readMerge(reader: ByteReader): RequestOf<"merge"> {
  return { kind: "merge", parts: readParts(reader) };
}

function sizeOfParts(parts: readonly SlotCells[]): number {
  let bytes = 2;
  for (const { cells } of parts) bytes += 2 + STAMP_BYTES + sizeOfKeyedCells(cells);
  return bytes;
}

function writeParts(writer: ByteWriter, parts: readonly SlotCells[]): void {
  writer.u16(parts.length);
  const order = new WrittenOrder();
  for (const { slot, collected, cells } of parts) {
    order.write(writer, slot);
    writeStamp(writer, collected);
    writeKeyedCells(writer, cells);
  }
}

/** Cell bytes are views of the frame. */
function readParts(reader: ByteReader): readonly SlotCells[] {
  const count = reader.count16(PART_BYTES_MIN);
  const parts: SlotCells[] = [];
  const order = new ReadOrder();
  for (let index = 0; index < count; index += 1) {
    const slot = order.read(reader);
    const collected = readStamp(reader);
    parts.push({ slot, collected, cells: readKeyedCells(reader) });
  }
  return parts;
}

function writeHashes(writer: ByteWriter, hashes: Uint32Array): void {
  for (let index = 0; index < hashes.length; index += 1) writer.u32(hashes[index] as number);
}

function readHashes(reader: ByteReader, count: number): Uint32Array {
  const hashes = new Uint32Array(count);
  for (let index = 0; index < count; index += 1) hashes[index] = reader.u32();
  return hashes;
}

function writeLeafSet(writer: ByteWriter, leaves: Uint8Array): void {
  assert(leaves.length === LEAF_SET_BYTES, "a set of leaves has a bit for each");
  writer.bytes(leaves);
}

function writeOptionalPosition(writer: ByteWriter, position: string | undefined): void {
  writeFlag(writer, position !== undefined);
  if (position !== undefined) writer.binary32(position);
}

function readOptionalPosition(reader: ByteReader): string | undefined {
  return readFlag(reader) ? reader.binary32() : undefined;
}
