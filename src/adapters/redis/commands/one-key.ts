/**
 * Commands that come to one request on one key: the request, and its outcome as a reply.
 *
 * Invariant: a request that failed is answered with an error that says so, and never with what the
 * key would have held.
 */
import { assert } from "../../../base/assert.ts";
import type { RootCell } from "../../../model/cell.ts";
import type { Key } from "../../../model/key.ts";
import type { Operation, OperationResult } from "../../../model/operation.ts";
import type { Failure, WriteOutcome } from "../../../model/outcome.ts";
import { NULL, OK, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call } from "../command.ts";
import { failureReply, faultReply } from "../failures.ts";
import { bulkReply, integerReply } from "./replies.ts";

/**
 * Answers with what `shown` makes of the root, which is `undefined` where the key does not exist.
 */
export function answerRoot(
  call: Call,
  key: Key,
  shown: (root: RootCell | undefined, call: Call) => Reply,
): void {
  call.store.read({ key }, (outcome) => {
    if (outcome.kind === "failed") call.reply(failureReply(outcome));
    else call.reply(shown(outcome.kind === "found" ? outcome.root : undefined, call));
  });
}

/**
 * Answers with what `shown` makes of the string at `key`, `undefined` where there is nothing; or
 * that it is no string.
 */
export function answerString(
  call: Call,
  key: Key,
  shown: (bytes: Uint8Array | undefined, call: Call) => Reply,
): void {
  call.store.read({ key }, (outcome) => {
    if (outcome.kind === "failed") call.reply(failureReply(outcome));
    else if (outcome.kind === "absent") call.reply(shown(undefined, call));
    else {
      const bytes = stringOf(outcome.root);
      call.reply(bytes === undefined ? faultReply("wrong-type") : shown(bytes, call));
    }
  });
}

/** The string that a key holds; `undefined` if it holds something else. */
export function stringOf(root: RootCell): Uint8Array | undefined {
  return root.type === "string" ? root.payload : undefined;
}

/** What TYPE and SCAN call what a key holds. */
export function typeName(root: RootCell): string {
  return root.type;
}

/** Answers with the result of a read-modify-write. */
export function answerOperation(
  call: Call,
  key: Key,
  operation: Operation,
  shown: (result: OperationResult) => Reply = resultReply,
): void {
  call.store.operate({ key, operation }, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    if (outcome.stamp !== undefined) call.session.noteWrite(outcome.quorum);
    call.reply(shown(outcome.result));
  });
}

/**
 * OK, null, the bytes or the integer, or what is wrong. A condition that fails leaves nothing to
 * show.
 */
export function resultReply(result: OperationResult): Reply {
  switch (result.kind) {
    case "done":
      return OK;
    case "none":
    case "condition-failed":
      return NULL;
    case "bytes":
      return bulkReply(result.bytes);
    case "integer":
      return integerReply(result.value);
    case "names":
      return { kind: "array", items: result.names.map((binary) => ({ kind: "binary", binary })) };
    case "fault":
      return faultReply(result.fault);
  }
}

/**
 * Writes a string in one round, whatever the key holds, and answers OK. `expiresAtMs` 0 is never.
 */
export function answerPut(call: Call, key: Key, value: Uint8Array, expiresAtMs: number): void {
  call.store.put({ key, value, contentType: "", expiresAtMs }, (outcome) => {
    const written = blindOutcome(outcome);
    if (written.kind === "failed") return call.reply(failureReply(written));
    call.session.noteWrite(written.quorum);
    call.reply(OK);
  });
}

export type Written = Extract<WriteOutcome, { kind: "written" }>;

/** The outcome of a write without a condition, which no condition can have failed. */
export function blindOutcome(outcome: WriteOutcome): Written | Failure {
  assert(outcome.kind !== "condition-failed", "a write without a condition fails none");
  return outcome;
}

/** The string, or null. */
export function bulkOrNull(bytes: Uint8Array | undefined): Reply {
  return bytes === undefined ? NULL : bulkReply(bytes);
}
