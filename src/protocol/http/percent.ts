/**
 * Percent-encoding and base64 as byte codecs: text of a request to bytes (binary strings) and back.
 *
 * Invariant: decoding happens exactly once and never looks at characters, so that every byte sequence has a
 * spelling and no two share one by accident. Source: RFC 3986 section 2.1, RFC 4648 sections 4 and 5.
 */
import { binaryFromBytes, bytesFromBinary } from "../../base/binary.ts";

const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;

/** What `decodePercent` takes a `+` for: a path and base64 mean it, a form field means a space. */
export type PlusMeaning = "plus" | "space";

/** The bytes of `text` as a binary string, or `undefined` for a broken escape or a character above U+00FF. */
export function decodePercent(text: string, plus: PlusMeaning = "plus"): string | undefined {
  if (isPlain(text, plus)) return text;

  const bytes = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let index = 0; index < text.length; index += 1) {
    let code = text.charCodeAt(index);
    if (code > 0xff) return undefined;
    if (code === PERCENT) {
      // Past the end `charCodeAt` is NaN, which is no digit either.
      const high = hexDigit(text.charCodeAt(index + 1));
      const low = hexDigit(text.charCodeAt(index + 2));
      if (high < 0 || low < 0) return undefined;
      code = high * 16 + low;
      index += 2;
    } else if (code === PLUS && plus === "space") {
      code = SPACE;
    }
    bytes[length] = code;
    length += 1;
  }
  return binaryFromBytes(bytes, 0, length);
}

/** Nothing to decode: the common case, and it must not copy. */
function isPlain(text: string, plus: PlusMeaning): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === PERCENT || code > 0xff || (code === PLUS && plus === "space")) return false;
  }
  return true;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/**
 * Spells bytes as one segment of a path: all but unreserved characters are escaped. URL parsers leave it alone, except that
 * they take `.` and `..` for directories in any spelling: `formatKvTarget` goes round that.
 */
export function encodePercent(binary: string): string {
  let text = "";
  for (let index = 0; index < binary.length; index += 1) {
    const character = binary[index] as string;
    text += /[A-Za-z0-9_.~-]/.test(character)
      ? character
      : `%${binary.charCodeAt(index).toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

/** The bytes of base64 or base64url text, padded or not, or `undefined` if it is neither. */
export function decodeBase64(text: string): string | undefined {
  const match = /^([A-Za-z0-9+/_-]*)(={0,2})$/.exec(text);
  if (match === null) return undefined;
  const digitCount = (match[1] as string).length;
  const padding = (match[2] as string).length;
  if (digitCount % 4 === 1 || (padding > 0 && (digitCount + padding) % 4 !== 0)) return undefined;
  return binaryFromBytes(Buffer.from(text, "base64"));
}

/** Bytes as base64url without padding: the form that every answer uses. */
export function encodeBase64(binary: string): string {
  return Buffer.from(bytesFromBinary(binary)).toString("base64url");
}
