/**
 * What has changed since a backup, place by place: what a page of the cluster says, held against what the backup knows there.
 *
 * Invariant: the cells that come out, laid over those of the base, are what a whole backup would have held there. Where only a
 * part of the copies was heard, nothing of the base gives way to what is older, and nothing of it is gone.
 * Source: docs/decisions/0027-incremental-backups.md.
 */
import { compareBytes } from "../../base/binary.ts";
import type { Cell, CellAddress } from "../../model/cell.ts";
import type { Key } from "../../model/key.ts";
import type { KeyedCell } from "../../model/peer-message.ts";
import type { Slot } from "../../model/slot.ts";
import type { StorageKey } from "../../ports/storage.ts";
import { encodeCell } from "../causality/cell-codec.ts";
import { mergeCells } from "../causality/merge.ts";

/** A cell, and where it stands. */
export interface PlacedCell {
  readonly position: StorageKey;
  readonly slot: Slot;
  readonly key: Key;
  readonly field: CellAddress;
  readonly cell: Cell;
  /** As `cell-codec.ts` encodes it. */
  readonly bytes: Uint8Array;
}

/** A stretch of storage: both lists are in the order of their positions, and all there is in it. */
export interface ComparedStretch {
  /** What the backup knows. */
  readonly base: readonly PlacedCell[];
  /** What the cluster holds, but for what it said is the same. */
  readonly found: readonly PlacedCell[];
  /** Whether the cluster has said that it holds just this cell of the base, by its index. */
  readonly isSame: (index: number) => boolean;
  /** Whether fewer than a read quorum told of a slot. */
  readonly isThin: (slot: Slot) => boolean;
}

/** One place where the cluster holds something else. */
export interface Change {
  readonly before: PlacedCell | undefined;
  /** `undefined`: nothing stands there any more. */
  readonly after: PlacedCell | undefined;
}

/** In the order of their places. */
export function changesSince({ base, found, isSame, isThin }: ComparedStretch): Change[] {
  const changes: Change[] = [];
  let index = 0;
  const passOver = (upTo: StorageKey | undefined): void => {
    for (; index < base.length; index += 1) {
      const before = base[index] as PlacedCell;
      if (upTo !== undefined && before.position >= upTo) return;
      if (!isSame(index) && !isThin(before.slot)) changes.push({ before, after: undefined });
    }
  };
  for (const cell of found) {
    passOver(cell.position);
    const next = base[index];
    const before = next?.position === cell.position ? next : undefined;
    if (before === undefined) {
      changes.push({ before, after: cell });
      continue;
    }
    index += 1;
    const after = isThin(cell.slot) ? merged(before, cell) : cell;
    if (compareBytes(before.bytes, after.bytes) !== 0) changes.push({ before, after });
  }
  passOver(undefined);
  return changes;
}

/** As it goes into an increment: a cell of no bytes says that nothing stands there. */
export function recordOf({ before, after }: Change): KeyedCell {
  if (after !== undefined) return { key: after.key, field: after.field, bytes: after.bytes };
  const { key, field } = before as PlacedCell;
  return { key, field, bytes: NO_BYTES };
}

const NO_BYTES = new Uint8Array(0);

function merged(before: PlacedCell, cell: PlacedCell): PlacedCell {
  const winner = mergeCells(before.cell, cell.cell);
  if (winner === before.cell) return before;
  if (winner === cell.cell) return cell;
  return { ...cell, cell: winner, bytes: encodeCell(winner, cell.key, cell.field) };
}
