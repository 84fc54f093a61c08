/** Answers of the HTTP interface read back as outcomes: the reverse of `protocol/http/kv-answers.ts`, by its documentation. */
import type {
  Failure,
  FailureCode,
  QuorumReport,
  ReadOutcome,
  WriteOutcome,
} from "../../../src/model/outcome.ts";
import { NO_STAMP, parseStamp, type Stamp } from "../../../src/model/stamp.ts";
import type { HttpReply } from "./http-connection.ts";

/** An answer that no request may get. */
export interface OddAnswer {
  readonly kind: "odd";
  readonly detail: string;
}

const FAILURE_CODES: readonly FailureCode[] = [
  "quorum-unreachable",
  "timed-out",
  "overloaded",
  "too-new",
  "damaged",
  "storage-failed",
  "not-ready",
  "shutting-down",
  "contended",
];

export function writeOutcome(reply: HttpReply): WriteOutcome | OddAnswer {
  const { status } = reply;
  if (status === 200 || status === 204) {
    const stamp = stampOf(reply);
    const quorum = quorumOf(reply);
    if (stamp === undefined || quorum === undefined) return odd(reply);
    return { kind: "written", stamp, quorum };
  }
  if (status === 412) return { kind: "condition-failed", current: stampOf(reply) };
  return failureOf(reply);
}

export function readOutcome(reply: HttpReply): ReadOutcome | OddAnswer {
  const { status } = reply;
  if (status !== 200 && status !== 404) return failureOf(reply);
  const stamp = stampOf(reply);
  const quorum = quorumOf(reply);
  if (quorum === undefined) return odd(reply);
  if (status === 404) return { kind: "absent", stamp, quorum };
  if (stamp === undefined) return odd(reply);
  const root = {
    kind: "value",
    stamp,
    type: "string",
    expiresAtMs: 0,
    cleared: NO_STAMP,
    contentType: reply.headers.get("content-type") ?? "",
    payload: reply.body,
  } as const;
  return { kind: "found", root, quorum };
}

function stampOf({ headers }: HttpReply): Stamp | undefined {
  return parseStamp((headers.get("etag") ?? "").replaceAll('"', ""));
}

function quorumOf({ headers }: HttpReply): QuorumReport | undefined {
  const match = /^(\d+)\/(\d+); hinted=(\d+)$/.exec(headers.get("dnd-acks") ?? "");
  if (match === null) return undefined;
  return { acks: Number(match[1]), of: Number(match[2]), hinted: Number(match[3]) };
}

function failureOf(reply: HttpReply): Failure | OddAnswer {
  const document = parseProblem(reply);
  // A connection that was accepted before its process stood still is given up unread: too late, nothing was done.
  const isUnread = document?.["code"] === "body-too-slow";
  const code = isUnread ? "timed-out" : FAILURE_CODES.find((known) => known === document?.["code"]);
  const stored = document?.["stored"];
  if (code === undefined || (stored !== "no" && stored !== "maybe")) return odd(reply);
  const facts = document as Partial<QuorumReport & { readonly newest: string }>;
  const { acks = 0, of = 0, hinted = 0 } = facts;
  const newest = parseStamp(facts.newest ?? "");
  const failure: Failure = {
    kind: "failed",
    code,
    detail: String(document?.["detail"]),
    stored,
    quorum: { acks, of, hinted },
  };
  return newest === undefined ? failure : { ...failure, newest };
}

function parseProblem(reply: HttpReply): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Buffer.from(reply.body).toString("utf8")) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function odd(reply: HttpReply): OddAnswer {
  const body = Buffer.from(reply.body).toString("utf8").slice(0, 300);
  return { kind: "odd", detail: `status ${reply.status}: ${body}` };
}
