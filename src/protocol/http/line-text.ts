/**
 * Bytes on a line of an export, a listing or a bulk request: as text where they are UTF-8, else in base64url.
 *
 * Invariant: what is shown is at most twice as long as the bytes, but for a part that any line has room for (`lineBytesMax`).
 * Escapes make six characters of one control character, so that bytes of little else are in base64url as well.
 */
import { textFromBytes } from "../../base/binary.ts";

/** However they are spelled, a line has room for a mebibyte of such. */
const SHORT_BYTES = 64 * 1024;

/** The text of bytes that are shown as one; `undefined`: they are shown in base64url. */
export function lineText(bytes: Uint8Array): string | undefined {
  const text = textFromBytes(bytes);
  if (text === undefined || bytes.length <= SHORT_BYTES) return text;
  return Buffer.byteLength(JSON.stringify(text)) <= 2 * bytes.length ? text : undefined;
}
