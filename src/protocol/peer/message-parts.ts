/**
 * The parts that messages between nodes are made of: stamps, ids, cells, settings, outcomes.
 *
 * All integers are big-endian. `read…` functions are fed by whoever connects: they check every length, count, number and
 * name, and give up through the reader. `write…` functions assert what only our own mistake could break.
 *
 *   stamp       ms u48, counter u16, boot u53
 *   node id     u64                               cluster id: u64
 *   key         length u16 (1..32768), bytes
 *   field       length u16 (0..32768), bytes; 0xffff alone is the root
 *   cell        field, length u32, bytes
 *   text        length u16, UTF-8
 *   position    length u32, bytes
 *   optional    u8: 0 absent, 1 and then the part
 * Byte tables of the messages: docs/protocol/peer.md.
 */
import { assert } from "../../base/assert.ts";
import { binaryFromText, textFromBinary } from "../../base/binary.ts";
import type { ByteReader } from "../../base/byte-reader.ts";
import type { ByteWriter } from "../../base/byte-writer.ts";
import type { CellAddress, EncodedCell } from "../../model/cell.ts";
import {
  type Address,
  type BootId,
  bootIdFrom,
  type ClusterId,
  clusterIdFrom,
  type NodeId,
  nodeIdFrom,
  parseAddress,
} from "../../model/ids.ts";
import { type Key, parseField, parseKey } from "../../model/key.ts";
import { FIELD_BYTES_MAX, MEMBERS_MAX } from "../../model/limits.ts";
import { parseSlot, type Slot } from "../../model/slot.ts";
import { NO_STAMP, type Stamp } from "../../model/stamp.ts";

/** Length of a field that stands for the root. */
export const ROOT_MARK = 0xffff;
/** Bytes of a stamp. */
export const STAMP_BYTES = 16;
/** Fewest bytes of a cell: the root mark and the length of nothing. */
export const CELL_BYTES_MIN = 6;

/** Names that travel as one byte. Codes are never re-used. */
export class Choice<Name extends string> {
  readonly #what: string;
  readonly #codes: ReadonlyMap<Name, number>;
  readonly #names: readonly (Name | undefined)[];

  constructor(what: string, codes: Readonly<Record<Name, number>>) {
    this.#what = what;
    const names: (Name | undefined)[] = [];
    for (const [name, code] of Object.entries(codes) as [Name, number][]) {
      assert(names[code] === undefined, "a code stands for one name");
      names[code] = name;
    }
    this.#names = names;
    this.#codes = new Map(Object.entries(codes) as [Name, number][]);
  }

  write(writer: ByteWriter, name: Name): void {
    const code = this.#codes.get(name);
    assert(code !== undefined, `${this.#what} has a code`);
    writer.u8(code);
  }

  read(reader: ByteReader): Name {
    const name = this.#names[reader.u8()];
    return name === undefined ? reader.reject(`unknown ${this.#what}`) : name;
  }
}

export function writeStamp(writer: ByteWriter, stamp: Stamp): void {
  writer.u48(stamp.ms);
  writer.u16(stamp.counter);
  writer.u53(stamp.boot);
}

export function readStamp(reader: ByteReader): Stamp {
  const ms = reader.u48();
  const counter = reader.u16();
  const boot = reader.u53();
  return ms === 0 && counter === 0 && boot === 0 ? NO_STAMP : { ms, counter, boot };
}

export function writeFlag(writer: ByteWriter, isSet: boolean): void {
  writer.u8(isSet ? 1 : 0);
}

export function readFlag(reader: ByteReader): boolean {
  const flag = reader.u8();
  if (flag > 1) reader.reject("a flag is 0 or 1");
  return flag === 1;
}

export function writeText(writer: ByteWriter, text: string): void {
  writer.binary16(binaryFromText(text));
}

export function readText(reader: ByteReader): string {
  return textFromBinary(reader.binary16()) ?? reader.reject("text is not UTF-8");
}

/** Ids are 16 hex digits: two halves of 32 bits. */
export function writeId(writer: ByteWriter, id: NodeId | ClusterId): void {
  writer.u32(Number.parseInt(id.slice(0, 8), 16));
  writer.u32(Number.parseInt(id.slice(8), 16));
}

export function readNodeId(reader: ByteReader): NodeId {
  const high = reader.u32();
  return nodeIdFrom(high, reader.u32());
}

export function readClusterId(reader: ByteReader): ClusterId {
  const high = reader.u32();
  return clusterIdFrom(high, reader.u32());
}

export function writeOptionalClusterId(writer: ByteWriter, id: ClusterId | undefined): void {
  writeFlag(writer, id !== undefined);
  if (id !== undefined) writeId(writer, id);
}

export function readOptionalClusterId(reader: ByteReader): ClusterId | undefined {
  return readFlag(reader) ? readClusterId(reader) : undefined;
}

export function readBootId(reader: ByteReader): BootId {
  const boot = reader.u53();
  return boot === 0 ? reader.reject("a boot id is not zero") : bootIdFrom(boot);
}

export function writeNodeIds(writer: ByteWriter, ids: readonly NodeId[]): void {
  assert(ids.length <= MEMBERS_MAX, "no more nodes than members");
  writer.u16(ids.length);
  for (const id of ids) writeId(writer, id);
}

export function readNodeIds(reader: ByteReader): readonly NodeId[] {
  const count = reader.count16(8);
  if (count === 0) return NO_IDS;
  if (count > MEMBERS_MAX) reader.reject(`${count} nodes, max ${MEMBERS_MAX}`);
  const ids: NodeId[] = [];
  for (let index = 0; index < count; index += 1) ids.push(readNodeId(reader));
  return ids;
}

const NO_IDS: readonly NodeId[] = [];

export function readAddress(reader: ByteReader): Address {
  return parseAddress(reader.binary16()) ?? reader.reject("not an address");
}

export function readSlot(reader: ByteReader): Slot {
  return parseSlot(reader.u16()) ?? reader.reject("slot out of range");
}

export function readKey(reader: ByteReader): Key {
  return parseKey(reader.binary16()) ?? reader.reject("key length out of range");
}

export function writeField(writer: ByteWriter, field: CellAddress): void {
  if (field === undefined) {
    writer.u16(ROOT_MARK);
    return;
  }
  assert(field.length <= FIELD_BYTES_MAX, "a field is at most 32768 bytes");
  writer.binary16(field);
}

export function readField(reader: ByteReader): CellAddress {
  const length = reader.u16();
  if (length === ROOT_MARK) return undefined;
  return parseField(reader.binary(length)) ?? reader.reject("field too long");
}

/** Cell bytes are views of the frame. */
export function readCells(reader: ByteReader): readonly EncodedCell[] {
  const count = reader.count32(CELL_BYTES_MIN);
  const cells: EncodedCell[] = [];
  for (let index = 0; index < count; index += 1) {
    const field = readField(reader);
    cells.push({ field, bytes: reader.bytes32() });
  }
  return cells;
}

/** Bytes of a count of cells and the cells: buffers of exact size never grow. */
export function sizeOfCells(cells: readonly EncodedCell[]): number {
  let bytes = 4;
  for (const cell of cells) bytes += CELL_BYTES_MIN + (cell.field?.length ?? 0) + cell.bytes.length;
  return bytes;
}
