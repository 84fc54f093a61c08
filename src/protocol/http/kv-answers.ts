/**
 * Outcomes of requests for one key as answers.
 *
 * Every answer carries the stamp (`ETag`) where there is one, and how the quorum was met (`Dnd-Acks`).
 */

import { assert, unreachable } from "../../base/assert.ts";
import type { RootCell } from "../../model/cell.ts";
import type { QueryResult } from "../../model/operation.ts";
import type { Failure, QuorumReport, ReadOutcome, WriteOutcome } from "../../model/outcome.ts";
import { formatStamp, type Stamp } from "../../model/stamp.ts";
import { type Answer, GUARD_HEADERS, NDJSON_TYPE, problemAnswer } from "./answer.ts";
import { formatTag, matchesTag, type ReadConditions } from "./conditions.ts";
import { containerText } from "./container-text.ts";
import { JSON_TYPE, labelOf } from "./content-type.ts";
import { isProblem, type Problem, problem } from "./problem.ts";
import { formatTime } from "./time-text.ts";

/** `2/3; hinted=1`: primaries that acknowledged or answered, of how many; copies held by fallbacks. */
export function formatAcks(quorum: QuorumReport): string {
  return `${quorum.acks}/${quorum.of}; hinted=${quorum.hinted}`;
}

/** `PUT` and `POST`: 200 with the stamp and the copies. */
export function putAnswer(outcome: WriteOutcome): Answer {
  if (outcome.kind !== "written") return writeFailure(outcome);
  const { quorum } = outcome;
  const stamp = formatStamp(outcome.stamp);
  return {
    status: 200,
    headers: [
      "ETag",
      `"${stamp}"`,
      "Dnd-Acks",
      formatAcks(quorum),
      "Content-Type",
      "application/json",
      ...GUARD_HEADERS,
    ],
    // Written out: this is the hot path, and nothing in it needs escaping.
    body: `{"stamp":"${stamp}","acks":${quorum.acks},"of":${quorum.of},"hinted":${quorum.hinted}}\n`,
  };
}

/** `DELETE`: 204, whether or not the key existed. */
export function deleteAnswer(outcome: WriteOutcome): Answer {
  if (outcome.kind !== "written") return writeFailure(outcome);
  return {
    status: 204,
    headers: [
      "ETag",
      formatTag(outcome.stamp),
      "Dnd-Acks",
      formatAcks(outcome.quorum),
      ...GUARD_HEADERS,
    ],
    body: undefined,
  };
}

/** `GET` and `HEAD` of a value: 200 with it, 304 or 412 by its conditions, 404. */
export function readAnswer(outcome: ReadOutcome, conditions: ReadConditions): Answer {
  switch (outcome.kind) {
    case "found": {
      const { root, quorum } = outcome;
      assert(root.kind === "value", "a hash or set is answered by all of it");
      return foundAnswer({ ...root, type: "string", quorum }, conditions, () => ({
        contentType: root.contentType === "" ? labelOf(root.payload) : root.contentType,
        body: root.payload,
      }));
    }
    case "absent":
      return absentAnswer(outcome.stamp, outcome.quorum, conditions);
    case "failed":
      return failureAnswer(outcome);
    default:
      return unreachable(outcome);
  }
}

/** `GET` and `HEAD` of a hash or a set: 200 with all of it as JSON, or a line each; else as a value. */
export function containerAnswer(
  whole: Extract<QueryResult, { kind: "page" }>,
  quorum: QuorumReport,
  conditions: ReadConditions,
  asLines: boolean,
): Answer {
  const { type, entries, expiresAtMs, stamp } = whole;
  return foundAnswer({ stamp, expiresAtMs, type, quorum }, conditions, () => {
    const body = containerText(type, entries, asLines);
    if (typeof body !== "string") return body;
    return { contentType: asLines ? NDJSON_TYPE : JSON_TYPE, body };
  });
}

export function absentAnswer(
  stamp: Stamp | undefined,
  quorum: QuorumReport,
  conditions: ReadConditions,
): Answer {
  const headers = stampHeaders(stamp, quorum);
  if (conditions.match !== undefined) return problemAnswer(conditionFailed(undefined), headers);
  const { acks, of } = quorum;
  return problemAnswer(problem("key-not-found", "the key does not exist", { acks, of }), headers);
}

type Found = Pick<RootCell, "stamp" | "expiresAtMs"> & {
  readonly type: "string" | "hash" | "set";
  readonly quorum: QuorumReport;
};

function foundAnswer(
  { stamp, expiresAtMs, type, quorum }: Found,
  conditions: ReadConditions,
  show: () => { readonly contentType: string; readonly body: Uint8Array | string } | Problem,
): Answer {
  const headers = stampHeaders(stamp, quorum);
  if (conditions.match !== undefined && !matchesTag(conditions.match, stamp, "strong")) {
    return problemAnswer(conditionFailed(stamp), headers);
  }
  headers.push("Dnd-Type", type);
  // What is answered for a value, no header changes.
  if (type !== "string") headers.push("Vary", "Accept");
  if (expiresAtMs !== 0) headers.push("Dnd-Expires", formatTime(expiresAtMs));
  if (conditions.noneMatch !== undefined && matchesTag(conditions.noneMatch, stamp, "weak")) {
    return { status: 304, headers: [...headers, ...GUARD_HEADERS], body: undefined };
  }
  const shown = show();
  if (isProblem(shown)) return problemAnswer(shown, headers);
  headers.push("Content-Type", shown.contentType, ...GUARD_HEADERS);
  return { status: 200, headers, body: shown.body };
}

function stampHeaders(stamp: Stamp | undefined, quorum: QuorumReport): string[] {
  const acks = formatAcks(quorum);
  return stamp === undefined ? ["Dnd-Acks", acks] : ["ETag", formatTag(stamp), "Dnd-Acks", acks];
}

function writeFailure(outcome: Exclude<WriteOutcome, { kind: "written" }>): Answer {
  if (outcome.kind === "failed") return failureAnswer(outcome);
  const headers = outcome.current === undefined ? [] : ["ETag", formatTag(outcome.current)];
  return problemAnswer(conditionFailed(outcome.current), headers);
}

/** The 412 problem, with the stamp of what the key holds if it is known to hold something. */
export function conditionFailed(current: Stamp | undefined): Problem {
  if (current === undefined)
    return problem("condition-failed", "the condition does not hold; nothing was stored");
  const stamp = formatStamp(current);
  return problem("condition-failed", `the key holds ${stamp}; nothing was stored`, {
    current: stamp,
  });
}

/** A failed request as an answer. */
export function failureAnswer(failure: Failure): Answer {
  const headers = ["Dnd-Acks", formatAcks(failure.quorum)];
  if (failure.newest !== undefined) headers.unshift("ETag", formatTag(failure.newest));
  return problemAnswer(failureProblem(failure), headers);
}

/** A failed request as a problem: the codes are the same. */
export function failureProblem(failure: Failure): Problem {
  const { acks, of, hinted } = failure.quorum;
  const facts = { stored: failure.stored, acks, of, hinted };
  return problem(
    failure.code,
    failure.detail,
    failure.newest === undefined ? facts : { ...facts, newest: formatStamp(failure.newest) },
  );
}
