/**
 * The bytes of a journal: its header, and one record for each batch. Numbers are 32-bit words in the machine's own order: a
 * journal is read by the machine that wrote it, and `MAGIC` tells another.
 *
 * ```
 * header, twice    crc, MAGIC, version, capacity, tail (low, high), salt, 0
 * record           crc, bytes of the record, position (low, high), gap, 0, operations
 * operation        bytes of the key, bytes of the value or REMOVED, hash of the key, key, value, 0 to 3 bytes
 * ```
 * A position counts bytes since the journal began and never comes again, so what is left of an earlier round is never taken for a
 * record of this one. `gap` is how far behind the end of the record before it a record stands, so a record that is damaged is
 * not passed over. A checksum is of everything after it, that of a record begun with the salt, which nobody outside knows: a value
 * may hold any bytes, those of a record too.
 *
 * The hash of a key is for who finds it in memory; no start reads it. It is there from the beginning because what is written again
 * beside a later record must be what was written the first time.
 */
import { assert } from "../../base/assert.ts";
import { asBuffer } from "../../base/binary.ts";
import { crc32 } from "../../base/checksum.ts";
import { hashOfKey } from "../../base/key-places.ts";
import type { StorageKey, StorageOperation } from "../../ports/storage.ts";

const MAGIC = 0x6a_64_6e_64;
const VERSION = 1;

/** Two of them begin a file, written in turn: the one that a loss of power tears leaves the other. */
export const HEADER_BYTES = 4_096;
export const HEADERS_BYTES: number = 2 * HEADER_BYTES;
const HEADER_USED_BYTES = 32;

export const RECORD_HEADER_BYTES = 24;
export const OPERATION_HEADER_BYTES = 12;
/** In place of a value's length. */
const REMOVED = 0xffff_ffff;
const WORD = 2 ** 32;

/** What is being written to and read from: the ring, as bytes and as words. */
export interface Ring {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  /** Where a header is put together: in the same memory, behind the ring. `HEADER_BYTES`. */
  readonly header: Buffer;
  /** Of the checksums, and of the hashes. */
  readonly salt: number;
}

/** Of the memory that a ring of so many bytes is in. */
export function ringMemoryBytes(capacity: number): number {
  return capacity + HEADER_BYTES;
}

/**
 * A ring over memory that is its own.
 *
 * @param capacity A multiple of eight bytes. @param salt Below 2^32.
 * @param memory `ringMemoryBytes`, or more; anywhere, if it is not given.
 */
export function newRing(
  capacity: number,
  salt: number,
  // Shared, though with nobody: other buffers count towards how much garbage the engine leaves before it collects all of it.
  memory: SharedArrayBuffer = new SharedArrayBuffer(ringMemoryBytes(capacity)),
): Ring {
  assert(capacity % 8 === 0 && capacity >= 1_024, "a ring is a multiple of eight bytes");
  const bytes = Buffer.from(memory, 0, capacity);
  const words = new Uint32Array(memory, 0, capacity / 4);
  return { bytes, words, header: Buffer.from(memory, capacity, HEADER_BYTES), salt };
}

export interface JournalHeader {
  /** Bytes of the ring. */
  readonly capacity: number;
  /** Everything in front of this position stands elsewhere, durable. */
  readonly tail: number;
  readonly salt: number;
}

export interface FoundHeader extends JournalHeader {
  /** The other header is not one: it may have been the later one. */
  readonly isOnlyOne: boolean;
}

export function encodeHeader({ capacity, tail, salt }: JournalHeader): Buffer {
  const words = new Uint32Array(HEADER_USED_BYTES / 4);
  words.set([0, MAGIC, VERSION, capacity, tail % WORD, Math.floor(tail / WORD), salt, 0]);
  const bytes = asBuffer(new Uint8Array(words.buffer));
  words[0] = crc32(bytes, 0, 4);
  return bytes;
}

