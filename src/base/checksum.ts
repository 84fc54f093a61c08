/**
 * CRC-32 (ISO-HDLC, as in zlib and RFC 1952), by the runtime's own implementation: a pure function, and
 * measured ten times as fast on large values as the same in JavaScript (docs/decisions/0003).
 */
import { crc32 as runtimeCrc32 } from "node:zlib";

/** The CRC-32 of `data`, continuing from `seed`; an unsigned 32-bit integer. */
export function crc32(data: Uint8Array, seed = 0): number {
  return runtimeCrc32(data, seed);
}
