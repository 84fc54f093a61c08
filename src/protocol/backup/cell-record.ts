/**
 * Cells as they stand in the files of a backup, and in a page of one on its way there.
 *
 *   record      length of the rest u32, key (length u16, bytes), field (length u16, bytes; 0xffff alone is the root), cell
 *
 * Invariant: a record is read only if its cell is whole for the very place it names: the cell's checksum is over its content
 * and that place. Integers are big-endian. No cell is taken that its readers could not hold.
 */
import { type ByteReader, decodeAll } from "../../base/byte-reader.ts";
import { ByteWriter } from "../../base/byte-writer.ts";
import type { CellAddress } from "../../model/cell.ts";
import { type Key, parseField, parseKey } from "../../model/key.ts";
import {
  CONTENT_TYPE_BYTES_MAX,
  FIELD_BYTES_MAX,
  KEY_BYTES_MAX,
  VALUE_BYTES_MAX,
} from "../../model/limits.ts";
import type { KeyedCell } from "../../model/peer-message.ts";

const LENGTH_BYTES = 4;
/** In the place of a length: there is no field, the cell is a root. */
export const ROOT_MARK = 0xffff;
/** Lengths of key and field, and what a cell has beside its payload: checksum, head, stamps, expiry, content type. */
const OVERHEAD_BYTES = 2 + 2 + 64 + CONTENT_TYPE_BYTES_MAX;
/** A key of one byte, and a cell of nothing. */
const RECORD_BYTES_MIN = 5;
/** Longest record, its own length left out. */
export const RECORD_BYTES_MAX: number =
  OVERHEAD_BYTES + KEY_BYTES_MAX + FIELD_BYTES_MAX + VALUE_BYTES_MAX;

/** The records of these cells, one after another. */
export function encodeRecords(cells: readonly KeyedCell[]): Uint8Array {
  let bytes = 0;
  for (const { key, field, bytes: cell } of cells) {
    bytes += LENGTH_BYTES + 4 + key.length + (field?.length ?? 0) + cell.length;
  }
  const writer = new ByteWriter(bytes);
  for (const { key, field, bytes: cell } of cells) {
    writer.u32(4 + key.length + (field?.length ?? 0) + cell.length);
    writer.binary16(key);
    if (field === undefined) writer.u16(ROOT_MARK);
    else writer.binary16(field);
    writer.bytes(cell);
  }
  return writer.finish();
}

/** Takes bytes as they come and gives the cells in them, whole ones only. Whether a cell is damaged is for others to see. */
export class RecordReader {
  #rest: Uint8Array = new Uint8Array(0);
  /** Chunks that a long record is still made of, so that none is copied again with each that follows. */
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #wantedBytes = 0;

  /** Cells that end in this chunk, or what makes the bytes no records. Their bytes may be views of the chunk. */
  feed(chunk: Uint8Array): readonly KeyedCell[] | string {
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
    if (this.#rest.length + this.#chunkBytes < this.#wantedBytes) return NO_CELLS;
    const bytes =
      this.#rest.length === 0 && this.#chunks.length === 1
        ? chunk
        : Buffer.concat([this.#rest, ...this.#chunks]);
    this.#chunks = [];
    this.#chunkBytes = 0;
    const cells: KeyedCell[] = [];
    let index = 0;
    this.#wantedBytes = LENGTH_BYTES;
    while (bytes.length - index >= LENGTH_BYTES) {
      const length = lengthAt(bytes, index);
      if (length < RECORD_BYTES_MIN || length > RECORD_BYTES_MAX) {
        return `a record of ${length} bytes, ${RECORD_BYTES_MIN} to ${RECORD_BYTES_MAX} allowed`;
      }
      if (bytes.length - index - LENGTH_BYTES < length) {
        this.#wantedBytes = LENGTH_BYTES + length;
        break;
      }
      const start = index + LENGTH_BYTES;
      const cell = decodeRecord(bytes.subarray(start, start + length));
      if (typeof cell === "string") return cell;
      cells.push(cell);
      index = start + length;
    }
    this.#rest = bytes.subarray(index);
    return cells;
  }

  /** Whether the bytes so far end with a whole record. */
  get isAtEnd(): boolean {
    return this.#rest.length + this.#chunkBytes === 0;
  }
}

const NO_CELLS: readonly KeyedCell[] = [];

function lengthAt(bytes: Uint8Array, index: number): number {
  const high = (bytes[index] as number) * 0x100 + (bytes[index + 1] as number);
  return high * 0x1_0000 + (bytes[index + 2] as number) * 0x100 + (bytes[index + 3] as number);
}

function decodeRecord(bytes: Uint8Array): KeyedCell | string {
  const decoded = decodeAll(bytes, (reader) => {
    const key = keyOf(reader);
    const field = fieldOf(reader);
    return { key, field, bytes: reader.bytes(reader.remaining) };
  });
  return decoded.kind === "decoded" ? decoded.value : decoded.reason;
}

function keyOf(reader: ByteReader): Key {
  return parseKey(reader.binary16()) ?? reader.reject("a key of no length, or too long");
}

function fieldOf(reader: ByteReader): CellAddress {
  const length = reader.u16();
  if (length === ROOT_MARK) return undefined;
  return parseField(reader.binary(length)) ?? reader.reject("a field that is too long");
}
