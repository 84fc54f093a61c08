/**
 * The eight messages of which a node writes most, straight into a buffer of their exact size: write, write-reply, write-acks,
 * read, confirm, cells-reply, digest-reply, confirm-reply. Layouts: `request-codec.ts`, `reply-codec.ts`; they are read by the functions there.
 *
 * Measured at a third to a quarter of the cost of a growing writer (bench/peer-codec.ts). Invariant: `at` after the last
 * part is the size computed before the first, and says so if not.
 */
import { assert } from "../../base/assert.ts";
import { Buffer } from "../../base/buffer.ts";
import type { CellAddress, EncodedCell } from "../../model/cell.ts";
import type { NodeId } from "../../model/ids.ts";
import type { Field } from "../../model/key.ts";
import {
  FIELD_BYTES_MAX,
  FRAME_BYTES_MAX,
  KEY_BYTES_MAX,
  MEMBERS_MAX,
} from "../../model/limits.ts";
import type { CellDigest, PeerMessage, StoreResult } from "../../model/peer-message.ts";
import { FIELDS_PER_REQUEST_MAX, type Selection } from "../../model/selection.ts";
import type { Stamp } from "../../model/stamp.ts";
import { ROOT_MARK, STAMP_BYTES, sizeOfCells } from "./message-parts.ts";

const TWO_POW_32 = 0x1_0000_0000;
/** Below this, a loop over the characters is faster than the call into the runtime. */
const LOOP_CHARACTERS_MAX = 24;
const WRITE_FIXED_BYTES = 2 + STAMP_BYTES + 1 + 2;
const DIGEST_FIXED_BYTES = 2 + STAMP_BYTES + 4;

export const WRITE_FINAL = 1;
export const WRITE_FALLBACK = 2;
/** Each cell has a base of its own: those of all but the first follow the cells. */
export const WRITE_BASES = 4;

export const READ_DIGEST = 1;
export const READ_SELECTIONS: Readonly<Record<Selection["kind"], number>> = {
  root: 0,
  fields: 2,
  range: 4,
};

export const STORE_RESULT_CODES: Readonly<Record<StoreResult, number>> = {
  stored: 0,
  behind: 1,
  superseded: 2,
  below: 3,
};

type MessageOf<Kind extends PeerMessage["kind"]> = Extract<PeerMessage, { kind: Kind }>;

/** Room for `bodyBytes` after a blank header and the kind. From the runtime's pool when small: frames live shortly. */
export function frameOf(headerBytes: number, code: number, bodyBytes: number): Buffer {
  const length = headerBytes + 1 + bodyBytes;
  assert(length <= FRAME_BYTES_MAX, "a frame is at most FRAME_BYTES_MAX bytes");
  const frame = Buffer.allocUnsafe(length);
  frame[headerBytes] = code;
  return frame;
}

export function sizeOfWrite(message: MessageOf<"write">): number {
  return (
    WRITE_FIXED_BYTES +
    message.key.length +
    8 * message.unreached.length +
    sizeOfCells(message.cells) +
    STAMP_BYTES * (message.bases.length - 1)
  );
}

export function putWrite(frame: Buffer, start: number, message: MessageOf<"write">): void {
  const { bases, cells } = message;
  assert(bases.length === 1 || bases.length === cells.length, "a base for all cells, or for each");
  let at = putKey(frame, start, message.key);
  at = putStamp(frame, at, bases[0] as Stamp);
  frame[at] =
    (message.attempt === "final" ? WRITE_FINAL : 0) |
    (message.role === "fallback" ? WRITE_FALLBACK : 0) |
    (bases.length > 1 ? WRITE_BASES : 0);
  at = putIds(frame, at + 1, message.unreached);
  at = putCells(frame, at, cells);
  for (let index = 1; index < bases.length; index += 1) {
    at = putStamp(frame, at, bases[index] as Stamp);
  }
  putEnd(frame, at);
}

export const WRITE_REPLY_BYTES: number = 1 + STAMP_BYTES + 8;

export function putWriteReply(frame: Buffer, start: number, reply: MessageOf<"write-reply">): void {
  frame[start] = STORE_RESULT_CODES[reply.result];
  const at = putStamp(frame, start + 1, reply.held);
  putEnd(frame, put53(frame, at, reply.commitNumber));
}

export function sizeOfWriteAcks({ requestIds }: MessageOf<"write-acks">): number {
  return 8 + 4 + 4 * requestIds.length;
}

export function putWriteAcks(frame: Buffer, start: number, acks: MessageOf<"write-acks">): void {
  let at = frame.writeUInt32BE(acks.requestIds.length, put53(frame, start, acks.commitNumber));
  for (const requestId of acks.requestIds) at = frame.writeUInt32BE(requestId, at);
  putEnd(frame, at);
}

export function sizeOfRead(message: MessageOf<"read">): number {
  return 1 + 2 + message.key.length + sizeOfSelection(message.selection);
}

function sizeOfSelection(selection: Selection): number {
  switch (selection.kind) {
    case "root":
      return 0;
    case "fields":
      return selection.fields.reduce((bytes, field) => bytes + 2 + field.length, 4);
    case "range":
      return 2 + 2 + selection.prefix.length + 2 + selection.after.length;
  }
}

