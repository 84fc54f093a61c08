/**
 * Judges a history of real processes: the simulator's rules, and what is particular to real ones.
 *
 * I1, I2, I3, I4, I7, I8 (conditions), I9 are those of sim/checkers. Here:
 * I6: a key whose last acknowledged write is a delete, every other write of it having ended before that began, is
 *     gone at the end. Indeterminate writes count as ended when their connection was: whoever stamped them did so
 *     before the delete did, on the same wall clock.
 * I12: every request is answered by its deadline, and a connection breaks only where its process was killed, stopped
 *     or drained. (That no answer lies, I1 and I3 find.)
 */
import { checkConvergence, checkStampsOfCells } from "../../../sim/checkers/convergence.ts";
import { checkDurability, writesByKey } from "../../../sim/checkers/durability.ts";
import { type FinalState, rootsOf } from "../../../sim/checkers/final-state.ts";
import { checkOrder } from "../../../sim/checkers/order.ts";
import { checkPromises } from "../../../sim/checkers/promises.ts";
import { checkReads } from "../../../sim/checkers/reads.ts";
import {
  ackOf,
  describeOperation,
  isWrite,
  neverHappened,
  type Operation,
  type Span,
  type Violation,
  type WriteOperation,
} from "../../../sim/history.ts";
import { DEADLINE_MS_DEFAULT } from "../../../src/model/limits.ts";
import { formatStamp } from "../../../src/model/stamp.ts";
import { overlapMs, type RealHistory } from "./recorded.ts";

/**
 * Beyond the deadline. The simulator judges to a tenth of a second; here nodes share their cores with each other, with
 * the clients and with whatever else runs, and only a request that hangs can be told from one that is not scheduled.
 */
const SLACK_MS = 5_000;
/** Signals, closing sockets and what is noticed of them take a moment. */
const CAUSE_MS = 500;

/** Everything that must not be; `final` is `undefined` when the cluster did not settle, which is a violation by itself. */
export function judge(
  history: RealHistory,
  final: FinalState | undefined,
  nowMs: number,
): Violation[] {
  const violations = [
    ...history.oddities,
    ...checkEnds(history, nowMs),
    ...checkReads(history, final?.reads),
    ...checkOrder(history),
    ...checkPromises(history),
  ];
  if (final === undefined) return violations;
  return [
    ...violations,
    ...checkDurability(history, final),
    ...checkConvergence(final),
    ...checkStampsOfCells(final.dumps),
    ...checkDeleted(history, final),
  ];
}

/** The most that any request was late, in milliseconds; negative when none was. */
export function latenessMs(history: RealHistory, nowMs: number): number {
  let latestMs = Number.NEGATIVE_INFINITY;
  for (const operation of history.operations) {
    if (!operation.isCutOff) latestMs = Math.max(latestMs, lateMs(history, operation, nowMs));
  }
  return latestMs;
}

/** A process that starts takes connections before it serves: until then nobody has read the request. */
function lateMs(history: RealHistory, operation: Operation, nowMs: number): number {
  const { startMs, deadlineMs, pausedMs, machine } = operation;
  const endMs = operation.endMs ?? nowMs;
  const absences = history.machines[machine]?.absences ?? [];
  return endMs - startMs - deadlineMs - pausedMs - overlapMs(absences, startMs, endMs);
}

function checkEnds(history: RealHistory, nowMs: number): Violation[] {
  const violations: Violation[] = [];
  const blame = (operation: Operation, detail: string): void => {
    violations.push({
      invariant: "I12",
      detail: `${describeOperation(operation)} ${detail}`,
      ...(operation.kind === "list" ? {} : { key: operation.key }),
    });
  };
  for (const operation of history.operations) {
    const late = lateMs(history, operation, nowMs);
    if (operation.isCutOff) {
      if (!hasCause(history, operation)) blame(operation, "for no reason");
    } else if (late > SLACK_MS) {
      blame(operation, `is ${late.toFixed(0)} ms late, of ${operation.deadlineMs} given`);
    }
  }
  return violations;
}

/**
 * Plain writes (no quorum or condition of their own, the usual time) that failed at a node to which nothing was done:
 * the store promises to take those. Counted, not judged: on a starved machine five seconds can be too few.
 */
export function plainWritesFailed(history: RealHistory): number {
  return history.operations.filter(
    (operation) =>
      isWrite(operation) &&
      operation.w === undefined &&
      operation.condition === undefined &&
      operation.deadlineMs >= DEADLINE_MS_DEFAULT &&
      operation.outcome?.kind === "failed" &&
      !hasCause(history, operation),
  ).length;
}

function hasCause(history: RealHistory, operation: Operation): boolean {
  const machine = history.machines[operation.machine];
  if (machine === undefined) return false;
  const fromMs = operation.startMs - CAUSE_MS;
  const untilMs = (operation.endMs ?? operation.startMs) + CAUSE_MS;
  const wasThere = (spans: readonly Span[]): boolean => overlapMs(spans, fromMs, untilMs) > 0;
  return wasThere(machine.absences) || wasThere(machine.pauses);
}

function checkDeleted(history: RealHistory, final: FinalState): Violation[] {
  const violations: Violation[] = [];
  const roots = rootsOf(final.dumps);
  for (const [key, writes] of writesByKey(history)) {
    const last = lastDelete(writes);
    const root = roots.get(key);
    if (last === undefined || root?.kind === "tombstone") continue;
    const stamp = ackOf(last);
    violations.push({
      invariant: "I6",
      key,
      detail: `key ${key}: ${describeOperation(last)} ${stamp === undefined ? "" : formatStamp(stamp)} was the last write; held is ${root?.kind ?? "nothing"} ${root?.stamp ?? ""}`,
    });
  }
  return violations;
}

/** The acknowledged delete that began after every other write of its key had ended. */
function lastDelete(writes: readonly WriteOperation[]): WriteOperation | undefined {
  const real = writes.filter((write) => !neverHappened(write));
  const last = real.at(-1);
  if (last?.kind !== "delete" || ackOf(last) === undefined) return undefined;
  const isAlone = real.every(
    (write) => write === last || (write.endMs !== undefined && write.endMs < last.startMs),
  );
  return isAlone ? last : undefined;
}
