/**
 * Errors as clients see them: problem documents with stable codes.
 *
 * Invariant: `stored: "no"` is said only when nothing can have been stored. Codes are never renamed or re-used;
 * docs/http.md lists them. Source: RFC 9457.
 */

/** Stable code to status and title. */
const CATALOGUE = {
  "bad-request": { status: 400, title: "The request is not well-formed HTTP" },
  "bad-target": { status: 400, title: "The request target is not well-formed" },
  "bad-escape": { status: 400, title: "A percent escape is broken" },
  "key-empty": { status: 400, title: "The key is empty" },
  "bad-parameter": { status: 400, title: "A query parameter has no valid value" },
  "unknown-parameter": { status: 400, title: "A query parameter is not known here" },
  "bad-header": { status: 400, title: "A header has no valid value" },
  "bad-condition": { status: 400, title: "The condition is not one that can be checked" },
  "bad-line": { status: 400, title: "A line is not a valid entry" },
  "quorum-above-replicas": {
    status: 400,
    title: "The quorum asked for is above the number of replicas",
  },
  "foreign-origin": { status: 403, title: "The change comes from a page of another origin" },
  "not-local": { status: 403, title: "This is for the node's own machine alone" },
  "key-not-found": { status: 404, title: "The key does not exist" },
  "route-not-found": { status: 404, title: "There is nothing at this address" },
  "method-not-allowed": { status: 405, title: "The method is not allowed here" },
  "field-not-text": { status: 406, title: "A field has no form in a JSON object" },
  "body-too-slow": { status: 408, title: "The request did not arrive in time" },
  "cannot-leave": { status: 409, title: "The member cannot go now" },
  "no-log-level": { status: 409, title: "The log has no level that can be set here" },
  "wrong-type": { status: 409, title: "The key holds another type" },
  "condition-failed": { status: 412, title: "The condition does not hold" },
  "value-too-large": { status: 413, title: "The value is too large" },
  "line-too-long": { status: 413, title: "The line is too long" },
  "key-too-long": { status: 414, title: "The key is too long" },
  "unsupported-coding": { status: 415, title: "The content coding is not supported" },
  "foreign-host": { status: 421, title: "The host is not one of this node's names" },
  "too-many": { status: 422, title: "The key holds more than one answer may show" },
  "head-too-large": { status: 431, title: "The request line and headers are too large" },
  internal: { status: 500, title: "The request failed inside the node" },
  "unsupported-transfer": { status: 501, title: "The transfer coding is not supported" },
  "quorum-unreachable": { status: 503, title: "Too few replicas could be reached" },
  overloaded: { status: 503, title: "The node is overloaded" },
  "too-new": { status: 503, title: "No replica holds a value that new" },
  damaged: { status: 503, title: "Every copy that answered is damaged" },
  "storage-failed": { status: 503, title: "The node's storage failed" },
  "not-ready": { status: 503, title: "The node is not serving" },
  "shutting-down": { status: 503, title: "The node is shutting down" },
  contended: { status: 503, title: "The conditional write was overtaken by others" },
  "timed-out": { status: 504, title: "The deadline passed" },
} as const;

export type ProblemCode = keyof typeof CATALOGUE;

/** Every code with its status and title, for the API description. */
export const PROBLEM_CATALOGUE: Readonly<
  Record<ProblemCode, { readonly status: number; readonly title: string }>
> = CATALOGUE;

/** What a problem may say beyond its code. */
export interface ProblemFacts {
  /** `no`: certainly nothing was stored. `maybe`: it is not known. Default `no`. */
  readonly stored?: "no" | "maybe";
  readonly limit?: number | string;
  readonly value?: number | string;
  /** The query parameter or header at fault. */
  readonly name?: string;
  /** Stamp of what the key holds. */
  readonly current?: string;
  /** Newest stamp found by a read that had to be newer. */
  readonly newest?: string;
  /** Copies written, or replicas that answered. */
  readonly acks?: number;
  readonly of?: number;
  readonly hinted?: number;
  /** Line of a bulk request, from 1. */
  readonly line?: number;
}

/** An error for a client. */
export interface Problem {
  readonly kind: "problem";
  readonly code: ProblemCode;
  /** One sentence for people, with the limit and the value. */
  readonly detail: string;
  readonly facts: ProblemFacts;
}

export function problem(code: ProblemCode, detail: string, facts: ProblemFacts = {}): Problem {
  return { kind: "problem", code, detail, facts };
}

/** Narrows a parser's answer. */
export function isProblem(value: object): value is Problem {
  return "kind" in value && value.kind === "problem";
}

export function problemStatus(code: ProblemCode): number {
  return CATALOGUE[code].status;
}

/** The problem document: what `application/problem+json` bodies hold. */
export function problemDocument(failure: Problem): Readonly<Record<string, unknown>> {
  const { status, title } = CATALOGUE[failure.code];
  return {
    type: `urn:dnd:problem:${failure.code}`,
    title,
    status,
    code: failure.code,
    detail: failure.detail,
    stored: "no",
    ...failure.facts,
  };
}

/** A value of a client's choosing, short enough to repeat in an answer. */
export function excerpt(text: string): string {
  return text.length <= 64 ? text : `${text.slice(0, 61)}...`;
}
