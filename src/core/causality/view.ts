/**
 * What of a key's cells can be seen, and what a write to them must stamp above.
 *
 * Invariant: visibility is a function of the merged cells, the slot's flush floor and the time alone, so that equal
 * replicas show equal keys. Nothing here changes a cell: what is hidden stays, until it is collected.
 * Source: docs/ARCHITECTURE.md, "Data".
 */
import type { Cell, CellType, FieldCell, RootCell } from "../../model/cell.ts";
import type { Field } from "../../model/key.ts";
import { compareStamps, lastStampOf, maxStamp, NO_STAMP, type Stamp } from "../../model/stamp.ts";

const TYPE_RANKS: Readonly<Record<CellType, number>> = { string: 0, hash: 1, set: 2, counter: 3 };

/** A key as clients see it: it exists, so there is a root or a field to see. */
export interface VisibleKey {
  readonly type: CellType;
  /** `undefined` where newer fields stand over a root that is gone. */
  readonly root: RootCell | undefined;
  /** In the order given. */
  readonly fields: readonly (readonly [Field, FieldCell])[];
}

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

/**
 * Whether a field stands above what was cleared: the part of its visibility that does not depend on the type. A
 * counter's cell adds to what it was begun over, and to nothing else.
 */
export function isFieldLive(field: FieldCell, cleared: Stamp, nowMs: number): boolean {
  if (field.kind !== "field" || isExpired(field, nowMs)) return false;
  if (compareStamps(field.stamp, cleared) <= 0) return false;
  return field.type !== "counter" || compareStamps(field.since, cleared) === 0;
}

/**
 * The key that these cells make, or `undefined` when it does not exist. `fields` are all field cells of the key,
 * visible or not. A container alone, without fields and without a number of its own, is nothing to see.
 */
export function visibleKey(
  root: RootCell | undefined,
  fields: Iterable<readonly [Field, FieldCell]>,
  nowMs: number,
  flushFloor: Stamp = NO_STAMP,
): VisibleKey | undefined {
  const cleared = clearedOf(root, nowMs, flushFloor);
  const live: (readonly [Field, FieldCell])[] = [];
  for (const entry of fields) if (isFieldLive(entry[1], cleared, nowMs)) live.push(entry);

  const seenRoot = visibleRoot(root, nowMs, flushFloor);
  const type = seenRoot?.type ?? revivedType(live);
  if (type === undefined) return undefined;
  const seenFields = live.filter(([, field]) => field.type === type);
  const isRootAlone = seenRoot?.kind === "value" || (seenRoot?.payload.length ?? 0) > 0;
  if (seenFields.length === 0 && !isRootAlone) return undefined;
  return { type, root: seenRoot, fields: seenFields };
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

/** The type of the greatest live field; equal stamps are settled by type, so that their order does not matter. */
function revivedType(live: readonly (readonly [Field, FieldCell])[]): CellType | undefined {
  let greatest: FieldCell | undefined;
  for (const [, field] of live) {
    const order =
      greatest === undefined
        ? 1
        : compareStamps(field.stamp, greatest.stamp) ||
          TYPE_RANKS[field.type] - TYPE_RANKS[greatest.type];
    if (order > 0) greatest = field;
  }
  return greatest?.type;
}
