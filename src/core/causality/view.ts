/**
 * What of a key's cells can be seen, and what a write to them must stamp above.
 *
 * Invariant: visibility is a function of the merged cells, the slot's flush floor and the time alone, so that equal
 * replicas show equal keys. Nothing here changes a cell: what is hidden stays, until it is collected.
 * Source: docs/ARCHITECTURE.md, "Data".
 */
import type { Cell, FieldCell, RootCell } from "../../model/cell.ts";
import {
  beforeStamp,
  compareStamps,
  lastStampOf,
  maxStamp,
  NO_STAMP,
  type Stamp,
} from "../../model/stamp.ts";

/**
 * Whether a cell's time is over at `nowMs`. The last millisecond still belongs to it: a write stamped in it is
 * covered by the `cleared` that the expiry stands for, and so must not yet see it.
 */
export function isExpired(cell: Cell, nowMs: number): boolean {
  return cell.expiresAtMs !== 0 && nowMs > cell.expiresAtMs;
}

/** The stamp up to which the fields of a key are gone: `cleared`, the root's expiry if past, the flush floor. */
export function clearedOf(
  root: RootCell | undefined,
  nowMs: number,
  flushFloor: Stamp = NO_STAMP,
): Stamp {
  if (root === undefined) return flushFloor;
  const cleared = maxStamp(root.cleared, flushFloor);
  return isExpired(root, nowMs) ? maxStamp(cleared, lastStampOf(root.expiresAtMs)) : cleared;
}

/** The root if it can be seen: a value or a container, not expired, not flushed. */
export function visibleRoot(
  root: RootCell | undefined,
  nowMs: number,
  flushFloor: Stamp = NO_STAMP,
): RootCell | undefined {
  if (root === undefined || root.kind === "tombstone" || isExpired(root, nowMs)) return undefined;
  return compareStamps(root.stamp, flushFloor) > 0 ? root : undefined;
}

/** Whether a field stands above what was cleared. Whether it is shown is also a matter of the root's type. */
export function isFieldLive(field: FieldCell, cleared: Stamp, nowMs: number): boolean {
  if (field.kind !== "field" || isExpired(field, nowMs)) return false;
  return compareStamps(field.stamp, cleared) > 0;
}

/** Whether a root takes away all that the key held before it: it clears up to its own stamp, or to just below. */
export function isClearing({ stamp, cleared }: RootCell): boolean {
  return compareStamps(cleared, stamp) >= 0 || compareStamps(cleared, beforeStamp(stamp)) >= 0;
}

/** What a write to the root must stamp above: the greatest of its stamp, what is cleared, and the flush floor. */
export function heldAtRoot(root: RootCell | undefined, flushFloor: Stamp, nowMs: number): Stamp {
  const cleared = clearedOf(root, nowMs, flushFloor);
  return root === undefined ? cleared : maxStamp(root.stamp, cleared);
}

/** What a write to a field must stamp above: the greatest of its stamp, what its root cleared, and the flush floor. */
export function heldAtField(
  root: RootCell | undefined,
  field: FieldCell | undefined,
  flushFloor: Stamp,
  nowMs: number,
): Stamp {
  const cleared = clearedOf(root, nowMs, flushFloor);
  return field === undefined ? cleared : maxStamp(field.stamp, cleared);
}
