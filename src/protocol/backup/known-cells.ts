/**
 * The body of a question for a page of an increment: which slots it is about, and what the asker knows of them, as digests.
 *
 *   count u16, slots u16 each, then digests of 16 bytes each, to the end
 *
 * Invariant: slots are in ascending order, none twice, and there is one at least. Digests are of the asker's cells of these slots behind
 * the cursor, in storage order, from the first on; there need not be all of them. Integers are big-endian.
 */
import { decodeAll } from "../../base/byte-reader.ts";
import { ByteWriter } from "../../base/byte-writer.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import { parseSlot, type Slot } from "../../model/slot.ts";

/** The first half of a SHA-256 over a cell's record: no two cells will ever share one. */
export const DIGEST_BYTES = 16;
/** Of one question: a mebibyte. */
export const DIGESTS_MAX = 65_536;
export const KNOWN_CELLS_BYTES_MAX: number = 2 + 2 * SLOT_COUNT + DIGEST_BYTES * DIGESTS_MAX;

export interface KnownCells {
  readonly slots: readonly Slot[];
  /** Of `DIGEST_BYTES` each. */
  readonly digests: readonly Uint8Array[];
}

export function encodeKnownCells({ slots, digests }: KnownCells): Uint8Array {
  const writer = new ByteWriter(2 + 2 * slots.length + DIGEST_BYTES * digests.length);
  writer.u16(slots.length);
  for (const slot of slots) writer.u16(slot);
  for (const digest of digests) writer.bytes(digest);
  return writer.finish();
}

/** Trust boundary: what the body says, or what is wrong with it. Digests are views of it. */
export function parseKnownCells(body: Uint8Array): KnownCells | string {
  const decoded = decodeAll(body, (reader) => {
    const count = reader.count16(2);
    if (count === 0) reader.reject("no slot");
    const slots: Slot[] = [];
    let last = -1;
    for (let index = 0; index < count; index += 1) {
      const slot = parseSlot(reader.u16());
      if (slot === undefined || slot <= last) {
        return reader.reject("slots that are none, or not in ascending order");
      }
      last = slot;
      slots.push(slot);
    }
    if (reader.remaining % DIGEST_BYTES !== 0) reader.reject("a digest that is cut");
    if (reader.remaining > DIGEST_BYTES * DIGESTS_MAX) reader.reject("too many digests");
    const digests: Uint8Array[] = [];
    while (reader.remaining > 0) digests.push(reader.bytes(DIGEST_BYTES));
    return { slots, digests };
  });
  return decoded.kind === "decoded" ? decoded.value : decoded.reason;
}

/** A set of indices as `PageHead` has it. */
export function encodeSame(indices: Iterable<number>, count: number): string {
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (const index of indices) bits[index >> 3] = (bits[index >> 3] as number) | (1 << (index & 7));
  return Buffer.from(bits).toString("base64");
}

/** Whether an index is in the set, for so many of them; what is wrong with it else. */
export function parseSame(text: string, count: number): ((index: number) => boolean) | string {
  const bits = Buffer.from(text, "base64");
  if (bits.length !== Math.ceil(count / 8))
    return `a set of ${bits.length} bytes for ${count} digests`;
  return (index) => index < count && ((bits[index >> 3] as number) & (1 << (index & 7))) !== 0;
}