/** The later one of the two headers; `undefined` where neither is one. @param bytes The first `HEADERS_BYTES` of a file. */
export function readHeaders(bytes: Uint8Array): FoundHeader | undefined {
  const first = readHeader(bytes, 0);
  const second = readHeader(bytes, HEADER_BYTES);
  if (first === undefined || second === undefined) {
    const found = first ?? second;
    return found === undefined ? undefined : { ...found, isOnlyOne: true };
  }
  return { ...(second.tail > first.tail ? second : first), isOnlyOne: false };
}

function readHeader(file: Uint8Array, at: number): JournalHeader | undefined {
  const bytes = file.slice(at, at + HEADER_USED_BYTES);
  if (bytes.length < HEADER_USED_BYTES) return undefined;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, HEADER_USED_BYTES / 4);
  const [crc, magic, version, capacity = 0, low = 0, high = 0, salt = 0] = words;
  if (magic !== MAGIC || version !== VERSION || crc !== crc32(bytes, 0, 4)) return undefined;
  return { capacity, tail: high * WORD + low, salt };
}

/** Bytes of the record of a batch: a multiple of eight. */
export function recordBytes(operations: readonly StorageOperation[]): number {
  let bytes = RECORD_HEADER_BYTES;
  for (const { key, value } of operations) bytes += operationBytes(key.length, value?.length ?? 0);
  return roundUp(bytes, 8);
}

/**
 * Writes the record of a batch at `offset` of the ring, where there are `bytes`, as `recordBytes` says. Where it does not follow the
 * one before it nothing is found between: bytes of an earlier round stand there, and of a client's choice.
 */
export function encodeRecord(
  { bytes, words, salt }: Ring,
  offset: number,
  record: { readonly position: number; readonly gap: number; readonly bytes: number },
  operations: readonly StorageOperation[],
): void {
  if (record.gap > 0) {
    const from = (record.position - record.gap) % bytes.length;
    bytes.fill(0, from, Math.min(from + RECORD_HEADER_BYTES, bytes.length));
  }
  const at = offset / 4;
  words[at + 1] = record.bytes;
  words[at + 2] = record.position % WORD;
  words[at + 3] = Math.floor(record.position / WORD);
  words[at + 4] = record.gap;
  words[at + 5] = 0;
  let next = offset + RECORD_HEADER_BYTES;
  for (const { key, value } of operations) {
    words[next / 4] = key.length;
    words[next / 4 + 1] = value === undefined ? REMOVED : value.length;
    words[next / 4 + 2] = hashOfKey(key, salt);
    const start = next + OPERATION_HEADER_BYTES;
    bytes.write(key, start, "latin1");
    if (value !== undefined) bytes.set(value, start + key.length);
    next += operationBytes(key.length, value?.length ?? 0);
  }
  // What is left of an earlier round between the last operation and the end would be read as one.
  bytes.fill(0, next, offset + record.bytes);
  words[at] = crc32(bytes, salt, offset + 4, offset + record.bytes);
}

/** Bytes of the record that stands at `position`, as far as its header tells; 0 where none does. */
export function recordAt({ words, bytes }: Ring, position: number): number {
  const offset = position % bytes.length;
  if (offset + RECORD_HEADER_BYTES > bytes.length) return 0;
  const at = offset / 4;
  const size = words[at + 1] as number;
  const isThere =
    words[at + 2] === position % WORD && words[at + 3] === Math.floor(position / WORD);
  const isWithin = size >= RECORD_HEADER_BYTES && size % 8 === 0 && offset + size <= bytes.length;
  return isThere && isWithin ? size : 0;
}

/** Trust boundary: bytes of the record at `position` if it is whole and the one that follows `gap` bytes on; else 0. */
export function soundRecordAt(ring: Ring, position: number, gap: number): number {
  const size = recordAt(ring, position);
  if (size === 0) return 0;
  const offset = position % ring.bytes.length;
  if (ring.words[offset / 4 + 4] !== gap) return 0;
  const crc = crc32(ring.bytes, ring.salt, offset + 4, offset + size);
  return crc === ring.words[offset / 4] ? size : 0;
}

