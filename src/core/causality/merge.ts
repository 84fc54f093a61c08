/**
 * Merge: the only way a cell ever changes, whoever brings the other one: a client, a replica, a repair, a restore.
 *
 * Invariant: commutative, associative and idempotent, so that replicas which saw the same cells, in any order and
 * any number, hold the same bytes. The greater stamp wins; equal stamps (a cloned disk) are settled by content;
 * `cleared` goes its own way, by maximum. Each function answers with the very object that wins whole, so that
 * `merged === held` says "nothing to store", and a caller can keep the bytes of the other.
 */
import { assert } from "../../base/assert.ts";
import { compareBytes } from "../../base/binary.ts";
import type { Cell, CellType, FieldCell, RootCell } from "../../model/cell.ts";
import { compareStamps } from "../../model/stamp.ts";
import { isRootCell } from "./cell-codec.ts";

const KIND_RANKS: Readonly<Record<Cell["kind"], number>> = {
  tombstone: 0,
  container: 1,
  value: 2,
  "field-tombstone": 3,
  field: 4,
};
const TYPE_RANKS: Readonly<Record<CellType, number>> = { string: 0, hash: 1, set: 2, counter: 3 };

/** The cell that stands after `b` has met `a`, both of one address; `a` itself when `b` brings nothing new. */
export function mergeCells(a: Cell | undefined, b: Cell): Cell {
  if (a === undefined) return b;
  if (isRootCell(a)) {
    assert(isRootCell(b), "a root merges with a root");
    return mergeRoots(a, b);
  }
  assert(!isRootCell(b), "a field merges with a field");
  return mergeFields(a, b);
}

/** See `mergeCells`. A third object comes out only where one root wins and the other was cleared further. */
export function mergeRoots(a: RootCell, b: RootCell): RootCell {
  const winner = compareRoots(a, b) >= 0 ? a : b;
  const cleared = compareStamps(a.cleared, b.cleared) >= 0 ? a.cleared : b.cleared;
  if (compareStamps(winner.cleared, cleared) === 0) return winner;
  // Equal but for `cleared`: the one that is cleared further is the whole answer.
  if (winner === a && compareRoots(a, b) === 0) return b;
  return { ...winner, cleared };
}

/** See `mergeCells`. */
export function mergeFields(a: FieldCell, b: FieldCell): FieldCell {
  return compareFields(a, b) >= 0 ? a : b;
}

/** The order of roots, `cleared` left out: negative, zero or positive. */
export function compareRoots(a: RootCell, b: RootCell): number {
  return (
    compareStamps(a.stamp, b.stamp) ||
    KIND_RANKS[a.kind] - KIND_RANKS[b.kind] ||
    TYPE_RANKS[a.type] - TYPE_RANKS[b.type] ||
    a.expiresAtMs - b.expiresAtMs ||
    compareBinary(a.contentType, b.contentType) ||
    compareBytes(a.payload, b.payload)
  );
}

/** The order of fields: negative, zero or positive. */
export function compareFields(a: FieldCell, b: FieldCell): number {
  return (
    compareStamps(a.stamp, b.stamp) ||
    KIND_RANKS[a.kind] - KIND_RANKS[b.kind] ||
    TYPE_RANKS[a.type] - TYPE_RANKS[b.type] ||
    a.expiresAtMs - b.expiresAtMs ||
    compareStamps(a.since, b.since) ||
    compareBytes(a.payload, b.payload)
  );
}

function compareBinary(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
