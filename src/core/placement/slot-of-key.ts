/**
 * The slot of a key: CRC16 modulo 16 384, the same as Redis Cluster, so that cluster-aware clients route by
 * themselves.
 *
 * Invariant: a pure function of the key's bytes, for ever: what is on disk is filed by it.
 * Source: Redis Cluster specification, "Key distribution model" and "Hash tags"; CRC-16/XMODEM.
 */
import type { Key } from "../../model/key.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import { type Slot, slotFrom } from "../../model/slot.ts";

/** CRC-16/XMODEM: polynomial x^16 + x^12 + x^5 + 1, begun at 0, not reflected. */
const POLYNOMIAL = 0x1021;
const BYTE_CRCS: Uint16Array = byteCrcs();

const TAG_OPEN = "{";
const TAG_CLOSE = "}";

/**
 * The slot of `key`. If the text between the first `{` and the next `}` after it is not empty, only that is
 * hashed: keys with the same tag share a slot.
 */
export function slotOfKey(key: Key): Slot {
  const openIndex = key.indexOf(TAG_OPEN);
  if (openIndex >= 0) {
    const closeIndex = key.indexOf(TAG_CLOSE, openIndex + 1);
    if (closeIndex > openIndex + 1)
      return slotFrom(crc16(key, openIndex + 1, closeIndex) % SLOT_COUNT);
  }
  return slotFrom(crc16(key, 0, key.length) % SLOT_COUNT);
}

/** The CRC-16/XMODEM of the characters `start` to before `end` of a binary string. */
export function crc16(binary: string, start = 0, end: number = binary.length): number {
  let crc = 0;
  for (let index = start; index < end; index += 1) {
    const byte = binary.charCodeAt(index);
    crc = ((crc << 8) & 0xffff) ^ (BYTE_CRCS[(crc >>> 8) ^ byte] as number);
  }
  return crc;
}

function byteCrcs(): Uint16Array {
  const crcs = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : ((crc << 1) ^ POLYNOMIAL) & 0xffff;
    }
    crcs[byte] = crc;
  }
  return crcs;
}
