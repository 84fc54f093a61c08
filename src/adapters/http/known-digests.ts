/**
 * Digests of cells, by which a backup and a node find out, without sending them, which they both hold.
 *
 * A cell's own checksum would do against accidents in one; over all cells of all increments it would leave one change in four
 * thousand million unseen.
 */
import { hash } from "node:crypto";
import type { KeyedCell } from "../../model/peer-message.ts";
import { ROOT_MARK } from "../../protocol/backup/cell-record.ts";
import { DIGEST_BYTES } from "../../protocol/backup/known-cells.ts";

/** Of a cell in its place: over what its record holds behind its length. */
export function digestOf({ key, field, bytes }: KeyedCell): Buffer {
  const cellIndex = 4 + key.length + (field?.length ?? 0);
  const record = Buffer.allocUnsafe(cellIndex + bytes.length);
  record.writeUInt16BE(key.length, 0);
  record.write(key, 2, "latin1");
  record.writeUInt16BE(field?.length ?? ROOT_MARK, 2 + key.length);
  record.write(field ?? "", 4 + key.length, "latin1");
  record.set(bytes, cellIndex);
  return hash("sha256", record, "buffer").subarray(0, DIGEST_BYTES);
}

/** The cells that are not among those known, and which of those known are among the cells, by their index. */
export function withoutKnown(
  cells: readonly KeyedCell[],
  digests: readonly Uint8Array[],
): { readonly cells: readonly KeyedCell[]; readonly same: readonly number[] } {
  if (digests.length === 0) return { cells, same: [] };
  const indices = new Map(digests.map((digest, index) => [textOf(digest), index]));
  const same: number[] = [];
  const others = cells.filter((cell) => {
    const index = indices.get(textOf(digestOf(cell)));
    if (index !== undefined) same.push(index);
    return index === undefined;
  });
  return { cells: others, same };
}

function textOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString("latin1");
}
