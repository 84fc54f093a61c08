/**
 * What a read-modify-write does to what a key holds: a function of the operation, the root and the time alone.
 *
 * Invariant: a result that says that something was changed comes with the change, and a fault or "none" without one.
 */
import type { RootCell } from "../../model/cell.ts";
import type { Condition } from "../../model/condition.ts";
import type { Operation, OperationResult } from "../../model/operation.ts";
import { compareStamps } from "../../model/stamp.ts";
import {
  type Applied,
  type ApplyContext,
  changed,
  DONE,
  expiryAfter,
  integer,
  isPast,
  NONE,
  TOMBSTONE,
  unchanged,
  value,
  WRONG_TYPE,
  withExpiry,
} from "./changes.ts";
import { applyToHash } from "./hashes.ts";
import type { KeyView } from "./key-view.ts";
import { applyToSet } from "./sets.ts";
import { applyToString } from "./strings.ts";

/** Applies an operation to a key as it was read: `selectionFor` says what of it has to be. */
export function applyOperation(
  operation: Operation,
  view: KeyView,
  context: ApplyContext,
): Applied {
  const { current, nowMs, type } = view;
  switch (operation.kind) {
    case "put-if":
    case "delete-if":
      if (!holds(operation.condition, view)) {
        const stamp = current === undefined ? undefined : view.stamp;
        return unchanged({ kind: "condition-failed", current: stamp });
      }
      if (operation.kind === "delete-if") return changed(DONE, TOMBSTONE);
      return changed(DONE, value(operation.value, operation.expiresAtMs, operation.contentType));
    case "set":
      return applySet(operation, view);
    case "expire":
      return applyExpire(operation, current, nowMs);
    case "persist":
      if (current === undefined || current.expiresAtMs === 0) return unchanged(integer(0));
      return changed(integer(1), withExpiry(current, 0));
    case "take":
    case "get-expire":
    case "append":
    case "set-range":
    case "set-bit":
    case "add":
    case "add-float":
      if (type !== undefined && type !== "string") return unchanged(WRONG_TYPE);
      return applyToString(operation, view, context);
    case "hash-set":
    case "hash-delete":
    case "hash-add":
    case "hash-add-float":
      if (type !== undefined && type !== "hash") return unchanged(WRONG_TYPE);
      return applyToHash(operation, view, context);
    case "set-add":
    case "set-remove":
    case "set-pop":
      if (type !== undefined && type !== "set") return unchanged(WRONG_TYPE);
      return applyToSet(operation, view, context);
    case "hash-replace":
      if (operation.when === "absent" && current !== undefined) return unchanged(NONE);
      return applyToHash(operation, view, context);
    case "set-replace":
      if (operation.when === "absent" && current !== undefined) return unchanged(NONE);
      return applyToSet(operation, view, context);
  }
}

function applySet(operation: Extract<Operation, { kind: "set" }>, view: KeyView): Applied {
  const { when, wantsOld, expiry } = operation;
  const { current, nowMs } = view;
  const text = view.text();
  if (wantsOld && current !== undefined && text === undefined) return unchanged(WRONG_TYPE);
  const old: OperationResult = text === undefined ? NONE : { kind: "bytes", bytes: text };
  const isAllowed = when === "always" || (when === "exists") === (current !== undefined);
  if (!isAllowed) return unchanged(wantsOld ? old : NONE);
  const expiresAtMs = expiryAfter(expiry, current);
  const isOver = isPast(expiresAtMs, nowMs);
  return changed(wantsOld ? old : DONE, isOver ? TOMBSTONE : value(operation.value, expiresAtMs));
}

function applyExpire(
  { expiresAtMs, when }: Extract<Operation, { kind: "expire" }>,
  current: RootCell | undefined,
  nowMs: number,
): Applied {
  if (current === undefined) return unchanged(integer(0));
  const former = current.expiresAtMs === 0 ? Number.POSITIVE_INFINITY : current.expiresAtMs;
  const isAllowed =
    when === "always" ||
    (when === "none" && current.expiresAtMs === 0) ||
    (when === "some" && current.expiresAtMs !== 0) ||
    (when === "later" && expiresAtMs > former) ||
    (when === "earlier" && expiresAtMs < former) ||
    (when === "some-earlier" && current.expiresAtMs !== 0 && expiresAtMs < former);
  if (!isAllowed) return unchanged(integer(0));
  const isOver = expiresAtMs <= nowMs;
  return changed(integer(1), isOver ? TOMBSTONE : withExpiry(current, expiresAtMs));
}

function holds(condition: Condition, { current, stamp }: KeyView): boolean {
  switch (condition.kind) {
    case "exists":
      return current !== undefined;
    case "absent":
      return current === undefined;
    case "stamp-is":
      return current !== undefined && compareStamps(stamp, condition.stamp) === 0;
  }
}
