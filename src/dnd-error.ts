/** The one error an embedding application sees, with a stable code and the truth about what was stored. */
import type { FailureCode, QuorumReport } from "./model/outcome.ts";

/** Stable; codes are added, never renamed or re-used. */
export type DndErrorCode =
  | FailureCode
  | "condition-failed" // the condition of a write does not hold
  | "bad-option" // an option of `openNode` is not valid
  | "bad-argument" // an argument of a call is not valid
  | "wrong-type" // the key holds another type than the call is for
  | "not-a-number" // the key or field that is added to holds no number
  | "overflow" // the sum does not fit
  | "too-long" // the value would be longer than the cluster allows
  | "too-many" // the key holds more fields, or bytes, than one call may look at
  | "not-text" // a field or member is not UTF-8, where all are wanted as text
  | "address-in-use" // a port is taken; the message names it
  | "data-directory" // the data directory cannot be used; the message says why
  | "start-failed" // the cluster refused this node, or it could not start; the message says why
  | "cannot-leave" // a departure cannot begin; the message says why
  | "fatal" // the node cannot go on; the message says why
  | "closed"; // the node was closed

export interface DndErrorFacts {
  /** `no`: certainly nothing was stored. `maybe`: it is not known. */
  readonly stored?: "no" | "maybe";
  /** How many copies answered, for a request that failed. */
  readonly quorum?: QuorumReport;
  /** `condition-failed`: stamp of what the key holds, if it exists. `too-new`: the newest stamp found. */
  readonly current?: string;
  /** `bad-option`: which one. */
  readonly option?: string;
  readonly cause?: unknown;
}

/** Thrown by `openNode` and by every call of a node; the message is one sentence with the limit and the value. */
export class DndError extends Error {
  override readonly name = "DndError";
  readonly code: DndErrorCode;
  readonly stored: "no" | "maybe";
  readonly quorum: QuorumReport | undefined;
  readonly current: string | undefined;
  readonly option: string | undefined;

  constructor(code: DndErrorCode, message: string, facts: DndErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.stored = facts.stored ?? "no";
    this.quorum = facts.quorum;
    this.current = facts.current;
    this.option = facts.option;
  }
}
