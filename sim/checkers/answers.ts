/**
 * I12: every request ends once, by its deadline. (That no answer lies is for I1 and I3 to find; that none comes
 * twice, the workload notices.) Calm runs must also succeed: without a fault there is nothing to fail for.
 */
import {
  describeOperation,
  type History,
  isWrite,
  type Operation,
  type Violation,
} from "../history.ts";
import { isAcrossTopologyChange } from "./order.ts";

/**
 * A node looks at what it has asked of others every 100 ms; timers are late by up to 16 ms here, a turn by half of
 * one, and a clock runs at most a thousandth wrong.
 */
const SLACK_MS = 150;
/** A request with less time than this may fail even in calm: networks have long tails. */
const FAIR_DEADLINE_MS = 2_000;

export function checkAnswers(history: History, nowMs: number): Violation[] {
  const violations: Violation[] = [];
  for (const operation of history.operations) {
    if (operation.isCutOff) continue;
    const endMs = operation.endMs ?? nowMs;
    const allowedMs = operation.deadlineMs * 1.002 + operation.pausedMs + SLACK_MS;
    if (endMs - operation.startMs > allowedMs) {
      violations.push({
        invariant: "I12",
        detail: `${describeOperation(operation)} took ${(endMs - operation.startMs).toFixed(1)} ms of ${operation.deadlineMs}, ${operation.pausedMs.toFixed(1)} of them paused`,
      });
    }
    if (history.isCalm && isFailure(operation) && operation.deadlineMs >= FAIR_DEADLINE_MS) {
      violations.push({
        invariant: "I11",
        detail: `${describeOperation(operation)} failed in a calm run`,
      });
    }
  }
  return [...violations, ...checkAlwaysWritable(history)];
}

/**
 * The first promise: a write that asks for nothing special is taken while its node can store it, whatever else is
 * broken. Not judged: nodes that stop, were paused or have a sick disk, and times in which members change.
 */
function checkAlwaysWritable(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const operation of history.operations) {
    if (!isWrite(operation) || operation.outcome?.kind !== "failed") continue;
    const { code } = operation.outcome;
    const isPlain = operation.condition === undefined && operation.w === undefined;
    if (!isPlain || operation.deadlineMs < FAIR_DEADLINE_MS || code === "shutting-down") continue;
    if (operation.pausedMs > 0 || operation.wasDiskWell !== true) continue;
    const { startMs, endMs } = operation;
    if (isAcrossTopologyChange(history, startMs, endMs ?? startMs)) continue;
    violations.push({
      invariant: "writable",
      key: operation.key,
      detail: describeOperation(operation),
    });
  }
  return violations;
}

/** Not counted: a conditional write that met a concurrent one may say so even in calm. */
function isFailure(operation: Operation): boolean {
  const outcome = operation.outcome;
  if (outcome?.kind !== "failed") return false;
  return !(isWrite(operation) && operation.condition !== undefined && outcome.code === "contended");
}
