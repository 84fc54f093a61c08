/**
 * I4 and I6 once more: what was deleted or has expired, and is old enough by every clock, leaves no cell behind, on any
 * node, within a bounded time after the faults.
 */
import { parseStamp } from "../../src/model/stamp.ts";
import type { DumpEntry } from "../../src/node/store.ts";
import type { Violation } from "../history.ts";
import type { ReplicaDump } from "./final-state.ts";

/** Cells that should have been collected by a time that no clock is behind, the grace taken off. */
export function checkCollected(dumps: readonly ReplicaDump[], beforeMs: number): Violation[] {
  const violations: Violation[] = [];
  for (const { nodeId, entries } of dumps) {
    for (const entry of entries) {
      if (!isOver(entry, beforeMs)) continue;
      violations.push({
        invariant: "I6",
        detail: `key ${entry.key}: the ${entry.kind} ${entry.stamp}, which expires at ${entry.expiresAtMs}, is not collected on ${nodeId.slice(0, 4)}; all before ${beforeMs.toFixed(0)} should be`,
      });
    }
  }
  return violations;
}

function isOver({ kind, stamp, expiresAtMs }: DumpEntry, beforeMs: number): boolean {
  const stampMs = parseStamp(stamp)?.ms;
  if (stampMs === undefined || stampMs >= beforeMs) return false;
  const isTombstone = kind === "tombstone" || kind === "field-tombstone";
  return isTombstone || (expiresAtMs !== 0 && expiresAtMs < beforeMs);
}
