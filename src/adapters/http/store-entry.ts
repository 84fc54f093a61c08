/**
 * One line of a bulk request as writes: a value is put, a hash or set takes the place of what its key held, and a part of
 * one that continues another is added.
 */
import type { Operation } from "../../model/operation.ts";
import type { QuorumReport } from "../../model/outcome.ts";
import type { OperateRequest } from "../../model/request.ts";
import type { Stamp } from "../../model/stamp.ts";
import type { Store } from "../../node/store.ts";
import type { BulkEntry, FieldsEntry, ValueEntry } from "../../protocol/http/bulk-line.ts";
import { failureProblem } from "../../protocol/http/kv-answers.ts";
import { type Problem, problem } from "../../protocol/http/problem.ts";

const NO_QUORUM: QuorumReport = { acks: 0, of: 0, hinted: 0 };

interface StoreOptions {
  readonly w: number | undefined;
  readonly deadlineMs: number | undefined;
  /** `keep`: what the key holds stays, and of a hash or set what it lacks is added. */
  readonly existing: "replace" | "keep";
}

export interface Stored {
  readonly kind: "stored";
  /** `undefined` where all that it adds was there. */
  readonly stamp: Stamp | undefined;
  readonly quorum: QuorumReport;
  /** Nothing was written, because of what the key holds. */
  readonly isKept?: boolean;
}

type Done = (outcome: Stored | Problem) => void;

export function storeEntry(
  store: Store,
  entry: BulkEntry,
  options: StoreOptions,
  done: Done,
): void {
  if (entry.type === "string") storeValue(store, entry, options, done);
  else if (options.existing === "keep") addFields(store, entry, options, done);
  else storeFields(store, entry, options, done);
}

/** Bytes that an entry holds on to while it is stored. */
export function bytesOfEntry(entry: BulkEntry): number {
  if (entry.type === "string") return entry.value.length;
  return entry.entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

function storeValue(store: Store, entry: ValueEntry, options: StoreOptions, done: Done): void {
  const { key, value, contentType, expiresAtMs } = entry;
  const { w, deadlineMs, existing } = options;
  const condition = existing === "keep" ? ({ kind: "absent" } as const) : undefined;
  store.put({ key, value, contentType, expiresAtMs, w, deadlineMs, condition }, (outcome) => {
    if (outcome.kind === "written") return done({ ...outcome, kind: "stored" });
    if (outcome.kind === "failed") return done(failureProblem(outcome));
    done({ kind: "stored", stamp: undefined, quorum: NO_QUORUM, isKept: true });
  });
}

/** Begins the key with these fields, or gives it those that it lacks; one of another type stays as it is. */
function addFields(store: Store, entry: FieldsEntry, options: StoreOptions, done: Done): void {
  const { key, type, entries, expiresAtMs = 0 } = entry;
  const { w, deadlineMs } = options;
  const members = entries.map(([name]) => name);
  const when = "absent";
  const begin: Operation =
    type === "hash"
      ? { kind: "hash-replace", entries, expiresAtMs, when }
      : { kind: "set-replace", members, expiresAtMs, when };
  const add: Operation =
    type === "hash" ? { kind: "hash-set", entries, when } : { kind: "set-add", members };
  operate(store, { key, w, deadlineMs, operation: begin }, (begun) => {
    if (begun.kind === "problem" || begun.stamp !== undefined) return done(begun);
    operate(store, { key, w, deadlineMs, operation: add }, (added) => {
      if (added.kind === "problem" && added.code === "wrong-type") {
        return done({ kind: "stored", stamp: undefined, quorum: NO_QUORUM, isKept: true });
      }
      const isKept = added.kind === "stored" && added.stamp === undefined;
      done(isKept ? { ...added, isKept } : added);
    });
  });
}

function storeFields(store: Store, entry: FieldsEntry, options: StoreOptions, done: Done): void {
  const { key, continues, expiresAtMs } = entry;
  const request = { key, w: options.w, deadlineMs: options.deadlineMs };
  operate(store, { ...request, operation: operationOf(entry) }, (outcome) => {
    if (outcome.kind === "problem" || !continues || expiresAtMs === undefined) {
      return done(outcome);
    }
    // Where the key has ended since its first part was stored, this part has begun another, without an end.
    const operation = { kind: "expire", expiresAtMs, when: "always" } as const;
    operate(store, { ...request, operation }, (last) => {
      if (last.kind === "stored") done(last.stamp === undefined ? outcome : last);
      else done({ ...last, facts: { ...last.facts, stored: "maybe" } });
    });
  });
}

function operationOf({ type, entries, continues, expiresAtMs = 0 }: FieldsEntry): Operation {
  const when = "always";
  if (type === "hash") {
    if (continues) return { kind: "hash-set", entries, when };
    return { kind: "hash-replace", entries, expiresAtMs, when };
  }
  const members = entries.map(([name]) => name);
  if (continues) return { kind: "set-add", members };
  return { kind: "set-replace", members, expiresAtMs, when };
}

function operate(store: Store, request: OperateRequest, done: Done): void {
  store.operate(request, (outcome) => {
    if (outcome.kind === "failed") return done(failureProblem(outcome));
    const { result, stamp, quorum } = outcome;
    if (result.kind !== "fault") return done({ kind: "stored", stamp, quorum });
    if (result.fault === "wrong-type") {
      return done(problem("wrong-type", "the key holds another type than the line continues"));
    }
    // What was counted for its fields goes with them, and is more than one write holds.
    done(problem("too-many", "what the line changes is more than one write holds"));
  });
}
