/**
 * What an answer says of itself, held against what was asked and what others were told.
 *
 * I12: an answer to a demanded w or r counts so many primaries. I11: in calm, default requests meet majorities of
 * primaries, so nothing stands in for anybody, unless their deadline came before anybody could answer. I8: a conditional write that was acknowledged held its condition, as
 * far as one state of the key was possible. Fresh: what a read with r of a majority showed, later ones show too.
 */
import { majority } from "../../src/core/replication/quorum.ts";
import { SILENCE_MS } from "../../src/core/replication/write-coordinator.ts";
import type { Key } from "../../src/model/key.ts";
import type { QuorumReport } from "../../src/model/outcome.ts";
import { compareStamps, formatStamp, NO_STAMP, type Stamp } from "../../src/model/stamp.ts";
import {
  ackOf,
  describeOperation,
  type History,
  isWrite,
  neverHappened,
  type Operation,
  type ReadOperation,
  type Violation,
  type WriteOperation,
} from "../history.ts";
import { isNoWrite, mayBeCollected, writesByKey } from "./durability.ts";
import { isAcrossTopologyChange, isUnremembered } from "./order.ts";

export function checkPromises(history: History): Violation[] {
  return [...checkCounts(history), ...checkConditions(history), ...checkRepairedReads(history)];
}

function checkCounts(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const operation of history.operations) {
    const quorum = quorumOf(operation);
    if (quorum === undefined || operation.kind === "list") continue;
    const demanded = isWrite(operation) ? operation.w : operation.r;
    const counted = `${describeOperation(operation)} counts ${quorum.acks} of ${quorum.of}`;
    if (demanded !== undefined && quorum.acks < Math.min(demanded, quorum.of)) {
      violations.push({
        invariant: "I12",
        key: operation.key,
        detail: `${counted}, and ${demanded} were demanded`,
      });
    }
    const hadTime = operation.deadlineMs - operation.startMs >= SILENCE_MS;
    if (history.isCalm && hadTime && demanded === undefined && quorum.acks < majority(quorum.of)) {
      violations.push({ invariant: "I11", key: operation.key, detail: `${counted} in a calm run` });
    }
  }
  return violations;
}

/** Of answers that say that it was done. */
function quorumOf(operation: Operation): QuorumReport | undefined {
  const { outcome } = operation;
  if (outcome?.kind === "written" || outcome?.kind === "found" || outcome?.kind === "absent")
    return outcome.quorum.of === 0 ? undefined : outcome.quorum;
  return undefined;
}

function checkConditions(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const [key, writes] of writesByKey(history)) {
    for (const write of writes) {
      if (write.condition === undefined || write.outcome?.kind !== "written") continue;
      const before = onlyStateBefore(history, write, writes);
      if (before === undefined || didHold(write, before)) continue;
      violations.push({
        invariant: "I8",
        key,
        detail: `key ${key}: ${describeOperation(write)} if ${write.condition.kind}, after ${describeOperation(before)}`,
      });
    }
  }
  return violations;
}

/**
 * The write that a conditional one must have found, if no other can have been there: its primaries and those of the
 * earlier one meet in a node, which pushes back whoever has not read it.
 */
function onlyStateBefore(
  history: History,
  write: WriteOperation,
  writes: readonly WriteOperation[],
): WriteOperation | undefined {
  let found: WriteOperation | undefined;
  for (const earlier of writes) {
    const stamp = ackOf(earlier);
    if (stamp === undefined || earlier.endMs === undefined) continue;
    if (earlier.endMs >= write.startMs || !doMeet(earlier, write)) continue;
    const newest = found === undefined ? undefined : ackOf(found);
    if (newest === undefined || compareStamps(stamp, newest) > 0) found = earlier;
  }
  if (found?.endMs === undefined || write.endMs === undefined) return undefined;
  if (isUnremembered(history, write)) return undefined;
  if (isAcrossTopologyChange(history, found.startMs, write.endMs)) return undefined;
  const foundStamp = ackOf(found) ?? NO_STAMP;
  for (const other of writes) {
    if (other === found || other === write || neverHappened(other)) continue;
    const stamp = ackOf(other);
    if (other.startMs > write.endMs) continue;
    if (stamp === undefined || compareStamps(stamp, foundStamp) > 0) return undefined;
  }
  return found;
}

function doMeet(earlier: WriteOperation, later: WriteOperation): boolean {
  const one = quorumOf(earlier);
  const other = quorumOf(later);
  return one !== undefined && one.of === other?.of && one.acks + other.acks > one.of;
}

function didHold({ condition }: WriteOperation, before: WriteOperation): boolean {
  switch (condition?.kind) {
    // Whose clock judged a time to live is not known here.
    case "absent":
      return before.kind === "delete" || before.ttlMs !== undefined;
    case "exists":
      return before.kind === "put";
    case "stamp-is":
      return compareStamps(ackOf(before) ?? NO_STAMP, condition.stamp) === 0;
    case undefined:
      return true;
  }
}

function checkRepairedReads(history: History): Violation[] {
  const violations: Violation[] = [];
  const writes = writesByKey(history);
  for (const [key, reads] of readsByKey(history)) {
    const isCollected = (stamp: Stamp): boolean =>
      history.isCollecting === true && mayBeCollected(writes.get(key) ?? [], stamp);
    for (const earlier of reads) {
      const shown = shownBy(earlier);
      const quorum = quorumOf(earlier);
      if (earlier.r === undefined || shown === undefined || earlier.endMs === undefined) continue;
      if (quorum === undefined || quorum.acks < majority(quorum.of)) continue;
      for (const later of reads) {
        const other = quorumOf(later);
        const shownLater = shownBy(later);
        if (later.startMs <= earlier.endMs || other === undefined) continue;
        if (other.of !== quorum.of || other.acks < majority(other.of)) continue;
        if (shownLater !== undefined && compareStamps(shownLater, shown) >= 0) continue;
        if (isNoWrite(shownLater) && isCollected(shown)) continue;
        if (isUnremembered(history, later)) continue;
        if (isAcrossTopologyChange(history, earlier.startMs, later.endMs ?? later.startMs))
          continue;
        violations.push({
          invariant: "fresh",
          key,
          detail: `key ${key}: ${describeOperation(later)} showed ${formatStamp(shownLater ?? NO_STAMP)}, after ${describeOperation(earlier)} with r=${earlier.r} had shown ${formatStamp(shown)}`,
        });
      }
    }
  }
  return violations;
}

function readsByKey(history: History): Map<Key, ReadOperation[]> {
  const byKey = new Map<Key, ReadOperation[]>();
  for (const operation of history.operations) {
    if (operation.kind !== "read") continue;
    const reads = byKey.get(operation.key);
    if (reads === undefined) byKey.set(operation.key, [operation]);
    else reads.push(operation);
  }
  return byKey;
}

function shownBy({ outcome }: ReadOperation): Stamp | undefined {
  if (outcome?.kind === "found") return outcome.root.stamp;
  return outcome?.kind === "absent" ? outcome.stamp : undefined;
}
