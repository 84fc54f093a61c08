/**
 * I8: hashes, sets and counters keep what was acknowledged.
 *
 * A counter that is never deleted ends between the sum of the acknowledged additions and that plus the indeterminate ones. Of each field and
 * member the acknowledged change of the greatest stamp decides, unless one of unknown fate came above it. In a calm run no
 * two additions come to the same sum.
 */
import { binaryFromBytes } from "../../src/base/binary.ts";
import type { Key } from "../../src/model/key.ts";
import { compareStamps, formatStamp, type Stamp } from "../../src/model/stamp.ts";
import type { Violation } from "../history.ts";
import type { TypedOperation, TypedQuery } from "../typed-workload.ts";

export interface TypedHistory {
  readonly operations: readonly TypedOperation[];
  /** What was seen once all had settled, one for each key that was answered. */
  readonly finals: readonly TypedQuery[];
  readonly isCalm: boolean;
}

/** What an operation did to one field or member: a value, or `undefined` for gone. */
interface Effect {
  readonly value: string | undefined;
  readonly operation: TypedOperation;
}

/** Whether an operation was done, never happened, or nobody knows. */
function fateOf({ outcome }: TypedOperation): "done" | "not" | "unknown" {
  if (outcome === undefined) return "unknown";
  if (outcome.kind === "failed") return outcome.stored === "no" ? "not" : "unknown";
  return outcome.kind === "condition-failed" ? "not" : "done";
}

function stampOf({ outcome }: TypedOperation): Stamp | undefined {
  return outcome?.kind === "applied" || outcome?.kind === "written" ? outcome.stamp : undefined;
}

export function checkTypes(history: TypedHistory): Violation[] {
  const violations: Violation[] = [];
  const byKey = Map.groupBy(history.operations, ({ key }) => key);
  for (const [key, operations] of byKey) {
    const tell = (detail: string): void => {
      violations.push({ invariant: "I8", key, detail: `key ${key}: ${detail}` });
    };
    const final = history.finals.find((query) => query.key === key);
    const use = operations[0]?.use;
    if (use === "counter" || use === "hash-counter") {
      checkCounts(operations, final, tell);
      if (history.isCalm) checkSums(operations, tell);
    } else if (use === "wiped-counter" || use === "wiped-hash-counter") {
      checkWiped(operations, final, tell);
    } else if (use === "hash" || use === "set") checkFields(operations, final, tell);
    checkAnswers(key, operations, tell);
  }
  return violations;
}

function checkCounts(
  operations: readonly TypedOperation[],
  final: TypedQuery | undefined,
  tell: (detail: string) => void,
): void {
  if (final === undefined) return;
  const shown = valuesIn(final);
  if (shown === undefined) return tell(`a final query was answered ${final.outcome?.kind}`);
  const least = new Map<string, number>();
  const most = new Map<string, number>();
  for (const operation of operations) {
    const { asked } = operation;
    const name = asked.kind === "hash-add" ? asked.name : "";
    const fate = fateOf(operation);
    if (fate === "done") least.set(name, (least.get(name) ?? 0) + 1);
    if (fate !== "not") most.set(name, (most.get(name) ?? 0) + 1);
  }
  for (const [name, count] of most) {
    const value = Number(shown.get(name) ?? "0");
    if (value >= (least.get(name) ?? 0) && value <= count) continue;
    tell(
      `"${name}" counts ${value}; ${least.get(name) ?? 0} were acknowledged, ${count} asked for`,
    );
  }
}

/**
 * What was deleted does not count again: a counter is no more than the additions above the last acknowledged delete, and
 * those of unknown fate. How much of these it is may differ: a delete takes along what it did not know of.
 */
function checkWiped(
  operations: readonly TypedOperation[],
  final: TypedQuery | undefined,
  tell: (detail: string) => void,
): void {
  if (final === undefined) return;
  const shown = valuesIn(final);
  if (shown === undefined) return tell(`a final query was answered ${final.outcome?.kind}`);
  let wiped: Stamp | undefined;
  for (const operation of operations) {
    const { kind } = operation.asked;
    const stamp = fateOf(operation) === "done" ? stampOf(operation) : undefined;
    if ((kind !== "remove" && kind !== "hash-delete") || stamp === undefined) continue;
    if (wiped === undefined || compareStamps(stamp, wiped) > 0) wiped = stamp;
  }
  const most = operations.filter((operation) => {
    const { kind } = operation.asked;
    if ((kind !== "add" && kind !== "hash-add") || fateOf(operation) === "not") return false;
    const stamp = stampOf(operation);
    return stamp === undefined || wiped === undefined || compareStamps(stamp, wiped) > 0;
  }).length;
  const value = Number([...shown.values()][0] ?? "0");
  if (value <= most) return;
  const since = wiped === undefined ? "ever" : `since ${formatStamp(wiped)}`;
  tell(`counts ${value}; ${most} were asked for ${since}`);
}

