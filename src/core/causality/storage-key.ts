/**
 * Where things stand in storage: the key layout of format version 1.
 *
 * Invariant: a storage key names one cell of one key, and parses back to it; keys of a slot are adjacent, in order
 * of (key length, key), cells of a key are adjacent, its root first. All are binary strings.
 *
 * | storage key                                                        | holds                        |
 * |--------------------------------------------------------------------|------------------------------|
 * | `d` slot:u16 keyLength:u16 key 0x00                                | the root cell of a key       |
 * | `d` slot:u16 keyLength:u16 key 0x01 field                          | the cell of a field          |
 * | `g` slot:u16                                                       | the slot's hash-tree leaves  |
 * | `s` slot:u16                                                       | the slot's state             |
 * | `h` node id                                                        | that node's dirty map        |
 * | `m` name                                                           | facts of the node itself     |
 *
 * Numbers are unsigned, most significant byte first, so that byte order is their order. The tag after the key keeps
 * the root apart from the field with the empty name, and before it.
 */
import type { CellAddress } from "../../model/cell.ts";
import { type NodeId, parseNodeId } from "../../model/ids.ts";
import { type Key, parseField, parseKey } from "../../model/key.ts";
import { parseSlot, type Slot } from "../../model/slot.ts";
import type { StorageKey } from "../../ports/storage.ts";

/** Where one cell stands. */
export interface CellPlace {
  readonly slot: Slot;
  readonly key: Key;
  readonly field: CellAddress;
}

/** A half-open range of storage keys: `from` is in it, `before` is not. */
export interface StorageRange {
  readonly from: StorageKey;
  readonly before: StorageKey;
}

const ROOT_TAG = "\x00";
const FIELD_TAG = "\x01";
const AFTER_TAGS = "\x02";
/** `d`, slot, key length. */
const KEY_INDEX = 5;
const CELL_TAG = 0x64;

/** The storage key of one cell; `field` is `undefined` for the root. */
export function cellKey(slot: Slot, key: Key, field: CellAddress): StorageKey {
  const start = keyStart(slot, key);
  return field === undefined ? start + ROOT_TAG : start + FIELD_TAG + field;
}

/** The place that `cellKey` wrote, or `undefined` for anything else. */
export function parseCellKey(storageKey: StorageKey): CellPlace | undefined {
  if (storageKey.length <= KEY_INDEX || storageKey[0] !== "d") return undefined;
  const slot = parseSlot(readU16(storageKey, 1));
  const tagIndex = KEY_INDEX + readU16(storageKey, 3);
  const key = parseKey(storageKey.slice(KEY_INDEX, tagIndex));
  if (slot === undefined || key === undefined) return undefined;

  const tag = storageKey[tagIndex];
  if (tag === ROOT_TAG) {
    return storageKey.length === tagIndex + 1 ? { slot, key, field: undefined } : undefined;
  }
  const field = parseField(storageKey.slice(tagIndex + 1));
  return tag === FIELD_TAG && field !== undefined ? { slot, key, field } : undefined;
}

/** All cells of a slot. */
export function slotRange(slot: Slot): StorageRange {
  return { from: `d${u16(slot)}`, before: `d${u16(slot + 1)}` };
}

/** All cells of a key, the root first. */
export function keyRange(slot: Slot, key: Key): StorageRange {
  const start = keyStart(slot, key);
  return { from: start + ROOT_TAG, before: start + AFTER_TAGS };
}

/** Every cell of the node. */
export function allCellsRange(): StorageRange {
  return { from: "d", before: "e" };
}

/** The least storage key above `storageKey`: where a scan goes on after it. */
export function nextStorageKey(storageKey: StorageKey): StorageKey {
  return `${storageKey}\x00`;
}

/** Where the hash-tree leaves of a slot are kept. */
export function leavesKey(slot: Slot): StorageKey {
  return `g${u16(slot)}`;
}

/** The slot whose leaves these are, or `undefined` for any other storage key. */
export function parseLeavesKey(storageKey: StorageKey): Slot | undefined {
  if (storageKey.length !== 3 || storageKey[0] !== "g") return undefined;
  return parseSlot(readU16(storageKey, 1));
}

/** The leaves of all slots. */
export function leavesRange(): StorageRange {
  return { from: "g", before: "h" };
}

/** Where the state of a slot is kept: floors, transfer progress. */
export function slotStateKey(slot: Slot): StorageKey {
  return `s${u16(slot)}`;
}

/** The slot whose state this is, or `undefined` for any other storage key. */
export function parseSlotStateKey(storageKey: StorageKey): Slot | undefined {
  if (storageKey.length !== 3 || storageKey[0] !== "s") return undefined;
  return parseSlot(readU16(storageKey, 1));
}

/** The state of all slots. */
export function slotStatesRange(): StorageRange {
  return { from: "s", before: "t" };
}

/** Where the dirty map of a node is kept: the slots in which it may lack something. */
export function dirtyMapKey(target: NodeId): StorageKey {
  return `h${target}`;
}

/** The node whose dirty map this is, or `undefined` for any other storage key. */
export function parseDirtyMapKey(storageKey: StorageKey): NodeId | undefined {
  return storageKey[0] === "h" ? parseNodeId(storageKey.slice(1)) : undefined;
}

/** All dirty maps. */
export function dirtyMapsRange(): StorageRange {
  return { from: "h", before: "i" };
}

/** Where a fact of the node itself is kept; `name` is ASCII. */
export function metaKey(name: string): StorageKey {
  return `m${name}`;
}

function keyStart(slot: Slot, key: Key): string {
  const head = String.fromCharCode(
    CELL_TAG,
    slot >>> 8,
    slot & 0xff,
    key.length >>> 8,
    key.length & 0xff,
  );
  return head + key;
}

function u16(value: number): string {
  return String.fromCharCode(value >>> 8, value & 0xff);
}

function readU16(binary: string, index: number): number {
  return (binary.charCodeAt(index) << 8) | binary.charCodeAt(index + 1);
}
