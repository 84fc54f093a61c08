/**
 * Which cells of a key may be dropped once its slot is collected up to a stamp C.
 *
 * Invariant: dropping never uncovers anything. What goes is at or below C in its stamp and, where time ends it, in its
 * expiry; a root goes only when no field that it hides is left. Every primary drops the same, because it is a function of
 * the cells and C alone, and up to C they hold the same cells.
 * Source: docs/ARCHITECTURE.md, "Collection"; decision 0010.
 */
import type { FieldCell, RootCell } from "../../model/cell.ts";
import { compareStamps, lastStampOf, maxStamp, NO_STAMP, type Stamp } from "../../model/stamp.ts";

/** Whether all of a cell's life is at or below `upTo`: it expired by then. */
function isSpent(cell: RootCell | FieldCell, upTo: Stamp): boolean {
  if (cell.expiresAtMs === 0 || compareStamps(cell.stamp, upTo) > 0) return false;
  return compareStamps(lastStampOf(cell.expiresAtMs), upTo) <= 0;
}

/** Whether a cell was flushed, by a flush that is itself at or below `upTo`: one above it may yet be unknown elsewhere. */
function isFlushed(cell: RootCell | FieldCell, upTo: Stamp, flushed: Stamp): boolean {
  return compareStamps(flushed, upTo) <= 0 && compareStamps(cell.stamp, flushed) <= 0;
}

/** The stamp up to which the fields of a key are gone for good, as far as C reaches. */
function clearedBy(root: RootCell | undefined, upTo: Stamp): Stamp {
  if (root === undefined) return NO_STAMP;
  const cleared = isSpent(root, upTo)
    ? maxStamp(root.cleared, lastStampOf(root.expiresAtMs))
    : root.cleared;
  return compareStamps(cleared, upTo) <= 0 ? cleared : NO_STAMP;
}

/** Whether a field may be dropped: a tombstone, expired, or hidden by its root. */
export function isFieldCollectable(
  field: FieldCell,
  root: RootCell | undefined,
  upTo: Stamp,
  flushed: Stamp = NO_STAMP,
): boolean {
  if (compareStamps(field.stamp, upTo) > 0) return false;
  if (isFlushed(field, upTo, flushed)) return true;
  if (field.kind === "field-tombstone" || isSpent(field, upTo)) return true;
  return compareStamps(field.stamp, clearedBy(root, upTo)) <= 0;
}

/**
 * Whether a root may be dropped, given that no field hidden by it is left: a tombstone, expired, or, where the key has
 * no field any more at all, the root of a hash or set, which then says no more than a tombstone. Whoever adds a field
 * states the root anew.
 */
export function isRootCollectable(
  root: RootCell,
  upTo: Stamp,
  hasFields: boolean,
  flushed: Stamp = NO_STAMP,
): boolean {
  if (compareStamps(maxStamp(root.stamp, root.cleared), upTo) > 0) return false;
  if (isFlushed(root, upTo, flushed)) return true;
  if (root.kind === "tombstone" || isSpent(root, upTo)) return true;
  return root.kind === "container" && root.type !== "counter" && !hasFields;
}

/** From when on a cell may be collected for itself, in wall-clock milliseconds; as `peekDueMs` reads it off its bytes. */
export function dueMsOf(cell: RootCell | FieldCell): number {
  if (cell.kind === "tombstone" || cell.kind === "field-tombstone") return cell.stamp.ms;
  return cell.expiresAtMs === 0
    ? Number.POSITIVE_INFINITY
    : Math.max(cell.stamp.ms, cell.expiresAtMs);
}

/**
 * From when on a field may be collected because its root hides it, in wall-clock milliseconds; infinite if it does not.
 * What the root's expiry will hide has no moment here: the root has one.
 */
export function hiddenDueMs(stamp: Stamp, root: RootCell | undefined): number {
  if (root === undefined || compareStamps(stamp, root.cleared) > 0) return Number.POSITIVE_INFINITY;
  return root.cleared.ms;
}
