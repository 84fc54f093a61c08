/**
 * What a node keeps beside its cells, by what damage to it means: a note is found anew, or done without; a fact that is
 * damaged keeps the node from starting.
 *
 * Invariant: every storage key of a node is that of a cell or of one of these.
 */
import { assert } from "../src/base/assert.ts";
import {
  metaKey,
  parseCellKey,
  parseDirtyMapKey,
  parseLeavesKey,
  parseSlotStateKey,
} from "../src/core/causality/storage-key.ts";
import type { StorageKey } from "../src/ports/storage.ts";

export const NOTES = ["heard", "scrub", "dirty-map", "leaves", "clean-mark"] as const;
export const FACTS = ["identity", "members", "clock", "mark", "votes", "slot-state"] as const;
export type Note = (typeof NOTES)[number];
export type Fact = (typeof FACTS)[number];

const NAMED = new Map<StorageKey, Note | Fact>([
  [metaKey("heard"), "heard"],
  [metaKey("scrub"), "scrub"],
  [metaKey("clean"), "clean-mark"],
  [metaKey("identity"), "identity"],
  [metaKey("members"), "members"],
  [metaKey("clock"), "clock"],
  [metaKey("mark"), "mark"],
  [metaKey("voteless"), "votes"],
]);

/** What stands under a storage key; `undefined` for a cell. */
export function recordAt(key: StorageKey): Note | Fact | undefined {
  if (parseCellKey(key) !== undefined) return undefined;
  if (parseLeavesKey(key) !== undefined) return "leaves";
  if (parseSlotStateKey(key) !== undefined) return "slot-state";
  if (parseDirtyMapKey(key) !== undefined) return "dirty-map";
  const record = NAMED.get(key);
  assert(record !== undefined, "what a node keeps is known to its faults");
  return record;
}
