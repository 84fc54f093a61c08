/** How large operations are, and what they write: a write has to fit one message. */
import type { Operation } from "../../model/operation.ts";
import { FIELD_OVERHEAD_BYTES, FIELDS_BYTES_MAX } from "../../model/selection.ts";
import type { CellChange } from "./changes.ts";

/** Bytes of names and values that an operation carries. */
export function bytesOf(operation: Operation): number {
  switch (operation.kind) {
    case "put-if":
    case "set":
      return operation.value.length;
    case "append":
    case "set-range":
      return operation.bytes.length;
    case "hash-set":
    case "hash-replace":
      return operation.entries.reduce(
        (bytes, [name, value]) => bytes + name.length + value.length,
        0,
      );
    case "hash-delete":
      return lengthOf(operation.names);
    case "set-add":
    case "set-remove":
    case "set-replace":
      return lengthOf(operation.members);
    default:
      return 0;
  }
}

/**
 * Whether fields are more than one write can hold. Whoever built the operation has seen to it that what it names fits; what
 * has been counted for a field, and goes with it, is known only here.
 */
export function isTooLarge(operation: Operation, changes: readonly CellChange[]): boolean {
  let bytes = 0;
  if (operation.kind === "hash-set" || operation.kind === "hash-replace") {
    for (const [, value] of operation.entries) bytes += value.length;
  }
  for (const { field } of changes) {
    // The tag before a name is part of what comes with a field, and what frames have beside fields holds the root.
    if (field !== undefined) bytes += FIELD_OVERHEAD_BYTES + field.length - 1;
  }
  return bytes > FIELDS_BYTES_MAX;
}

function lengthOf(names: readonly string[]): number {
  return names.reduce((bytes, name) => bytes + name.length, 0);
}
