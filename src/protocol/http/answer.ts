/**
 * Answers as data: a status, headers and a body, not yet written anywhere.
 *
 * Headers are one flat list of names and values, the form that the runtime writes without copying.
 */
import { type Problem, problemDocument, problemStatus } from "./problem.ts";

export interface Answer {
  readonly status: number;
  /** Name, value, name, value. Without Content-Length, which the writer adds. */
  readonly headers: readonly string[];
  /** Strings are written as UTF-8. `undefined`: the answer has no body and no length. */
  readonly body: Uint8Array | string | undefined;
}

export const PROBLEM_TYPE = "application/problem+json";
export const NDJSON_TYPE = "application/x-ndjson";

/**
 * On every answer of the node: what is stored must not act on the origin it is read from, be guessed into a script, be
 * embedded by other origins, or be answered from a cache without asking.
 */
export const GUARD_HEADERS: readonly string[] = [
  "X-Content-Type-Options",
  "nosniff",
  "Content-Security-Policy",
  "sandbox; default-src 'none'",
  "Cross-Origin-Resource-Policy",
  "same-origin",
  "Cache-Control",
  "no-cache",
];

/** An error as a problem document, with more headers where the status calls for them. */
export function problemAnswer(failure: Problem, headers: readonly string[] = []): Answer {
  return {
    status: problemStatus(failure.code),
    headers: [...headers, ...retryHeaders(failure), "Content-Type", PROBLEM_TYPE, ...GUARD_HEADERS],
    body: `${JSON.stringify(problemDocument(failure))}\n`,
  };
}

/** A second is long enough for a queue to drain and short enough not to idle. */
function retryHeaders(failure: Problem): readonly string[] {
  const { code } = failure;
  const isPassing = code === "overloaded" || code === "not-ready" || code === "shutting-down";
  return isPassing ? ["Retry-After", "1"] : [];
}

/** JSON text, ended by a line feed for people at a terminal. */
export function jsonAnswer(value: unknown, status = 200, headers: readonly string[] = []): Answer {
  return {
    status,
    headers: [...headers, "Content-Type", "application/json", ...GUARD_HEADERS],
    body: `${JSON.stringify(value)}\n`,
  };
}
