/**
 * Bytes as immutable text: a "binary string" holds one byte per character (U+0000..U+00FF).
 *
 * Keys, fields and storage keys are kept this way because such a string is a `Map` key, compares with
 * `<` in byte order, is never copied, and the engine stores it one byte a character. No decoding happens:
 * two different byte sequences are always two different strings. `Buffer` is used as part of the
 * language here: these are pure functions.
 */

import { Buffer } from "./buffer.ts";

/** The bytes as a binary string. `bytes` may be reused by the caller afterwards. */
export function binaryFromBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  return asBuffer(bytes).toString("latin1", start, end);
}

/** A fresh array holding the bytes of `binary`. */
export function bytesFromBinary(binary: string): Uint8Array {
  return Buffer.from(binary, "latin1");
}

/** The UTF-8 bytes of `text`, as a binary string. */
export function binaryFromText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** The text whose UTF-8 bytes `binary` holds, or `undefined` if it is not well-formed UTF-8. */
export function textFromBinary(binary: string): string | undefined {
  return textFromBytes(Buffer.from(binary, "latin1"));
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text whose UTF-8 bytes are given, or `undefined` if they are not well-formed UTF-8. */
export function textFromBytes(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Byte order: negative, zero or positive, as for `Array.prototype.sort`. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** A `Buffer` over the same memory; no copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
