/**
 * A value that is kept apart, as bytes: its record in a value file, and the pointer to it that stands in its place.
 *
 *   record   0  magic         u32
 *            4  key length    u32
 *            8  value length  u32
 *           12  checksum      u32   CRC-32 of the above and the key, begun at the file's number
 *           16  key, value, and zeros up to a multiple of eight
 *
 *   pointer  0  magic         u32
 *            4  file          u32   its number
 *            8  offset        u32   of the value in the file
 *           12  length        u32   of the value
 *           16  checksum      u32   CRC-32 of the above
 *
 * Integers are big-endian. A value has no checksum of its own here: what stores one has put it in. Invariant: whatever looks like a
 * pointer is one, because a value that does is kept apart itself (`isApart`).
 */
import { asBuffer } from "../../base/binary.ts";
import { Buffer } from "../../base/buffer.ts";
import { crc32 } from "../../base/checksum.ts";
import type { StorageKey } from "../../ports/storage.ts";

/** Values from this size on are kept apart: smaller ones cost the tables less than a read of their own. */
export const APART_BYTES: number = 8 * 1024;

const RECORD_MAGIC = 0xd76a_1c01;
const POINTER_MAGIC = 0xd76a_1c02;
export const RECORD_HEADER_BYTES = 16;
/** No key of a storage has so many (`ports/storage.ts`). */
export const STORAGE_KEY_BYTES: number = 128 * 1024;
const RECORD_CHECKSUM_AT = 12;
export const POINTER_BYTES = 20;
const POINTER_CHECKSUM_AT = 16;
/** Records begin at multiples of it. */
const ALIGNMENT = 8;
const ZEROS = Buffer.alloc(ALIGNMENT);

/** Where a value's bytes are. */
export interface ValuePlace {
  readonly file: number;
  readonly offset: number;
  readonly length: number;
}

/** A record, as its header says that it is. */
export interface RecordHead {
  readonly key: StorageKey;
  /** Offset of the value in the file. */
  readonly offset: number;
  readonly length: number;
  /** Offset of what follows it. */
  readonly end: number;
}

/** Whether a value is kept apart. @param apartBytes From which size on. */
export function isApart(value: Uint8Array, apartBytes: number): boolean {
  return value.length >= apartBytes || placeOf(value) !== undefined;
}

export function pointerTo({ file, offset, length }: ValuePlace): Buffer {
  const pointer = Buffer.allocUnsafe(POINTER_BYTES);
  pointer.writeUInt32BE(POINTER_MAGIC, 0);
  pointer.writeUInt32BE(file, 4);
  pointer.writeUInt32BE(offset, 8);
  pointer.writeUInt32BE(length, 12);
  pointer.writeUInt32BE(crc32(pointer, 0, 0, POINTER_CHECKSUM_AT), POINTER_CHECKSUM_AT);
  return pointer;
}

/** Where what is stored points to; `undefined` where it is the value itself. */
export function placeOf(stored: Uint8Array): ValuePlace | undefined {
  if (stored.length !== POINTER_BYTES) return undefined;
  const pointer = asBuffer(stored);
  if (pointer.readUInt32BE(0) !== POINTER_MAGIC) return undefined;
  const checksum = pointer.readUInt32BE(POINTER_CHECKSUM_AT);
  if (crc32(pointer, 0, 0, POINTER_CHECKSUM_AT) !== checksum) return undefined;
  return {
    file: pointer.readUInt32BE(4),
    offset: pointer.readUInt32BE(8),
    length: pointer.readUInt32BE(12),
  };
}

/** Bytes of a record, with what fills it up. */
export function recordBytes(key: StorageKey, valueBytes: number): number {
  return aligned(RECORD_HEADER_BYTES + key.length + valueBytes);
}

/** Adds the pieces of a record to what is to be written. @returns Offset of the value within them. */
export function putRecord(
  pieces: Uint8Array[],
  file: number,
  key: StorageKey,
  value: Uint8Array,
): number {
  const head = Buffer.allocUnsafe(RECORD_HEADER_BYTES + key.length);
  head.writeUInt32BE(RECORD_MAGIC, 0);
  head.writeUInt32BE(key.length, 4);
  head.writeUInt32BE(value.length, 8);
  head.write(key, RECORD_HEADER_BYTES, "latin1");
  head.writeUInt32BE(checksumOf(head, 0, head.length, file), RECORD_CHECKSUM_AT);
  pieces.push(head, value);
  const rest = recordBytes(key, value.length) - head.length - value.length;
  if (rest > 0) pieces.push(ZEROS.subarray(0, rest));
  return head.length;
}

/**
 * The record that begins at `at` of `bytes`, which are those of the file from `start` on; "short" where they hold only a part of
 * its header and key; `undefined` where none does.
 */
export function recordAt(
  bytes: Buffer,
  at: number,
  start: number,
  file: number,
): RecordHead | "short" | undefined {
  if (at + RECORD_HEADER_BYTES > bytes.length) return "short";
  if (bytes.readUInt32BE(at) !== RECORD_MAGIC) return undefined;
  const keyLength = bytes.readUInt32BE(at + 4);
  if (keyLength > STORAGE_KEY_BYTES) return undefined;
  const end = at + RECORD_HEADER_BYTES + keyLength;
  if (end > bytes.length) return "short";
  if (checksumOf(bytes, at, end, file) !== bytes.readUInt32BE(at + RECORD_CHECKSUM_AT)) {
    return undefined;
  }
  const key = bytes.toString("latin1", at + RECORD_HEADER_BYTES, end);
  const length = bytes.readUInt32BE(at + 8);
  return { key, offset: start + end, length, end: start + at + aligned(end - at + length) };
}

function checksumOf(bytes: Buffer, start: number, end: number, file: number): number {
  const head = crc32(bytes, file, start, start + RECORD_CHECKSUM_AT);
  return crc32(bytes, head, start + RECORD_HEADER_BYTES, end);
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
