/** Operations on a key that holds a hash, or nothing. */
import { binaryFromBytes, bytesFromBinary } from "../../base/binary.ts";
import type { HashEntry, Operation } from "../../model/operation.ts";
import { hashField } from "../causality/addresses.ts";
import {
  type Applied,
  type ApplyContext,
  bytesResult,
  type CellChange,
  changed,
  changedAll,
  fault,
  fieldChange,
  fieldTombstone,
  integer,
  isPast,
  replacingContainer,
  replacingField,
  restated,
  TOMBSTONE,
  unchanged,
} from "./changes.ts";
import { addToField } from "./counters.ts";
import { addDecimals } from "./extended-floats.ts";
import type { KeyView } from "./key-view.ts";

export type HashOperation = Extract<
  Operation,
  { kind: "hash-set" | "hash-delete" | "hash-add" | "hash-add-float" | "hash-replace" }
>;

export function applyToHash(
  operation: HashOperation,
  view: KeyView,
  context: ApplyContext,
): Applied {
  switch (operation.kind) {
    case "hash-set":
      return setFields(operation.entries, operation.when, view);
    case "hash-delete":
      return deleteFields(operation.names, view);
    case "hash-add":
      return addToField(view, operation.name, operation.delta, context);
    case "hash-add-float":
      return addFloat(operation.name, operation.delta, view);
    case "hash-replace":
      return replaceHash(operation.entries, operation.expiresAtMs, view.nowMs);
  }
}

function setFields(
  entries: readonly HashEntry[],
  when: "always" | "absent",
  view: KeyView,
): Applied {
  const values = new Map(entries);
  const changes: CellChange[] = [restated(view, "hash")];
  let added = 0;
  for (const [name, value] of values) {
    const isNew = view.hashValue(name) === undefined;
    if (!isNew && when === "absent") continue;
    if (isNew) added += 1;
    for (const change of setField(name, value, view)) changes.push(change);
  }
  if (added === 0 && when === "absent") return unchanged(integer(0));
  return changedAll(integer(added), changes);
}

/** A field with a value of its own: what was counted for it is gone. */
function* setField(name: string, value: Uint8Array, view: KeyView): Iterable<CellChange> {
  yield fieldChange(hashField(name), { type: "hash", payload: value });
  for (const address of view.hashCounters(name)) yield fieldTombstone(address, "counter");
}

function deleteFields(names: readonly string[], view: KeyView): Applied {
  const changes: CellChange[] = [];
  let deleted = 0;
  for (const name of new Set(names)) {
    if (view.hashValue(name) === undefined) continue;
    deleted += 1;
    changes.push(fieldTombstone(hashField(name), "hash"));
    for (const address of view.hashCounters(name)) {
      changes.push(fieldTombstone(address, "counter"));
    }
  }
  return changedAll(integer(deleted), changes);
}

function addFloat(name: string, delta: string, view: KeyView): Applied {
  const former = view.hashValue(name);
  const sum = addDecimals(former === undefined ? "0" : binaryFromBytes(former), delta);
  if ("fault" in sum) {
    return fault(sum.fault === "not-a-float" ? "field-not-a-float" : sum.fault);
  }
  const payload = bytesFromBinary(sum.sum);
  return changed(bytesResult(payload), restated(view, "hash"), ...setField(name, payload, view));
}

function replaceHash(entries: readonly HashEntry[], expiresAtMs: number, nowMs: number): Applied {
  const values = new Map(entries);
  const result = integer(values.size);
  if (values.size === 0 || isPast(expiresAtMs, nowMs)) return changed(result, TOMBSTONE);
  const changes = [replacingContainer("hash", expiresAtMs)];
  for (const [name, payload] of values) {
    changes.push(replacingField(hashField(name), { type: "hash", payload }));
  }
  return changedAll(result, changes);
}
