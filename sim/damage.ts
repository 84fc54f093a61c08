/** What wires do to bytes. */
import { DATAGRAM_BYTES_MAX } from "../src/model/limits.ts";
import type { SimRandom } from "./random.ts";

/** A few bytes changed in place, the end cut off, or anything at all. */
export function damaged(datagram: Uint8Array, random: SimRandom): Uint8Array {
  const roll = random.below(3);
  if (roll === 0) return datagram.subarray(0, random.below(datagram.length + 1));
  const bytes = roll === 1 ? datagram : new Uint8Array(random.below(DATAGRAM_BYTES_MAX));
  const changes = roll === 1 ? 1 + random.below(3) : bytes.length;
  for (let change = 0; change < changes && bytes.length > 0; change += 1) {
    bytes[random.below(bytes.length)] = random.below(256);
  }
  return bytes;
}

/** Not `slice`: on a `Buffer` that would share the memory. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes);
}
