/**
 * What went wrong, in the words and codes that clients of Redis know.
 *
 * Invariant: a code on which clients send a command again by themselves (CLUSTERDOWN) is given only where certainly nothing
 * was stored. What may have been stored is `ERR indeterminate`, on which none does: an INCR must not count twice.
 */
import type { OperationFault } from "../../model/operation.ts";
import type { Failure } from "../../model/outcome.ts";
import type { Reply } from "../../protocol/resp/reply.ts";

export type ErrorReply = Extract<Reply, { kind: "error" }>;

/** `text` begins with the error's code: one line, one byte a character. */
export function errorReply(text: string): ErrorReply {
  return { kind: "error", text };
}

export const SYNTAX_ERROR = errorReply("ERR syntax error");
export const NOT_AN_INTEGER = errorReply("ERR value is not an integer or out of range");
export const WRONG_TYPE = errorReply(
  "WRONGTYPE Operation against a key holding the wrong kind of value",
);

const FAULTS: Readonly<Record<OperationFault, ErrorReply>> = {
  "wrong-type": WRONG_TYPE,
  "not-an-integer": NOT_AN_INTEGER,
  overflow: errorReply("ERR increment or decrement would overflow"),
  "not-a-float": errorReply("ERR value is not a valid float"),
  "not-finite": errorReply("ERR increment would produce NaN or Infinity"),
  "field-not-an-integer": errorReply("ERR hash value is not an integer"),
  "field-not-a-float": errorReply("ERR hash value is not a float"),
  "too-many": errorReply("ERR more fields, or bytes of them, than one command may look at"),
  "too-long": errorReply("ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
};

/** Why an operation did nothing to what the key holds. */
export function faultReply(fault: OperationFault): ErrorReply {
  return FAULTS[fault];
}

/** A request that failed. */
export function failureReply(failure: Failure): ErrorReply {
  const { code, detail, stored } = failure;
  if (stored === "maybe") return errorReply(`ERR indeterminate: ${code}: ${detail}`);
  switch (code) {
    case "overloaded":
      return errorReply(`BUSY ${detail}`);
    case "quorum-unreachable":
    case "timed-out":
    case "not-ready":
    case "shutting-down":
      return errorReply(`CLUSTERDOWN ${code}: ${detail}`);
    case "too-new":
    case "damaged":
    case "storage-failed":
    case "contended":
      return errorReply(`ERR ${code}: ${detail}`);
  }
}
