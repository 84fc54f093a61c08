/**
 * I6 for time to live: what a put asked for is what its value carries, nobody shows a value whose time is over, and
 * nobody hides one whose time is not. Judged by the clock of the node that was asked, which is the one that decides: of its
 * readings at both ends the more lenient one, for a clock may be set in between.
 */
import type { RootCell } from "../../src/model/cell.ts";
import type { ListEntry } from "../../src/model/outcome.ts";
import { compareStamps, formatStamp } from "../../src/model/stamp.ts";
import {
  ackOf,
  describeOperation,
  type History,
  isWrite,
  type Operation,
  operationOfValue,
  type Violation,
} from "../history.ts";
import { writesByKey } from "./durability.ts";

export function checkExpiry(history: History): Violation[] {
  return [...checkShown(history), ...checkHidden(history)];
}

function checkShown(history: History): Violation[] {
  const violations: Violation[] = [];
  const byId = new Map(history.operations.map((operation) => [operation.id, operation]));
  for (const operation of history.operations) {
    for (const { key, root } of shownBy(operation)) {
      const wrong = isOver(operation, root)
        ? `it expired at ${root.expiresAtMs}, and the clock showed ${wallsOf(operation).join(" to ")}`
        : isOtherThanAsked(history, root, byId.get(operationOfValue(root.payload) ?? 0));
      if (wrong === undefined) continue;
      const detail = `key ${key}: ${describeOperation(operation)} showed ${formatStamp(root.stamp)}: ${wrong}`;
      violations.push({ invariant: "I6", key, detail });
    }
  }
  return violations;
}

function shownBy(operation: Operation): readonly ListEntry[] {
  const { outcome } = operation;
  if (operation.kind === "read" && outcome?.kind === "found")
    return [{ key: operation.key, root: outcome.root }];
  return operation.kind === "list" && outcome?.kind === "page" ? outcome.entries : [];
}

/** What the clock of the node asked showed at the beginning and at the end. */
function wallsOf({ startWallMs, wallMs }: Operation): readonly [number, number] {
  const start = startWallMs ?? wallMs;
  return [Math.min(start, wallMs), Math.max(start, wallMs)];
}

function isOver(operation: Operation, { expiresAtMs }: RootCell): boolean {
  if (expiresAtMs === 0 || operation.startWallMs === undefined) return false;
  return wallsOf(operation)[0] > expiresAtMs + 1;
}

/** What is wrong with the expiry of a value that was found, if anything. */
function isOtherThanAsked(
  history: History,
  { expiresAtMs }: RootCell,
  write: Operation | undefined,
): string | undefined {
  if (write === undefined || !isWrite(write)) return undefined;
  const { ttlMs } = write;
  const source = describeOperation(write);
  if (ttlMs === undefined) {
    return expiresAtMs === 0 ? undefined : `${source} was to stay, and expires at ${expiresAtMs}`;
  }
  if (expiresAtMs === 0) return `${source} was to live for ${ttlMs} ms, and never expires`;
  if (!history.areClocksSteady || write.startWallMs === undefined) return undefined;
  // A write cut off has an end as well: when its node ended. One under way has none yet.
  const latestMs =
    write.endMs === undefined ? Number.POSITIVE_INFINITY : wallsOf(write)[1] + ttlMs + 1;
  if (expiresAtMs >= write.startWallMs + ttlMs - 1 && expiresAtMs <= latestMs) return undefined;
  return `${source} was to live for ${ttlMs} ms from ${wallsOf(write).join(" to ")}, and expires at ${expiresAtMs}`;
}

/** A key is answered "absent" at the stamp of a put: its time must be over. */
function checkHidden(history: History): Violation[] {
  const violations: Violation[] = [];
  const writes = writesByKey(history);
  for (const read of history.operations) {
    if (read.kind !== "read" || read.outcome?.kind !== "absent") continue;
    const { stamp } = read.outcome;
    if (stamp === undefined) continue;
    const put = writes.get(read.key)?.find((write) => {
      const acked = ackOf(write);
      return acked !== undefined && compareStamps(acked, stamp) === 0;
    });
    if (put?.kind !== "put") continue;
    const isEarly =
      put.ttlMs === undefined ||
      (history.areClocksSteady &&
        put.startWallMs !== undefined &&
        wallsOf(read)[1] < put.startWallMs + put.ttlMs - 1);
    if (!isEarly) continue;
    violations.push({
      invariant: "I6",
      key: read.key,
      detail: `key ${read.key}: ${describeOperation(read)} hides ${describeOperation(put)}, which lives for ${put.ttlMs ?? "ever"} ms`,
    });
  }
  return violations;
}
