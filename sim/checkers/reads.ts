/**
 * What reads and listings may show while faults rage.
 *
 * I2: every value was put under that key, byte for byte, with its content type, before the read ended.
 * I3: never the value of a write that was answered "never happened".
 * Freshness: a read that heard so many primaries that one of them must have acknowledged an earlier write
 * (acks of both > N) is not older than that write; nor is any read older than the stamp it was given.
 */
import { majority } from "../../src/core/replication/quorum.ts";
import type { RootCell } from "../../src/model/cell.ts";
import type { Key } from "../../src/model/key.ts";
import { compareStamps, formatStamp, NO_STAMP, type Stamp } from "../../src/model/stamp.ts";
import {
  ackOf,
  contentTypeOf,
  describeOperation,
  type History,
  isWrite,
  neverHappened,
  type Operation,
  operationOfValue,
  type ReadOperation,
  type Violation,
} from "../history.ts";
import { checkOwnStamp, isNoWrite, mayBeCollected, writesByKey } from "./durability.ts";
import { isAcrossTopologyChange, isOwedToJoiners, isUnremembered } from "./order.ts";

export function checkReads(
  history: History,
  finalReads: readonly ReadOperation[] = [],
): Violation[] {
  const violations: Violation[] = [];
  const byId = new Map(history.operations.map((operation) => [operation.id, operation]));
  for (const operation of [...history.operations, ...finalReads]) {
    const outcome = operation.outcome;
    if (operation.kind === "read" && outcome?.kind === "found") {
      violations.push(...checkValue(operation, operation.key, outcome.root, byId));
    }
    if (operation.kind === "list" && outcome?.kind === "page") {
      for (const { key, root } of outcome.entries) {
        if (history.typedKeys?.has(key) === true) continue;
        violations.push(...checkValue(operation, key, root, byId));
      }
    }
  }
  violations.push(...checkFreshness(history));
  return violations;
}

function checkValue(
  seenBy: Operation,
  key: Key,
  root: RootCell,
  byId: ReadonlyMap<number, Operation>,
): Violation[] {
  const blame = (invariant: string, detail: string): Violation[] => [
    { invariant, key, detail: `key ${key}: ${describeOperation(seenBy)} ${detail}` },
  ];
  const id = operationOfValue(root.payload);
  const write = id === undefined ? undefined : byId.get(id);
  if (write === undefined || !isWrite(write) || write.value === undefined) {
    return blame("I2", `found ${root.payload.length} bytes that nobody wrote`);
  }
  if (write.key !== key) return blame("I2", `found the value of #${id}, written to ${write.key}`);
  if (Buffer.compare(write.value, root.payload) !== 0) return blame("I2", `found #${id} changed`);
  if (root.contentType !== contentTypeOf(write.id)) {
    return blame("I2", `found #${id} with the content type ${root.contentType}`);
  }
  if (seenBy.endMs !== undefined && write.startMs > seenBy.endMs) {
    return blame("I2", `found #${id} before it was written`);
  }
  if (neverHappened(write)) {
    return blame("I3", `found ${describeOperation(write)}, which was said never to have happened`);
  }
  const restamped = checkOwnStamp(write, formatStamp(root.stamp));
  return restamped === undefined ? [] : blame("I7", restamped);
}

function checkFreshness(history: History): Violation[] {
  const violations: Violation[] = [];
  const writes = writesByKey(history);
  for (const read of history.operations) {
    if (read.kind !== "read") continue;
    const outcome = read.outcome;
    if (outcome === undefined || outcome.kind === "failed") continue;
    const shown: Stamp =
      outcome.kind === "found" ? outcome.root.stamp : (outcome.stamp ?? NO_STAMP);
    const blame = (detail: string): void => {
      const text = `${describeOperation(read)} showed ${formatStamp(shown)}, ${detail}`;
      violations.push({ invariant: "fresh", key: read.key, detail: `key ${read.key}: ${text}` });
    };
    const isCollected = (stamp: Stamp): boolean =>
      history.isCollecting === true &&
      outcome.kind === "absent" &&
      isNoWrite(outcome.stamp) &&
      mayBeCollected(writes.get(read.key) ?? [], stamp);
    if (
      read.after !== undefined &&
      compareStamps(shown, read.after) < 0 &&
      !isCollected(read.after)
    ) {
      blame(`asked for nothing older than ${formatStamp(read.after)}`);
    }
    for (const write of writes.get(read.key) ?? []) {
      const stamp = ackOf(write);
      if (stamp === undefined || compareStamps(shown, stamp) >= 0 || isCollected(stamp)) continue;
      if (write.endMs === undefined || write.endMs >= read.startMs) continue;
      if (write.outcome?.kind !== "written") continue;
      const { quorum } = write.outcome;
      if (quorum.of !== outcome.quorum.of || quorum.acks + outcome.quorum.acks <= quorum.of)
        continue;
      if (isUnremembered(history, read)) continue;
      const isAcross = isAcrossTopologyChange(history, write.startMs, read.endMs ?? read.startMs);
      if (isAcross && !(isOwedToJoiners(write) && outcome.quorum.acks >= majority(quorum.of)))
        continue;
      blame(`after ${describeOperation(write)} had been acknowledged at ${formatStamp(stamp)}`);
    }
  }
  return violations;
}