export function putRead(frame: Buffer, start: number, message: MessageOf<"read">): void {
  const { selection } = message;
  frame[start] = (message.want === "cells" ? 0 : READ_DIGEST) | READ_SELECTIONS[selection.kind];
  let at = putKey(frame, start + 1, message.key);
  if (selection.kind === "fields") {
    assert(selection.fields.length <= FIELDS_PER_REQUEST_MAX, "a read names so many fields");
    at = frame.writeUInt32BE(selection.fields.length, at);
    for (const field of selection.fields) at = putField(frame, at, field);
  } else if (selection.kind === "range") {
    at = frame.writeUInt16BE(selection.limit, at);
    at = putField(frame, at, selection.prefix as Field);
    at = putField(frame, at, selection.after);
  }
  putEnd(frame, at);
}

export function sizeOfConfirm({ key }: MessageOf<"confirm">): number {
  return 2 + key.length + 4;
}

export function putConfirm(frame: Buffer, start: number, message: MessageOf<"confirm">): void {
  putEnd(frame, frame.writeUInt32BE(message.checksum, putKey(frame, start, message.key)));
}

export const CONFIRM_REPLY_BYTES: number = 2 * STAMP_BYTES;

export function putConfirmReply(
  frame: Buffer,
  start: number,
  reply: MessageOf<"confirm-reply">,
): void {
  putEnd(frame, putStamp(frame, putStamp(frame, start, reply.collected), reply.flushed));
}

export function sizeOfCellsReply({ cells, through }: MessageOf<"cells-reply">): number {
  return 2 * STAMP_BYTES + 2 + (through?.length ?? 0) + sizeOfCells(cells);
}

export function putCellsReply(frame: Buffer, start: number, reply: MessageOf<"cells-reply">): void {
  let at = putStamp(frame, start, reply.collected);
  at = putStamp(frame, at, reply.flushed);
  at = putField(frame, at, reply.through);
  putEnd(frame, putCells(frame, at, reply.cells));
}

export function sizeOfDigests(digests: readonly Omit<CellDigest, "key">[]): number {
  let bytes = 2 * STAMP_BYTES + 4;
  for (const { field } of digests) bytes += DIGEST_FIXED_BYTES + (field?.length ?? 0);
  return bytes;
}

export function putDigestReply(
  frame: Buffer,
  start: number,
  reply: MessageOf<"digest-reply">,
): void {
  let at = putStamp(frame, start, reply.collected);
  at = putStamp(frame, at, reply.flushed);
  at = frame.writeUInt32BE(reply.digests.length, at);
  for (const digest of reply.digests) {
    at = putField(frame, at, digest.field);
    at = putStamp(frame, at, digest.stamp);
    at = frame.writeUInt32BE(digest.checksum, at);
  }
  putEnd(frame, at);
}

function putEnd(frame: Buffer, at: number): void {
  assert(at === frame.length, "a message has the size that was computed for it");
}

function putCells(frame: Buffer, start: number, cells: readonly EncodedCell[]): number {
  let at = frame.writeUInt32BE(cells.length, start);
  for (const cell of cells) {
    at = putField(frame, at, cell.field);
    at = frame.writeUInt32BE(cell.bytes.length, at);
    frame.set(cell.bytes, at);
    at += cell.bytes.length;
  }
  return at;
}

function putKey(frame: Buffer, at: number, key: string): number {
  assert(key.length >= 1 && key.length <= KEY_BYTES_MAX, "a key is 1..32768 bytes");
  return putBinary(frame, frame.writeUInt16BE(key.length, at), key);
}

function putField(frame: Buffer, at: number, field: CellAddress): number {
  if (field === undefined) return frame.writeUInt16BE(ROOT_MARK, at);
  assert(field.length <= FIELD_BYTES_MAX, "a field is at most 32768 bytes");
  return putBinary(frame, frame.writeUInt16BE(field.length, at), field);
}

function putBinary(frame: Buffer, start: number, binary: string): number {
  if (binary.length > LOOP_CHARACTERS_MAX) {
    return start + frame.write(binary, start, "latin1");
  }
  for (let index = 0; index < binary.length; index += 1) {
    frame[start + index] = binary.charCodeAt(index);
  }
  return start + binary.length;
}

function putIds(frame: Buffer, start: number, ids: readonly NodeId[]): number {
  assert(ids.length <= MEMBERS_MAX, "no more nodes than members");
  let at = frame.writeUInt16BE(ids.length, start);
  for (const id of ids) {
    at = frame.writeUInt32BE(Number.parseInt(id.slice(0, 8), 16), at);
    at = frame.writeUInt32BE(Number.parseInt(id.slice(8), 16), at);
  }
  return at;
}

export function putStamp(frame: Buffer, start: number, stamp: Stamp): number {
  const at = frame.writeUInt16BE(stamp.counter, put48(frame, start, stamp.ms));
  return put53(frame, at, stamp.boot);
}

/** Out of range is thrown at by the runtime: our own mistake. `>>> 0` takes the lower 32 bits of any safe integer. */
export function put48(frame: Buffer, at: number, value: number): number {
  return frame.writeUInt32BE(value >>> 0, frame.writeUInt16BE(Math.floor(value / TWO_POW_32), at));
}

export function put53(frame: Buffer, at: number, value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, "value fits 53 bits");
  return frame.writeUInt32BE(value >>> 0, frame.writeUInt32BE(Math.floor(value / TWO_POW_32), at));
}
