/**
 * What clients saw of real processes, in the form that the simulator's checkers read.
 *
 * Invariant: all times are of one clock, this process's, so "ended before the other began" is true in the world.
 * A million operations are kept: values are made again from their number where they are asked for.
 */

import {
  contentTypeOf,
  type History,
  type Operation,
  operationOfValue,
  type ReadOperation,
  type Span,
  type Violation,
  valueOf,
  type WriteOperation,
} from "../../../sim/history.ts";
import type { RootCell } from "../../../src/model/cell.ts";
import type { Condition } from "../../../src/model/condition.ts";
import type { Key } from "../../../src/model/key.ts";
import type { ReadOutcome, WriteOutcome } from "../../../src/model/outcome.ts";
import { NO_STAMP, type Stamp } from "../../../src/model/stamp.ts";

/** What happened to one process, boot after boot. */
export interface MachineRecord {
  readonly index: number;
  /** Processes started. */
  boots: number;
  /** Stopped by SIGSTOP. */
  readonly pauses: Span[];
  /** From the signal that ended it until the process after it served. */
  readonly absences: Absence[];
}

export interface Absence extends Span {
  /** The boot that ended. While it drains it may go on answering. */
  readonly boot: number;
}

export interface RealHistory extends History {
  readonly machines: readonly MachineRecord[];
  /** While this process itself stood still: nobody's lateness. */
  readonly stalls: readonly Span[];
  /** What the clients met that needs no checker to be wrong: answers that are none, processes that ended by themselves. */
  readonly oddities: readonly Violation[];
}

/** What an operation is begun with. */
export interface Ask {
  readonly machine: MachineRecord;
  readonly key: Key;
  readonly deadlineMs: number;
  readonly nowMs: number;
}

class RecordedWrite implements WriteOperation {
  readonly id: number;
  readonly kind: "put" | "delete";
  readonly machine: number;
  readonly boot: number;
  readonly key: Key;
  readonly startMs: number;
  readonly deadlineMs: number;
  readonly condition: Condition | undefined;
  readonly w: number | undefined;
  readonly bytes: number;
  readonly pausedBeforeMs = 0;
  pausedMs = 0;
  endMs: number | undefined = undefined;
  wallMs = 0;
  slowestWallMs = 0;
  isCutOff = false;
  outcome: WriteOutcome | undefined = undefined;

  constructor(
    id: number,
    ask: Ask,
    write: {
      readonly bytes: number | undefined;
      readonly condition: Condition | undefined;
      readonly w: number | undefined;
    },
  ) {
    this.id = id;
    this.kind = write.bytes === undefined ? "delete" : "put";
    this.machine = ask.machine.index;
    this.boot = ask.machine.boots;
    this.key = ask.key;
    this.startMs = ask.nowMs;
    this.deadlineMs = ask.deadlineMs;
    this.condition = write.condition;
    this.w = write.w;
    this.bytes = write.bytes ?? 0;
  }

  get value(): Uint8Array | undefined {
    return this.kind === "put" ? valueOf(this.id, this.bytes) : undefined;
  }
}

/** A value that was read and is, byte for byte, what a put wrote: kept by that put's name. */
class SeenRoot implements RootCell {
  readonly kind = "value";
  readonly type = "string";
  readonly expiresAtMs = 0;
  readonly cleared = NO_STAMP;
  readonly stamp: Stamp;
  readonly #write: RecordedWrite;

  constructor(stamp: Stamp, write: RecordedWrite) {
    this.stamp = stamp;
    this.#write = write;
  }

