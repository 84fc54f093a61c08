/**
 * What clients saw of a run, and what broke: the only things that checkers may judge by.
 * Times are virtual milliseconds of the world, not of any node.
 */
import { binaryFromBytes } from "../src/base/binary.ts";
import type { Condition } from "../src/model/condition.ts";
import type { Key } from "../src/model/key.ts";
import type { ListOutcome, ReadOutcome, WriteOutcome } from "../src/model/outcome.ts";
import type { Stamp } from "../src/model/stamp.ts";

interface OperationBase {
  /** Unique in the run; values carry it. */
  readonly id: number;
  /** The machine asked, and its boot. */
  readonly machine: number;
  readonly boot: number;
  readonly startMs: number;
  /** Milliseconds it was given. */
  readonly deadlineMs: number;
  /** Milliseconds that its process had spent paused before. */
  readonly pausedBeforeMs: number;
  /** `undefined` while under way. */
  endMs: number | undefined;
  pausedMs: number;
  /** The disk of the machine asked was well from the beginning to the end; absent where nobody could tell. */
  wasDiskWell?: boolean;
  /** What the wall clock of the machine asked showed at the beginning; absent where nobody could tell. */
  readonly startWallMs?: number;
  /** What the slowest wall clock of the cluster, and that of the machine asked, showed at the end. */
  slowestWallMs: number;
  wallMs: number;
  /** Its node ended under it: nothing is known of its effect. */
  isCutOff: boolean;
}

export interface WriteOperation extends OperationBase {
  readonly kind: "put" | "delete";
  readonly key: Key;
  /** `undefined` deletes. */
  readonly value: Uint8Array | undefined;
  readonly condition: Condition | undefined;
  readonly w: number | undefined;
  /** Time to live; absent or `undefined` never expires. */
  readonly ttlMs?: number | undefined;
  /** When it was answered the node asked was itself a primary of the key; absent where nobody could tell. */
  isAtPrimary?: boolean;
  outcome: WriteOutcome | undefined;
}

export interface ReadOperation extends OperationBase {
  readonly kind: "read";
  readonly key: Key;
  readonly r: number | undefined;
  readonly after: Stamp | undefined;
  outcome: ReadOutcome | undefined;
}

export interface ListOperation extends OperationBase {
  readonly kind: "list";
  outcome: ListOutcome | undefined;
}

export type Operation = WriteOperation | ReadOperation | ListOperation;

/** Something that must never be. */
export interface Violation {
  /** As in the list of invariants: I1, I2, ... */
  readonly invariant: string;
  readonly detail: string;
  readonly key?: Key;
}

/** A span of time in which the set of primaries may have differed between nodes. */
export interface Span {
  readonly fromMs: number;
  untilMs: number;
}

export interface History {
  readonly operations: readonly Operation[];
  /** While members came or went: rules about overlapping quorums say nothing across these. */
  readonly topologyChanges: readonly Span[];
  /** Keys of hashes, sets and counters: they are listed with the others, and judged by other rules. */
  readonly typedKeys?: ReadonlySet<Key>;
  /** No fault was switched on in this run. */
  readonly isCalm: boolean;
  /** No clock was set, forward or back, while the run lasted. */
  readonly areClocksSteady: boolean;
  /** What is deleted or expired may have been collected before the end. Absent: tombstones outlive the run. */
  readonly isCollecting?: boolean;
  /**
   * From when a disk was put back until its node has met all others again: who remembers what it had acknowledged may
   * be away, and then nobody can know. What was done meanwhile is not judged by what it meets.
   */
  readonly lostMemory?: readonly Span[];
}

export function isWrite(operation: Operation): operation is WriteOperation {
  return operation.kind === "put" || operation.kind === "delete";
}

/** The stamp under which a write was acknowledged, if it was. */
export function ackOf(operation: WriteOperation): Stamp | undefined {
  return operation.outcome?.kind === "written" ? operation.outcome.stamp : undefined;
}

/** Whether the answer to a write says that it never happened. */
export function neverHappened(operation: WriteOperation): boolean {
  const outcome = operation.outcome;
  if (outcome === undefined) return false;
  return (
    outcome.kind === "condition-failed" || (outcome.kind === "failed" && outcome.stored === "no")
  );
}

/** Whether a write leaves a key that is gone, at once or when its time is over. */
export function isEnding(operation: WriteOperation): boolean {
  return operation.kind === "delete" || operation.ttlMs !== undefined;
}

/** The bytes that a put writes: its operation's number, filled up to `bytes` with a pattern of its own. */
export function valueOf(id: number, bytes: number): Uint8Array {
  const head = Buffer.from(`v${id}:`, "latin1");
  const value = new Uint8Array(Math.max(bytes, head.length));
  value.fill(id % 251);
  value.set(head);
  return value;
}

/** The number of the operation whose value this claims to be; `undefined` when it is nobody's. */
export function operationOfValue(value: Uint8Array): number | undefined {
  const match = /^v([0-9]{1,15}):/.exec(binaryFromBytes(value, 0, Math.min(20, value.length)));
  return match === null ? undefined : Number(match[1]);
}

/** The content type that goes with a value, so that one mixed up with another is seen. */
export function contentTypeOf(id: number): string {
  return `application/x-operation-${id}`;
}

/** One line about an operation, for reports. */
export function describeOperation(operation: Operation): string {
  const at = `${operation.startMs.toFixed(1)}..${operation.endMs?.toFixed(1) ?? "?"}`;
  const outcome = operation.outcome;
  let end: string = operation.isCutOff ? "cut off" : "under way";
  if (outcome?.kind === "failed") end = `${outcome.code}, stored ${outcome.stored}`;
  else if (outcome !== undefined) end = outcome.kind;
  return `#${operation.id} ${operation.kind} at n${operation.machine} ${at} ${end}`;
}
