/**
 * Facts that a node keeps beside its cells, each with a checksum of its own: CRC-32 of the rest, first, in 4 bytes.
 *
 * Invariant: a fact that has changed on disk is never taken for another one. A stamp up to which a slot is collected that
 * rots upwards would have the others drop what they hold.
 */
import { crc32 } from "../base/checksum.ts";

const CHECKSUM_BYTES = 4;

export function sealed(fact: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(CHECKSUM_BYTES + fact.length);
  bytes.set(fact, CHECKSUM_BYTES);
  new DataView(bytes.buffer).setUint32(0, crc32(fact));
  return bytes;
}

/** The fact itself, `undefined` where there is none. */
export function opened(bytes: Uint8Array | undefined): Uint8Array | undefined | "damaged" {
  if (bytes === undefined) return undefined;
  if (bytes.length < CHECKSUM_BYTES) return "damaged";
  const fact = bytes.subarray(CHECKSUM_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(0) === crc32(fact) ? fact : "damaged";
}
