/**
 * Cells as bytes: on disk, and the same bytes between nodes.
 *
 * Invariant: one cell at one address has one encoding, and bytes decode only at the address they were encoded for:
 * a bit that rotted, a torn value, and a cell found in another cell's place are all "damaged", never "absent".
 *
 * | offset | bytes | what, most significant byte first                                            |
 * |--------|-------|------------------------------------------------------------------------------|
 * | 0      | 4     | CRC-32 of the rest, begun at a hash of the address (key, field)              |
 * | 4      | 1     | kind (bits 0-2), type (3-4), has expiry (5), mark (6-7)                      |
 * | 5      | 16    | stamp: milliseconds 6, counter 2, boot 8                                     |
 * | then   | 6     | if it has an expiry: milliseconds                                            |
 * | then   | 16    | if the mark says so: `cleared` of a root, `since` of a field                 |
 * | then   | 1 + n | roots: length and bytes of the content type                                  |
 * | then   | rest  | payload                                                                      |
 *
 * mark: 0 is NO_STAMP, 1 is equal to the stamp, 2 is written out, 3 is unknown. Kinds: 0 tombstone, 1 container,
 * 2 value, 3 field tombstone, 4 field; 5 to 7 are left for formats to come.
 */
import { assert } from "../../base/assert.ts";
import { binaryFromBytes } from "../../base/binary.ts";
import { Buffer } from "../../base/buffer.ts";
import { crc32 } from "../../base/checksum.ts";
import { hashBinary } from "../../base/hash.ts";
import type {
  Cell,
  CellAddress,
  CellType,
  FieldCell,
  RootCell,
  RootKind,
} from "../../model/cell.ts";
import type { Key } from "../../model/key.ts";
import { CONTENT_TYPE_BYTES_MAX, EXPIRES_AT_MS_MAX } from "../../model/limits.ts";
import { compareStamps, NO_STAMP, type Stamp } from "../../model/stamp.ts";

const HEAD_INDEX = 4;
const STAMP_INDEX = 5;
const STAMP_BYTES = 16;
const EXPIRY_BYTES = 6;
/** Checksum, head and stamp: what every cell begins with. */
const FIXED_BYTES = STAMP_INDEX + STAMP_BYTES;

const HAS_EXPIRY = 0x20;
const MARK_IS_STAMP = 0x40;
const MARK_IS_WRITTEN = 0x80;
const MARK_BITS = 0xc0;

const KINDS: readonly Cell["kind"][] = [
  "tombstone",
  "container",
  "value",
  "field-tombstone",
  "field",
];
const VALUE_INDEX = 2;
const FIRST_FIELD_KIND = 3;
const TYPES: readonly CellType[] = ["string", "hash", "set", "counter"];

/** Encodes `cell` for its place in `key`: `field` is `undefined` for the root. The bytes are fresh. */
export function encodeCell(cell: Cell, key: Key, field: CellAddress): Uint8Array {
  const isRoot = isRootCell(cell);
  assert(isRoot === (field === undefined), "a root cell has no field, a field cell has one");
  const mark = isRoot ? cell.cleared : cell.since;
  const markBits = markBitsOf(mark, cell.stamp);
  const contentType = isRoot ? cell.contentType : "";
  const expiryBytes = cell.expiresAtMs === 0 ? 0 : EXPIRY_BYTES;
  const markBytes = markBits === MARK_IS_WRITTEN ? STAMP_BYTES : 0;
  const contentTypeBytes = isRoot ? 1 + contentType.length : 0;

  const length = FIXED_BYTES + expiryBytes + markBytes + contentTypeBytes + cell.payload.length;
  const bytes = Buffer.allocUnsafe(length);
  bytes[HEAD_INDEX] =
    kindIndexOf(cell.kind) |
    (typeIndexOf(cell.type) << 3) |
    (expiryBytes === 0 ? 0 : HAS_EXPIRY) |
    markBits;
  writeStamp(bytes, STAMP_INDEX, cell.stamp);
  let index = FIXED_BYTES;
  if (expiryBytes !== 0) {
    assert(cell.expiresAtMs <= EXPIRES_AT_MS_MAX, "an expiry fits 48 bits");
    writeU48(bytes, index, cell.expiresAtMs);
    index += EXPIRY_BYTES;
  }
  if (markBytes !== 0) {
    writeStamp(bytes, index, mark);
    index += STAMP_BYTES;
  }
  if (isRoot) {
    assert(contentType.length <= CONTENT_TYPE_BYTES_MAX, "a content type is at most 255 bytes");
    bytes[index] = contentType.length;
    index += 1;
    for (let at = 0; at < contentType.length; at += 1)
      bytes[index + at] = contentType.charCodeAt(at);
    index += contentType.length;
  }
  bytes.set(cell.payload, index);
  writeU32(bytes, 0, checksum(bytes, key, field));
  return bytes;
}

