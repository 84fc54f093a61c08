/**
 * Whole numbers as Redis keeps them in strings: 64 bits with a sign, in one spelling only, so that a text that is taken
 * for a number is the very text that the number is shown as.
 */
import { binaryFromBytes, bytesFromBinary } from "../../base/binary.ts";
import { decodeAll } from "../../base/byte-reader.ts";
import { ByteWriter } from "../../base/byte-writer.ts";
import { lastStampOf, STAMP_MS_MAX, type Stamp } from "../../model/stamp.ts";

export const INTEGER_MIN: bigint = -(2n ** 63n);
export const INTEGER_MAX: bigint = 2n ** 63n - 1n;
/** `-9223372036854775808`. */
const DIGITS_MAX = 20;
/** So many digits fit a double without loss. */
const SAFE_DIGITS = 15;

/** The integer spelled by these bytes: no plus, no spaces, no leading zeros, no `-0`; else `undefined`. */
export function parseInteger(bytes: Uint8Array): bigint | undefined {
  const { length } = bytes;
  const isNegative = bytes[0] === 0x2d;
  const start = isNegative ? 1 : 0;
  if (length === start || length > DIGITS_MAX) return undefined;
  if (bytes[start] === 0x30) return length === 1 ? 0n : undefined;
  let text = isNegative ? "-" : "";
  for (let at = start; at < length; at += 1) {
    const digit = bytes[at] as number;
    if (digit < 0x30 || digit > 0x39) return undefined;
    text += String.fromCharCode(digit);
  }
  if (length - start <= SAFE_DIGITS) return BigInt(Number(text));
  const value = BigInt(text);
  return isInteger64(value) ? value : undefined;
}

export function isInteger64(value: bigint): boolean {
  return value >= INTEGER_MIN && value <= INTEGER_MAX;
}

export function bytesOfInteger(value: bigint): Uint8Array {
  return bytesFromBinary(value.toString());
}

/**
 * What one node has counted, as its cell keeps it. Not held to 64 bits: what others take off is in cells of theirs. Of
 * anything that is no such number, nothing.
 */
export function parseSum(bytes: Uint8Array): bigint {
  const text = binaryFromBytes(bytes);
  return SUM.test(text) ? BigInt(text) : 0n;
}

/** 2^64 additions of 2^63 each. */
const SUM = /^-?\d{1,39}$/;

/**
 * A counter's root keeps the number that it was begun over, and the stamp that the cells which count for it carry: its
 * epoch. Layout: milliseconds 48 bit, counter 16 bit, boot 64 bit, then the number as text.
 */
export function counterRoot(epoch: Stamp, number: bigint): Uint8Array {
  const writer = new ByteWriter();
  writer.u48(epoch.ms);
  writer.u16(epoch.counter);
  writer.u53(epoch.boot);
  writer.bytes(bytesOfInteger(number));
  return writer.finish();
}

/** What `counterRoot` wrote; of anything else, a counter that nothing counts for. */
export function parseCounterRoot(payload: Uint8Array): {
  readonly epoch: Stamp;
  readonly number: bigint;
} {
  const decoded = decodeAll(payload, (reader) => {
    const epoch = { ms: reader.u48(), counter: reader.u16(), boot: reader.u53() };
    const number = parseInteger(reader.bytes(reader.remaining));
    return number === undefined ? reader.reject("not a number") : { epoch, number };
  });
  if (decoded.kind === "decoded") return decoded.value;
  return { epoch: lastStampOf(STAMP_MS_MAX), number: 0n };
}
