/**
 * I1: every acknowledged write is there at the end, or something greater that somebody asked for has taken its place.
 *
 * The acknowledged stamp is the yardstick: merge keeps the greatest, so the final cell of a key must not be
 * below any stamp that was acknowledged for it; if it is equal it must be that very write; if it is above, it
 * must come from a write of this key that may have happened and was not acknowledged under another stamp.
 */
import type { Key } from "../../src/model/key.ts";
import { compareStamps, formatStamp, type Stamp } from "../../src/model/stamp.ts";
import type { DumpEntry } from "../../src/node/store.ts";
import {
  ackOf,
  describeOperation,
  type History,
  isEnding,
  isWrite,
  neverHappened,
  type ReadOperation,
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
    const root = roots.get(key);
    checkStamps(writes, root, history.isCollecting === true, blame);
    checkFinalReads(key, root, final, blame);
    checkGone(writes, root, (detail) => {
      violations.push({ invariant: "I6", key, detail: `key ${key}: ${detail}` });
    });
  }
  return violations;
}

/**
 * Whether nothing at all may be left of a key of which `stamp` was acknowledged: a delete or an expiring put of at least
 * that stamp may have happened. To be asked only where what is gone is collected.
 */
export function mayBeCollected(writes: readonly WriteOperation[], stamp: Stamp): boolean {
  return writes.some((write) => {
    if (!isEnding(write) || neverHappened(write)) return false;
    const acked = ackOf(write);
    return acked === undefined || compareStamps(acked, stamp) >= 0;
  });
}

/**
 * Whether a read that showed this showed no write: nothing, which is newer than whatever was collected, or what its slot had named
 * as collected before. While a slot drops what it collects it names the time before, and what is gone shows that.
 */
export function isNoWrite(shown: Stamp | undefined): boolean {
  return shown === undefined || shown.boot === 0;
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
  isCollecting: boolean,
  blame: (detail: string) => void,
): void {
  let owner: WriteOperation | undefined;
  for (const write of writes) {
    const stamp = ackOf(write);
    if (stamp === undefined) continue;
    const text = formatStamp(stamp);
    if (root === undefined && isCollecting && mayBeCollected(writes, stamp)) continue;
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

/** I6: nothing older than an acknowledged delete, or than a put that has expired, can be seen. */
function checkGone(
  writes: readonly WriteOperation[],
  root: DumpEntry | undefined,
  blame: (detail: string) => void,
): void {
  if (root === undefined || root.kind === "tombstone") return;
  for (const write of writes) {
    const stamp = ackOf(write);
    if (stamp === undefined || !isEnding(write) || root.stamp >= formatStamp(stamp)) continue;
    blame(`${root.stamp} is back, after ${describeOperation(write)} at ${formatStamp(stamp)}`);
  }
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
      if (root !== undefined && root.kind !== "tombstone" && !mayBeOver(root, read)) {
        blame(
          `final read ${describeOperation(read)} found nothing; held is ${root.kind} ${root.stamp}`,
        );
      }
    } else {
      blame(`final read ${describeOperation(read)} was not answered`);
    }
  }
  if (final.listed === undefined || root === undefined) return;
  const isVisible = root.kind !== "tombstone" && !isPast(root, final.listedWalls?.leastMs);
  // Whose clock judged, and when, is not known: between the least and the greatest either is right.
  if (isVisible && isPast(root, final.listedWalls?.mostMs)) return;
  if (final.listed.has(key) !== isVisible) {
    blame(`${isVisible ? "missing from" : "deleted and still in"} the final listing`);
  }
}

/** Whether a value's time was over at some clock that a final read may have been judged by. */
function mayBeOver(root: DumpEntry, { startWallMs, wallMs }: ReadOperation): boolean {
  return isPast(root, Math.max(startWallMs ?? wallMs, wallMs));
}

function isPast({ expiresAtMs }: DumpEntry, wallMs: number | undefined): boolean {
  return expiresAtMs !== 0 && wallMs !== undefined && wallMs > expiresAtMs;
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
