/** What becomes of a read, a question or a conditional write, in the words that callers are told. */
import { assert } from "../base/assert.ts";
import { nameAt } from "../core/causality/addresses.ts";
import { answerQuery, pageOf } from "../core/operations/answer.ts";
import type { RootCell } from "../model/cell.ts";
import type { OperationOutcome, Query, QueryOutcome } from "../model/operation.ts";
import type { Failure, ReadOutcome, WriteOutcome } from "../model/outcome.ts";
import { compareStamps, NO_STAMP } from "../model/stamp.ts";
import type { KeyRead } from "./key-reader.ts";
import { failure, readFailure } from "./request-context.ts";

const NO_BYTES = new Uint8Array(0);

export function readOutcome(read: KeyRead): ReadOutcome {
  if (read.kind !== "viewed") return failedRead(read);
  const { view, quorum, collected } = read;
  const { current } = view;
  if (current === undefined) {
    // The tombstone may be collected: then everything up to C is known to be gone.
    const gone = compareStamps(collected, NO_STAMP) > 0 ? collected : undefined;
    return { kind: "absent", stamp: view.root?.stamp ?? gone, quorum };
  }
  const text = view.text();
  if (text === undefined || current.kind === "value")
    return { kind: "found", root: current, quorum };
  // A counter is a string to everybody.
  const root = {
    ...current,
    kind: "value",
    type: "string",
    stamp: view.stamp,
    payload: text,
  } as const;
  return { kind: "found", root, quorum };
}

export function queryOutcome(query: Exclude<Query, { kind: "page" }>, read: KeyRead): QueryOutcome {
  if (read.kind === "too-many") {
    const result = { kind: "fault", fault: "too-many" } as const;
    return { kind: "answered", result, quorum: read.quorum };
  }
  if (read.kind === "failed") return failedRead(read);
  return { kind: "answered", result: answerQuery(query, read.view), quorum: read.quorum };
}

export function pageOutcome(query: Extract<Query, { kind: "page" }>, read: KeyRead): QueryOutcome {
  if (read.kind !== "viewed") return failedRead(read);
  const { view, quorum, through } = read;
  const isOther = view.type !== undefined && view.type !== query.type;
  const next = through === undefined ? undefined : nameAt(through);
  const result = isOther
    ? ({ kind: "fault", fault: "wrong-type" } as const)
    : pageOf(view, query.type, next);
  return { kind: "answered", result, quorum };
}

function failedRead(read: Exclude<KeyRead, { kind: "viewed" }>): Failure {
  if (read.kind === "too-many") return readFailure("overloaded", read.quorum);
  const failed = readFailure(read.code, read.quorum);
  return read.code === "too-new" ? { ...failed, newest: read.newest } : failed;
}

/** A root as a listing shows it. */
export function listed(root: RootCell, withValues: boolean): RootCell {
  return withValues ? root : { ...root, payload: NO_BYTES };
}

/** What became of a conditional write. */
export function writeOutcome(outcome: OperationOutcome): WriteOutcome {
  if (outcome.kind === "failed") return outcome;
  const { result, stamp, quorum } = outcome;
  if (result.kind === "condition-failed") return result;
  // More fields than one operation may look at, to find out whether the stamp is still theirs.
  if (result.kind === "fault") return failure("overloaded", "no", quorum);
  assert(stamp !== undefined, "a conditional write that was done has a stamp");
  return { kind: "written", stamp, quorum };
}
