/** What went wrong, as the one error that callers see. */
import { DndError, type DndErrorCode } from "../dnd-error.ts";
import type { OperationFault } from "../model/operation.ts";
import type { Failure } from "../model/outcome.ts";
import { formatStamp } from "../model/stamp.ts";

/** What a call takes a key for. */
export type Wanted = "value" | "hash" | "set" | "counter";

const FAULTS: Readonly<
  Record<Exclude<OperationFault, "wrong-type">, readonly [code: DndErrorCode, message: string]>
> = {
  "not-an-integer": ["not-a-number", "the key holds no integer of 64 bits"],
  "field-not-an-integer": ["not-a-number", "the field holds no integer of 64 bits"],
  "not-a-float": ["not-a-number", "the key holds no decimal number"],
  "field-not-a-float": ["not-a-number", "the field holds no decimal number"],
  overflow: ["overflow", "the sum does not fit 64 bits"],
  "not-finite": ["overflow", "the sum is not finite"],
  "too-many": ["too-many", "the key holds more fields, or bytes, than one call may look at"],
  "too-long": ["too-long", "the value would be longer than the cluster allows"],
};

export function badArgument(message: string): DndError {
  return new DndError("bad-argument", message);
}

export function closedError(): DndError {
  return new DndError("closed", "the node is closed");
}

/** A request that failed. */
export function errorOf(failure: Failure): DndError {
  const { code, detail, stored, quorum, newest } = failure;
  const current = newest === undefined ? {} : { current: formatStamp(newest) };
  return new DndError(code, detail, { stored, quorum, ...current });
}

/** Why a call did nothing to what the key holds, or could not show it. */
export function faultError(fault: OperationFault, wanted: Wanted): DndError {
  if (fault === "wrong-type") return new DndError(fault, `the key holds no ${wanted}`);
  const [code, message] = FAULTS[fault];
  return new DndError(code, message);
}

/** Where all names are wanted as text, one that is none. */
export function notText(what: string, instead: string): DndError {
  return new DndError("not-text", `${what} is not UTF-8: ${instead} gives its bytes`);
}

/** The same failure, of a call of which a part is stored. */
export function storedInPart(error: unknown): unknown {
  if (!(error instanceof DndError) || error.stored === "maybe") return error;
  const { code, message, quorum, current } = error;
  return new DndError(code, `${message}; a part of the call is stored`, {
    stored: "maybe",
    cause: error,
    ...(quorum === undefined ? {} : { quorum }),
    ...(current === undefined ? {} : { current }),
  });
}