/** Decodes what `encodeCell` wrote for this very address. The payload is a view of `bytes`, not a copy. */
export function decodeCell(bytes: Uint8Array, key: Key, field: CellAddress): Cell | "damaged" {
  return field === undefined ? decodeRoot(bytes, key) : decodeField(bytes, key, field);
}

/** Decodes the root cell of `key`; see `decodeCell`. */
export function decodeRoot(bytes: Uint8Array, key: Key): RootCell | "damaged" {
  const opened = open(bytes, key, undefined);
  if (opened === "damaged" || opened.kindIndex >= FIRST_FIELD_KIND) return "damaged";
  const contentTypeIndex = opened.restIndex;
  if (contentTypeIndex >= bytes.length) return "damaged";
  const payloadIndex = contentTypeIndex + 1 + (bytes[contentTypeIndex] as number);
  if (payloadIndex > bytes.length) return "damaged";
  return {
    kind: KINDS[opened.kindIndex] as RootKind,
    stamp: opened.stamp,
    type: opened.type,
    expiresAtMs: opened.expiresAtMs,
    cleared: opened.mark,
    contentType:
      payloadIndex === contentTypeIndex + 1
        ? ""
        : binaryFromBytes(bytes, contentTypeIndex + 1, payloadIndex),
    payload: viewFrom(bytes, payloadIndex),
  };
}

/** Decodes a field's cell; see `decodeCell`. */
export function decodeField(
  bytes: Uint8Array,
  key: Key,
  field: Exclude<CellAddress, undefined>,
): FieldCell | "damaged" {
  const opened = open(bytes, key, field);
  if (opened === "damaged" || opened.kindIndex < FIRST_FIELD_KIND) return "damaged";
  return {
    kind: KINDS[opened.kindIndex] as FieldCell["kind"],
    stamp: opened.stamp,
    type: opened.type,
    expiresAtMs: opened.expiresAtMs,
    since: opened.mark,
    payload: viewFrom(bytes, opened.restIndex),
  };
}

/** Whether `cell` is the cell of a key itself. */
export function isRootCell(cell: Cell): cell is RootCell {
  return cell.kind !== "field" && cell.kind !== "field-tombstone";
}

/** The stamp of an encoded cell, without looking at its checksum; `undefined` if the bytes are too few for one. */
export function peekStamp(bytes: Uint8Array): Stamp | undefined {
  return bytes.length < FIXED_BYTES ? undefined : readStamp(bytes, STAMP_INDEX);
}

/**
 * From when on an encoded cell may be collected, in wall-clock milliseconds: a tombstone by its stamp, what expires by
 * the later of stamp and expiry; infinite for what lives on. Looks at no checksum: damage makes it a guess.
 */
export function peekDueMs(bytes: Uint8Array): number {
  if (bytes.length < FIXED_BYTES) return Number.POSITIVE_INFINITY;
  const head = bytes[HEAD_INDEX] as number;
  const kind = KINDS[head & 0x07];
  if (kind === "tombstone" || kind === "field-tombstone") return readU48(bytes, STAMP_INDEX);
  if ((head & HAS_EXPIRY) === 0 || bytes.length < FIXED_BYTES + EXPIRY_BYTES) {
    return Number.POSITIVE_INFINITY;
  }
  return Math.max(readU48(bytes, STAMP_INDEX), readU48(bytes, FIXED_BYTES));
}

/** The checksum an encoded cell carries: equal for equal cells at equal addresses; 0 if the bytes are too few. */
export function checksumOf(bytes: Uint8Array): number {
  return bytes.length < FIXED_BYTES ? 0 : readU32(bytes, 0);
}

interface OpenedCell {
  readonly kindIndex: number;
  readonly type: CellType;
  readonly stamp: Stamp;
  readonly expiresAtMs: number;
  readonly mark: Stamp;
  readonly restIndex: number;
}

