/**
 * I1: every acknowledged write is there at the end, or something greater that somebody asked for has taken its place.
 *
 * The acknowledged stamp is the yardstick: merge keeps the greatest, so the final cell of a key must not be
 * below any stamp that was acknowledged for it; if it is equal it must be that very write; if it is above, it
 * must come from a write of this key that may have happened and was not acknowledged under another stamp.
 */
import type { Key } from "../../src/model/key.ts";
import { formatStamp } from "../../src/model/stamp.ts";
import type { DumpEntry } from "../../src/node/store.ts";
import {
  ackOf,
  describeOperation,
  type History,
  isWrite,
  neverHappened,
  type Violation,
  type WriteOperation,
} from "../history.ts";
import { type FinalState, rootsOf } from "./final-state.ts";

export function checkDurability(history: History, final: FinalState): Violation[] {
  const violations: Violation[] = [];
  const roots = rootsOf(final.dumps);
  for (const [key, writes] of writesByKey(history)) {
    const blame = (detail: string): void => {
      violations.push({ invariant: "I1", key, detail: `key ${key}: ${detail}` });
    };
    checkStamps(writes, roots.get(key), blame);
    checkFinalReads(key, roots.get(key), final, blame);
  }
  return violations;
}

/** Writes that were asked for, by key. */
export function writesByKey(history: History): Map<Key, WriteOperation[]> {
  const byKey = new Map<Key, WriteOperation[]>();
  for (const operation of history.operations) {
    if (!isWrite(operation)) continue;
    const writes = byKey.get(operation.key);
    if (writes === undefined) byKey.set(operation.key, [operation]);
    else writes.push(operation);
  }
  return byKey;
}

function checkStamps(
  writes: readonly WriteOperation[],
  root: DumpEntry | undefined,
  blame: (detail: string) => void,
): void {
  let owner: WriteOperation | undefined;
  for (const write of writes) {
    const stamp = ackOf(write);
    if (stamp === undefined) continue;
    const text = formatStamp(stamp);
    if (root === undefined || root.stamp < text) {
      blame(
        `acknowledged ${text} by ${describeOperation(write)} is lost: ${root?.stamp ?? "nothing"} is held`,
      );
    } else if (root.stamp === text) {
      owner = write;
    }
  }
  if (root === undefined) return;
  const isDeleted = root.kind === "tombstone";
  if (owner !== undefined) {
    if (isDeleted !== (owner.kind === "delete")) {
      blame(`${root.stamp} of ${describeOperation(owner)} is held as a ${root.kind}`);
    }
    return;
  }
  if (!isDeleted) return; // Whose value it is, the final reads tell.
  const mayBe = writes.some(
    (write) => write.kind === "delete" && ackOf(write) === undefined && !neverHappened(write),
  );
  if (!mayBe) blame(`deleted at ${root.stamp}, which nobody asked for`);
}

/** What clients read at the end is the greatest cell, and its value belongs to its stamp. */
function checkFinalReads(
  key: Key,
  root: DumpEntry | undefined,
  final: FinalState,
  blame: (detail: string) => void,
): void {
  for (const read of final.reads) {
    if (read.key !== key) continue;
    const outcome = read.outcome;
    if (outcome?.kind === "found") {
      const stamp = formatStamp(outcome.root.stamp);
      if (root === undefined || root.kind === "tombstone" || root.stamp !== stamp) {
        blame(
          `final read ${describeOperation(read)} found ${stamp}; held is ${root?.kind} ${root?.stamp}`,
        );
      }
    } else if (outcome?.kind === "absent") {
      if (root !== undefined && root.kind !== "tombstone") {
        blame(
          `final read ${describeOperation(read)} found nothing; held is ${root.kind} ${root.stamp}`,
        );
      }
    } else {
      blame(`final read ${describeOperation(read)} was not answered`);
    }
  }
  if (final.listed === undefined || root === undefined) return;
  const isVisible = root.kind !== "tombstone";
  if (final.listed.has(key) !== isVisible) {
    blame(`${isVisible ? "missing from" : "deleted and still in"} the final listing`);
  }
}

/**
 * A value found at `stamp` names its write: if that was acknowledged, it was under this stamp. A second, greater
 * stamp for it could overtake writes that came after the answer.
 */
export function checkOwnStamp(write: WriteOperation, stamp: string): string | undefined {
  const acked = ackOf(write);
  if (acked === undefined || formatStamp(acked) >= stamp) return undefined;
  return `${describeOperation(write)}, acknowledged at ${formatStamp(acked)}, was found at ${stamp}`;
}