/** Additions run one at a time: none comes to what another came to. */
function checkSums(operations: readonly TypedOperation[], tell: (detail: string) => void): void {
  const seen = new Map<string, TypedOperation>();
  for (const operation of operations) {
    const { outcome, asked } = operation;
    if (outcome?.kind !== "applied" || outcome.result.kind !== "integer") continue;
    const sum = `${asked.kind === "hash-add" ? asked.name : ""} ${outcome.result.value}`;
    const other = seen.get(sum);
    if (other !== undefined) tell(`~${other.id} and ~${operation.id} both came to${sum}`);
    seen.set(sum, operation);
  }
}

function checkFields(
  operations: readonly TypedOperation[],
  final: TypedQuery | undefined,
  tell: (detail: string) => void,
): void {
  if (final === undefined) return;
  const shown = valuesIn(final);
  if (shown === undefined) return tell(`a final query was answered ${final.outcome?.kind}`);
  for (const name of namesIn(operations)) {
    let last: (Effect & { readonly stamp: Stamp }) | undefined;
    const unknown: Effect[] = [];
    for (const operation of operations) {
      const fate = fateOf(operation);
      const effect = fate === "not" ? undefined : effectOn(name, operation);
      if (effect === undefined) continue;
      const stamp = stampOf(operation);
      // Of several members those that were there already are not written again.
      if (fate === "unknown" || stamp === undefined || isPartial(operation)) unknown.push(effect);
      else if (last === undefined || compareStamps(stamp, last.stamp) > 0) {
        last = { ...effect, stamp };
      }
    }
    const value = shown.get(name);
    if (value === last?.value || unknown.some((effect) => effect.value === value)) continue;
    const held = value ?? "nothing";
    const by =
      last === undefined
        ? "nothing was acknowledged"
        : `~${last.operation.id} at ${formatStamp(last.stamp)} left ${last.value ?? "nothing"}`;
    tell(`"${name}" is ${held}; ${by}, and ${unknown.length} may have been stored`);
  }
}

/** What is answered names only what somebody asked for. */
function checkAnswers(
  _key: Key,
  operations: readonly TypedOperation[],
  tell: (detail: string) => void,
): void {
  for (const operation of operations) {
    const { outcome, use } = operation;
    if (outcome?.kind !== "applied" || use === "mixed") continue;
    if (outcome.result.kind === "fault") {
      tell(`~${operation.id} ${operation.asked.kind} met a ${outcome.result.fault}`);
    }
  }
}

function namesIn(operations: readonly TypedOperation[]): Set<string> {
  const names = new Set<string>();
  for (const { asked } of operations) {
    if (asked.kind === "hash-set") for (const [name] of asked.entries) names.add(name);
    if (asked.kind === "set-add") for (const member of asked.members) names.add(member);
  }
  return names;
}

/** What an operation that was done, or may have been, did to a field or member; `undefined`: nothing. */
function effectOn(name: string, operation: TypedOperation): Effect | undefined {
  const { asked, outcome } = operation;
  const gone = { value: undefined, operation };
  switch (asked.kind) {
    case "remove":
    case "flush":
      return gone;
    case "hash-set": {
      const entry = asked.entries.find(([one]) => one === name);
      return entry === undefined ? undefined : { value: binaryFromBytes(entry[1]), operation };
    }
    case "set-add":
      return asked.members.includes(name) && isChanging(operation)
        ? { value: "", operation }
        : undefined;
    case "hash-delete":
      return asked.names.includes(name) && isChanging(operation) ? gone : undefined;
    case "set-remove":
      return asked.members.includes(name) && isChanging(operation) ? gone : undefined;
    case "set-pop": {
      if (outcome?.kind !== "applied") return gone;
      const names = outcome.result.kind === "names" ? outcome.result.names : [];
      return names.includes(name) ? gone : undefined;
    }
    default:
      return undefined;
  }
}

function isPartial({ asked, outcome }: TypedOperation): boolean {
  if (asked.kind !== "set-add" || outcome?.kind !== "applied") return false;
  const { result } = outcome;
  return result.kind === "integer" && Number(result.value) < asked.members.length;
}

function isChanging(operation: TypedOperation): boolean {
  return fateOf(operation) === "unknown" || stampOf(operation) !== undefined;
}

/** What a query showed, by name; of a counter under the empty name. */
function valuesIn({ outcome }: TypedQuery): Map<string, string> | undefined {
  if (outcome?.kind !== "answered") return undefined;
  const { result } = outcome;
  switch (result.kind) {
    case "none":
      return new Map();
    case "bytes":
      return new Map([["", binaryFromBytes(result.bytes)]]);
    case "page":
      return new Map(result.entries.map(([name, value]) => [name, binaryFromBytes(value)]));
    default:
      return undefined;
  }
}
