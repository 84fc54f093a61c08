/**
 * Keys and fields: bytes from end to end, held as binary strings (`base/binary.ts`).
 * No two byte sequences collide, whatever text they do or do not spell.
 */
import { assert } from "../base/assert.ts";
import { binaryFromText } from "../base/binary.ts";
import type { Brand } from "./brand.ts";
import { FIELD_BYTES_MAX, KEY_BYTES_MAX } from "./limits.ts";

/** 1..32 768 bytes, one a character. */
export type Key = Brand<string, "Key">;
/** A hash field, set member or counter id: 0..32 768 bytes. */
export type Field = Brand<string, "Field">;

/** What the store's own keys begin with: no client may name one. */
export const RESERVED_PREFIX = "\0\0dnd:";

/**
 * Trust boundary of disks and peers: the key, or `undefined` for what cannot be one. Never a word in its stead: the key
 * spelled by that word would be taken for the fault. What clients name is for `keyFault` to judge.
 */
export function parseKey(binary: string): Key | undefined {
  return binary.length >= 1 && binary.length <= KEY_BYTES_MAX ? (binary as Key) : undefined;
}

/** Trust boundary: the field, or `undefined` if it is too long for one. */
export function parseField(binary: string): Field | undefined {
  return binary.length > FIELD_BYTES_MAX ? undefined : (binary as Field);
}

/** Inside the boundary: the key spelled by `text` in UTF-8. */
export function keyFromText(text: string): Key {
  return keyFromBinary(binaryFromText(text));
}

/** Trust boundary: what is wrong with `binary` as a client's key; `undefined` if it is one. */
export function keyFault(
  binary: string,
  bytesMax: number = KEY_BYTES_MAX,
): "empty" | "too-long" | "reserved" | undefined {
  if (binary.length === 0) return "empty";
  if (binary.length > bytesMax) return "too-long";
  return binary.startsWith(RESERVED_PREFIX) ? "reserved" : undefined;
}

/** Inside the boundary: the key of these bytes, which `keyFault` found nothing wrong with. */
export function keyFromBinary(binary: string): Key {
  assert(binary.length >= 1 && binary.length <= KEY_BYTES_MAX, "a key is 1..32768 bytes");
  return binary as Key;
}