  get contentType(): string {
    return contentTypeOf(this.#write.id);
  }

  get payload(): Uint8Array {
    return valueOf(this.#write.id, this.#write.bytes);
  }
}

export class Recorder {
  readonly operations: Operation[] = [];
  readonly machines: readonly MachineRecord[];
  readonly stalls: Span[] = [];
  readonly oddities: Violation[] = [];

  constructor(machineCount: number) {
    this.machines = Array.from({ length: machineCount }, (_none, index) => ({
      index,
      boots: 0,
      pauses: [],
      absences: [],
    }));
  }

  /** `bytes` of the value; `undefined` deletes. */
  beginWrite(
    ask: Ask,
    write: {
      readonly bytes: number | undefined;
      readonly condition?: Condition | undefined;
      readonly w?: number | undefined;
    },
  ): WriteOperation {
    const { bytes, condition, w } = write;
    const operation = new RecordedWrite(this.operations.length + 1, ask, { bytes, condition, w });
    this.operations.push(operation);
    return operation;
  }

  beginRead(
    ask: Ask,
    read: { readonly r?: number | undefined; readonly after?: Stamp | undefined } = {},
  ): ReadOperation {
    const operation: ReadOperation = {
      id: this.operations.length + 1,
      kind: "read",
      machine: ask.machine.index,
      boot: ask.machine.boots,
      key: ask.key,
      startMs: ask.nowMs,
      deadlineMs: ask.deadlineMs,
      r: read.r,
      after: read.after,
      pausedBeforeMs: 0,
      pausedMs: 0,
      endMs: undefined,
      wallMs: 0,
      slowestWallMs: 0,
      isCutOff: false,
      outcome: undefined,
    };
    this.operations.push(operation);
    return operation;
  }

  /** `outcome` is `undefined` when the connection broke before there was an answer. */
  end(
    operation: WriteOperation | ReadOperation,
    outcome: WriteOutcome | ReadOutcome | undefined,
    nowMs: number,
  ): void {
    operation.endMs = nowMs;
    // One machine, one wall clock.
    operation.wallMs = performance.timeOrigin + nowMs;
    operation.slowestWallMs = operation.wallMs;
    const { pauses, absences } = this.machines[operation.machine] as MachineRecord;
    const absence = absences.at(-1);
    const isBack = outcome !== undefined && !isNotReady(outcome);
    if (isBack && absence !== undefined && operation.boot > absence.boot) {
      absence.untilMs = Math.min(absence.untilMs, nowMs);
    }
    operation.pausedMs =
      overlapMs(pauses, operation.startMs, nowMs) +
      overlapMs(this.stalls, operation.startMs, nowMs);
    if (outcome === undefined) operation.isCutOff = true;
    // Kinds of operation and outcome go together: the caller parses the one for the other.
    else (operation as { outcome: typeof outcome }).outcome = outcome;
  }

  /** The root that was read, for keeping. */
  keep(root: RootCell): RootCell {
    const id = operationOfValue(root.payload);
    const write = id === undefined ? undefined : this.operations[id - 1];
    if (!(write instanceof RecordedWrite) || write.value === undefined) return root;
    const isWhole =
      root.contentType === contentTypeOf(write.id) &&
      Buffer.compare(write.value, root.payload) === 0;
    return isWhole ? new SeenRoot(root.stamp, write) : root;
  }

  odd(invariant: string, detail: string, key?: Key): void {
    this.oddities.push(key === undefined ? { invariant, detail } : { invariant, detail, key });
  }

  history(): RealHistory {
    return {
      operations: this.operations,
      topologyChanges: [],
      isCalm: false,
      areClocksSteady: true,
      machines: this.machines,
      stalls: this.stalls,
      oddities: this.oddities,
    };
  }
}

function isNotReady(outcome: WriteOutcome | ReadOutcome): boolean {
  return outcome.kind === "failed" && outcome.code === "not-ready";
}

/** Milliseconds of from..until that lie within any of the spans, which follow one another. */
export function overlapMs(spans: readonly Span[], fromMs: number, untilMs: number): number {
  let sumMs = 0;
  for (let index = spans.length - 1; index >= 0; index -= 1) {
    const span = spans[index] as Span;
    if (span.untilMs <= fromMs) break;
    sumMs += Math.max(0, Math.min(span.untilMs, untilMs) - Math.max(span.fromMs, fromMs));
  }
  return sumMs;
}