function open(bytes: Uint8Array, key: Key, field: CellAddress): OpenedCell | "damaged" {
  if (bytes.length < FIXED_BYTES || readU32(bytes, 0) !== checksum(bytes, key, field)) {
    return "damaged";
  }
  // From here on the bytes are what some node wrote, but perhaps a newer or a hostile one.
  const head = bytes[HEAD_INDEX] as number;
  const kindIndex = head & 0x07;
  const stamp = readStamp(bytes, STAMP_INDEX);
  if (kindIndex >= KINDS.length || !Number.isSafeInteger(stamp.boot)) return "damaged";

  let index = FIXED_BYTES;
  let expiresAtMs = 0;
  if ((head & HAS_EXPIRY) !== 0) {
    if (index + EXPIRY_BYTES > bytes.length) return "damaged";
    expiresAtMs = readU48(bytes, index);
    if (expiresAtMs === 0) return "damaged";
    index += EXPIRY_BYTES;
  }
  const markBits = head & MARK_BITS;
  let mark = markBits === 0 ? NO_STAMP : stamp;
  if (markBits === MARK_IS_WRITTEN) {
    if (index + STAMP_BYTES > bytes.length) return "damaged";
    mark = readStamp(bytes, index);
    // Two encodings of one cell would be two checksums, and an exchange that never ends.
    if (!Number.isSafeInteger(mark.boot) || markBitsOf(mark, stamp) !== markBits) return "damaged";
    index += STAMP_BYTES;
  } else if (markBits === MARK_BITS) {
    return "damaged";
  }
  const type = TYPES[(head >> 3) & 0x03] as CellType;
  return { kindIndex, type, stamp, expiresAtMs, mark, restIndex: index };
}

/** Most cells are values, and strings: those are told without going through the list. */
function kindIndexOf(kind: Cell["kind"]): number {
  return kind === "value" ? VALUE_INDEX : KINDS.indexOf(kind);
}

function typeIndexOf(type: CellType): number {
  return type === "string" ? 0 : TYPES.indexOf(type);
}

function markBitsOf(mark: Stamp, stamp: Stamp): number {
  if (mark.ms === 0 && compareStamps(mark, NO_STAMP) === 0) return 0;
  return compareStamps(mark, stamp) === 0 ? MARK_IS_STAMP : MARK_IS_WRITTEN;
}

function checksum(bytes: Uint8Array, key: Key, field: CellAddress): number {
  // A CRC maps different beginnings to different ends, so two addresses are told apart as well as their hashes are.
  const ofKey = hashBinary(key, field === undefined ? 0 : 1).low;
  const ofAddress = field === undefined ? ofKey : hashBinary(field, ofKey).low;
  return crc32(bytes, ofAddress, HEAD_INDEX);
}

function viewFrom(bytes: Uint8Array, index: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + index, bytes.length - index);
}

function writeStamp(bytes: Uint8Array, index: number, stamp: Stamp): void {
  writeU48(bytes, index, stamp.ms);
  bytes[index + 6] = stamp.counter >>> 8;
  bytes[index + 7] = stamp.counter;
  writeU32(bytes, index + 8, Math.floor(stamp.boot / 0x1_0000_0000));
  writeU32(bytes, index + 12, stamp.boot);
}

function readStamp(bytes: Uint8Array, index: number): Stamp {
  return {
    ms: readU48(bytes, index),
    counter: ((bytes[index + 6] as number) << 8) | (bytes[index + 7] as number),
    boot: readU32(bytes, index + 8) * 0x1_0000_0000 + readU32(bytes, index + 12),
  };
}

function writeU48(bytes: Uint8Array, index: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  bytes[index] = high >>> 8;
  bytes[index + 1] = high;
  writeU32(bytes, index + 2, value);
}

function readU48(bytes: Uint8Array, index: number): number {
  const high = ((bytes[index] as number) << 8) | (bytes[index + 1] as number);
  return high * 0x1_0000_0000 + readU32(bytes, index + 2);
}

function writeU32(bytes: Uint8Array, index: number, value: number): void {
  bytes[index] = value >>> 24;
  bytes[index + 1] = value >>> 16;
  bytes[index + 2] = value >>> 8;
  bytes[index + 3] = value;
}

function readU32(bytes: Uint8Array, index: number): number {
  return (
    (((bytes[index] as number) << 24) |
      ((bytes[index + 1] as number) << 16) |
      ((bytes[index + 2] as number) << 8) |
      (bytes[index + 3] as number)) >>>
    0
  );
}
