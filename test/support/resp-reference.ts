/**
 * Requests of the Redis protocol in the plainest way: a whole stream at once, as text, with regular expressions. What the
 * incremental parser must give for the same stream, however it is cut.
 */
import { ARGUMENT_BYTES, type RequestLimits } from "../../src/protocol/resp/request-parser.ts";

interface Outcome {
  /** Arguments as binary strings. */
  readonly requests: readonly (readonly string[])[];
  /** Why the stream ends, in words; `undefined` if it goes on. */
  readonly reason: string | undefined;
}

interface Rules extends RequestLimits {
  readonly isAuthenticated: boolean;
}

/** A step's end: the stream goes on in bytes that are not there, or never. */
type Stop = { readonly reason: string | undefined };

const INTEGER = /^(0|-?[1-9][0-9]*)$/;
const BLANKS = /[ \t\n\v\f\r]*/y;
/** A bare beginning, then at most one quoted part. */
const ARGUMENT = /([^ \t\n\r"']*)(?:"((?:\\[^]|[^"\\])*)"|'((?:\\'|\\(?!')|[^'\\])*)')?/y;
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([^]))/g;
const LETTERS: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  a: "\u0007",
};

export function referenceRequests(stream: string, rules: Rules): Outcome {
  const requests: (readonly string[])[] = [];
  let at = 0;
  for (;;) {
    const result = stream[at] === "*" ? arrayAt(stream, at, rules) : inlineAt(stream, at, rules);
    if ("reason" in result) return { requests, reason: result.reason };
    if (result.request.length > 0) requests.push(result.request);
    at = result.end;
  }
}

function lineAt(
  stream: string,
  at: number,
  rules: Rules,
  tooLong: string,
): Stop | { readonly line: string; readonly end: number } {
  const found = stream.indexOf("\n", at);
  const end = found < 0 ? stream.length : found;
  if (end - at > rules.lineBytesMax) return stop(tooLong);
  return found < 0 ? { reason: undefined } : { line: stream.slice(at, found), end: found + 1 };
}

type Step = Stop | { readonly request: readonly string[]; readonly end: number };

function arrayAt(stream: string, start: number, rules: Rules): Step {
  const head = lineAt(stream, start, rules, "too big mbulk count string");
  if ("reason" in head) return head;
  const count = numberOn(head.line);
  if (count === undefined || count > rules.argumentsMax) return stop("invalid multibulk length");
  if (count > 10 && !rules.isAuthenticated) return stop("unauthenticated multibulk length");
  if (count * ARGUMENT_BYTES > rules.requestBytesMax) return stop("too big request");

  const request: string[] = [];
  let at = head.end;
  let total = 0;
  while (request.length < count) {
    const line = lineAt(stream, at, rules, "too big bulk count string");
    if ("reason" in line) return line;
    if (line.line[0] !== "$") {
      const got = /^[^\r]/.exec(line.line)?.[0] ?? " ";
      return stop(`expected '$', got '${got}'`);
    }
    const length = numberOn(line.line);
    if (length === undefined || length < 0 || length > rules.bulkBytesMax) {
      return stop("invalid bulk length");
    }
    if (length > 16_384 && !rules.isAuthenticated) return stop("unauthenticated bulk length");
    total += length + ARGUMENT_BYTES;
    if (total > rules.requestBytesMax) return stop("too big request");
    at = line.end + length + 2;
    if (at > stream.length) return { reason: undefined };
    if (stream.slice(at - 2, at) !== "\r\n") return stop("invalid bulk length");
    request.push(stream.slice(line.end, line.end + length));
  }
  return { request, end: at };
}

function inlineAt(stream: string, start: number, rules: Rules): Step {
  const head = lineAt(stream, start, rules, "too big inline request");
  if ("reason" in head) return head;
  const { line, end } = head;
  const request: string[] = [];
  let at = 0;
  for (;;) {
    BLANKS.lastIndex = at;
    at += BLANKS.exec(line)?.[0].length ?? 0;
    if (at === line.length) return { request, end };
    ARGUMENT.lastIndex = at;
    const [all = "", bare = "", double, single] = ARGUMENT.exec(line) ?? [];
    at += all.length;
    // What follows is a quote that does not close, or something that adjoins one that did.
    if (at < line.length && !/[ \t\n\v\f\r]/.test(line[at] as string)) {
      return stop("unbalanced quotes in request");
    }
    request.push(bare + unescaped(double ?? "") + (single ?? "").replaceAll("\\'", "'"));
  }
}

function unescaped(text: string): string {
  return text.replace(ESCAPE, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (LETTERS[letter] ?? letter) : String.fromCharCode(parseInt(hex, 16)),
  );
}

function numberOn(line: string): number | undefined {
  const text = line.slice(1, -1);
  return line.endsWith("\r") && line.length <= 20 && INTEGER.test(text) ? Number(text) : undefined;
}

function stop(what: string): Stop {
  return { reason: `Protocol error: ${what}` };
}
