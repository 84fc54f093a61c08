/**
 * Increments of a backup in the simulator: as `dnd backup --since` takes them, without the files.
 *
 * What the nodes are asked, what they leave out as being the same, and what is made of it is the code that production runs; the
 * cells of the base are held in a list.
 */
import assert from "node:assert/strict";
import { SlotSums } from "../src/core/anti-entropy/hash-tree.ts";
import { checksumOf, decodeCell } from "../src/core/causality/cell-codec.ts";
import { cellKey } from "../src/core/causality/storage-key.ts";
import {
  type Change,
  changesSince,
  type PlacedCell,
} from "../src/core/operations/backup-difference.ts";
import { slotOfKey } from "../src/core/placement/slot-of-key.ts";
import type { BackupRequest, ThinSlots } from "../src/model/backup.ts";
import type { Failure } from "../src/model/outcome.ts";
import type { KeyedCell } from "../src/model/peer-message.ts";
import { type Slot, slotFrom } from "../src/model/slot.ts";
import type { SimNode } from "./cluster.ts";

export type Increment =
  | {
      readonly kind: "increment";
      /** What base and increment come to, in storage order. */
      readonly cells: readonly PlacedCell[];
      readonly changes: readonly Change[];
      /** Which had to be read. */
      readonly slots: readonly Slot[];
      readonly thin: readonly ThinSlots[];
    }
  | Failure;

/** Cells in storage order, as an increment builds on them. */
export function placedCells(cells: readonly KeyedCell[]): readonly PlacedCell[] {
  return cells.map((one) => {
    const { key, field, bytes } = one;
    const slot = slotOfKey(key);
    const cell = decodeCell(bytes, key, field);
    assert.ok(cell !== "damaged", "what is in a backup is intact");
    return { position: cellKey(slot, key, field), slot, key, field, cell, bytes };
  });
}

export function takeIncrement(
  node: SimNode,
  base: readonly PlacedCell[],
  request: BackupRequest,
  done: (outcome: Increment) => void,
): void {
  const sums = new SlotSums();
  for (const { slot, position, bytes } of base) sums.add(slot, position, checksumOf(bytes));
  node.compareBackup({ firstSlot: slotFrom(0), sums: sums.sums }, (compared) => {
    if (compared.kind === "failed") return done(compared);
    const slots = compared.differing;
    const changes: Change[] = [];
    const thin: ThinSlots[] = [];
    const page = (cursor: string | undefined): void => {
      node.backup({ ...request, slots, cursor }, (outcome) => {
        if (outcome.kind === "failed") return done(outcome);
        const { cells, next } = outcome;
        thin.push(...outcome.thin);
        changes.push(
          ...changesSince({
            base: base.filter(
              ({ slot, position }) =>
                slots.includes(slot) &&
                position > (cursor ?? "") &&
                (next === undefined || position <= next),
            ),
            found: placedCells(cells),
            isSame: () => false,
            isThin: (slot) => isAmong(outcome.thin, slot),
          }),
        );
        if (next !== undefined) return page(next);
        done({ kind: "increment", cells: laidOver(base, changes), changes, slots, thin });
      });
    };
    if (slots.length === 0) done({ kind: "increment", cells: base, changes, slots, thin });
    else page(undefined);
  });
}

function isAmong(thin: readonly ThinSlots[], slot: Slot): boolean {
  return thin.some(({ firstSlot, lastSlot }) => firstSlot <= slot && slot <= lastSlot);
}

function laidOver(base: readonly PlacedCell[], changes: readonly Change[]): readonly PlacedCell[] {
  const cells = new Map(base.map((cell) => [cell.position, cell]));
  for (const { before, after } of changes) {
    if (before !== undefined) cells.delete(before.position);
    if (after !== undefined) cells.set(after.position, after);
  }
  return [...cells.values()].sort((a, b) => (a.position < b.position ? -1 : 1));
}