/** Where the first operation of the record at an offset of the ring is. */
export function firstOperation(recordOffset: number): number {
  return recordOffset + RECORD_HEADER_BYTES;
}

/** Whether another operation is at `offset` of a record that ends at `end`. A record's filling is shorter than an operation. */
export function isOperation(offset: number, end: number): boolean {
  return offset + OPERATION_HEADER_BYTES <= end;
}

/** Where the operation after the one at `offset` is. */
export function nextOperation({ words }: Ring, offset: number): number {
  const valueBytes = words[offset / 4 + 1] as number;
  const keyBytes = words[offset / 4] as number;
  return offset + operationBytes(keyBytes, valueBytes === REMOVED ? 0 : valueBytes);
}

export function keyAt({ bytes, words }: Ring, offset: number): StorageKey {
  const start = offset + OPERATION_HEADER_BYTES;
  return bytes.toString("latin1", start, start + (words[offset / 4] as number));
}

/** The value of an operation, in the ring's own memory; `undefined` where it removes the key. */
export function valueAt({ bytes, words }: Ring, offset: number): Buffer | undefined {
  const valueBytes = words[offset / 4 + 1] as number;
  if (valueBytes === REMOVED) return undefined;
  const start = offset + OPERATION_HEADER_BYTES + (words[offset / 4] as number);
  return bytes.subarray(start, start + valueBytes);
}

/** The hash of an operation's key, with the ring's salt. */
export function hashAt({ words }: Ring, offset: number): number {
  return words[offset / 4 + 2] as number;
}

export function isKeyAt({ bytes, words }: Ring, offset: number, key: StorageKey): boolean {
  if (words[offset / 4] !== key.length) return false;
  const start = offset + OPERATION_HEADER_BYTES;
  for (let index = 0; index < key.length; index += 1) {
    if (bytes[start + index] !== key.charCodeAt(index)) return false;
  }
  return true;
}

/** Byte order of the key of an operation and another key: negative, zero or positive. */
export function compareKeyAt({ bytes, words }: Ring, offset: number, key: StorageKey): number {
  const length = words[offset / 4] as number;
  const start = offset + OPERATION_HEADER_BYTES;
  const shared = Math.min(length, key.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = (bytes[start + index] as number) - key.charCodeAt(index);
    if (difference !== 0) return difference;
  }
  return length - key.length;
}

/** The first four bytes of a key as a number, zeros where it has fewer: in the order of keys, equal for some. */
export function keyPrefixAt({ bytes, words }: Ring, offset: number): number {
  const length = words[offset / 4] as number;
  const start = offset + OPERATION_HEADER_BYTES;
  let prefix = 0;
  for (let index = 0; index < 4; index += 1) {
    prefix = prefix * 256 + (index < length ? (bytes[start + index] as number) : 0);
  }
  return prefix;
}

/** Byte order of the keys of two operations. */
export function compareKeysAt({ bytes, words }: Ring, first: number, second: number): number {
  const firstLength = words[first / 4] as number;
  const secondLength = words[second / 4] as number;
  const shared = Math.min(firstLength, secondLength);
  for (let index = OPERATION_HEADER_BYTES; index < OPERATION_HEADER_BYTES + shared; index += 1) {
    const difference = (bytes[first + index] as number) - (bytes[second + index] as number);
    if (difference !== 0) return difference;
  }
  return firstLength - secondLength;
}

function operationBytes(keyBytes: number, valueBytes: number): number {
  return roundUp(OPERATION_HEADER_BYTES + keyBytes + valueBytes, 4);
}

function roundUp(bytes: number, unit: 4 | 8): number {
  // Not by bits: batches may be larger than 2^31 bytes, and are then refused by whoever asks for their size.
  return Math.ceil(bytes / unit) * unit;
}
