/**
 * Goes through the cells of a backup in their order, and finds whatever is wrong with one.
 *
 * Invariant: each cell that passes is whole, stands in the place it was made for, in a slot of its file, behind the one before; so
 * none is there twice. The same check is made as a backup is taken, verified, and restored.
 */
import { decodeCell } from "../../core/causality/cell-codec.ts";
import { cellKey } from "../../core/causality/storage-key.ts";
import type { PlacedCell } from "../../core/operations/backup-difference.ts";
import { flushKeyOf } from "../../core/placement/flush-keys.ts";
import { slotOfKey } from "../../core/placement/slot-of-key.ts";
import type { Cell } from "../../model/cell.ts";
import { RESERVED_PREFIX } from "../../model/key.ts";
import { VALUE_BYTES_MAX } from "../../model/limits.ts";
import type { KeyedCell } from "../../model/peer-message.ts";
import { maxStamp, NO_STAMP, type Stamp } from "../../model/stamp.ts";
import { CELL_KINDS, type CellCounts } from "../../protocol/backup/manifest.ts";

/** A place of which an increment says that nothing stands there any more. */
export type GonePlace = Omit<PlacedCell, "cell"> & { readonly cell: undefined };

export class CellChecker {
  readonly #takesGone: boolean;
  /** Places in which nothing stands any more. */
  gone = 0;
  readonly #counts = new Map<Cell["kind"], number>(CELL_KINDS.map((kind) => [kind, 0]));
  #last = "";
  #greatest: Stamp = NO_STAMP;

  /** @param takesGone whether a cell may be of no bytes, as in an increment. */
  constructor(takesGone: boolean) {
    this.#takesGone = takesGone;
  }

  /** The cell, or what is wrong with it. `slots` are those that it may be of. */
  check(
    { key, field, bytes }: KeyedCell,
    slots: { readonly firstSlot: number; readonly lastSlot: number },
  ): PlacedCell | GonePlace | string {
    const slot = slotOfKey(key);
    if (slot < slots.firstSlot || slot > slots.lastSlot) {
      return `a cell of slot ${slot} among those from ${slots.firstSlot} to ${slots.lastSlot}`;
    }
    const position = cellKey(slot, key, field);
    if (position <= this.#last)
      return `a cell of slot ${slot} that is there twice, or out of order`;
    this.#last = position;
    const place = { position, slot, key, field, bytes };
    if (bytes.length === 0 && this.#takesGone) {
      this.gone += 1;
      return { ...place, cell: undefined };
    }
    const cell = decodeCell(bytes, key, field);
    if (cell === "damaged") return `a cell of slot ${slot} that fails its checksum`;
    if (cell.payload.length > VALUE_BYTES_MAX) {
      return `a cell of ${cell.payload.length} bytes, max ${VALUE_BYTES_MAX}`;
    }
    if (
      key.startsWith(RESERVED_PREFIX) &&
      (key !== flushKeyOf(slot) || cell.kind !== "tombstone")
    ) {
      return `a cell of slot ${slot} under a name that the store keeps for itself`;
    }
    this.#counts.set(cell.kind, (this.#counts.get(cell.kind) ?? 0) + 1);
    this.#greatest = maxStamp(this.#greatest, cell.stamp);
    return { ...place, cell };
  }

  get counts(): CellCounts {
    return Object.fromEntries(this.#counts) as CellCounts;
  }

  /** Of all cells. */
  get greatestStamp(): Stamp {
    return this.#greatest;
  }
}
