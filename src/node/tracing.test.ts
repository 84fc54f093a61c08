import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordingTracer } from "../../test/support/recorded-spans.ts";
import { epochFrom, nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import type { PeerReply, PeerRequest, TraceableRequest } from "../model/peer-message.ts";
import { ROOT_ONLY } from "../model/selection.ts";
import { NO_STAMP } from "../model/stamp.ts";
import type { Span, TraceContext } from "../model/trace.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import type { Served } from "./peers.ts";
import type { ReplySink } from "./pending-requests.ts";
import type { RequestContext } from "./request-context.ts";
import { serveTraced, tracedContext } from "./tracing.ts";

const SELF = nodeIdFrom(1, 1);
const PEER = nodeIdFrom(2, 2);
const KEY = keyFromText("k");
const READ = { kind: "read", key: KEY, selection: ROOT_ONLY, want: "cells" } as const;
const WRITE = {
  kind: "write",
  key: KEY,
  cells: [],
  bases: [NO_STAMP],
  attempt: "first",
  role: "primary",
  unreached: [],
} as const;
const STORED: PeerReply = {
  kind: "write-reply",
  result: "stored",
  held: NO_STAMP,
  commitNumber: 1,
};
const CALLER: TraceContext = {
  traceId: "c".repeat(32),
  spanId: "d".repeat(16),
  flags: 1,
  state: "",
};

class Trial {
  readonly tracer = new RecordingTracer();
  readonly told: string[] = [];
  readonly asked: { readonly sink: ReplySink; readonly trace: TraceContext | undefined }[] = [];
  readonly context: RequestContext;
  /** Answers the write that this node's replica was asked for. */
  answer: (reply: PeerReply) => void = () => undefined;
  isConnected = true;

  constructor() {
    const peers = {
      request: (...[, , , sink, , trace]: Parameters<RequestContext["peers"]["request"]>) => {
        this.asked.push({ sink, trace });
        return this.isConnected;
      },
      reach: () => "up",
      tell: () => this.told.push("tell"),
    };
    const replica = {
      write: (_request: unknown, reply: (answer: PeerReply) => void) => {
        this.answer = reply;
      },
      read: (_request: unknown, reply: (answer: PeerReply) => void) =>
        reply({ kind: "refused", reason: "voteless", detail: "" }),
      mark: () => this.told.push("mark"),
    };
    const context = { self: SELF, peers, replica } as unknown as RequestContext;
    const span = this.tracer.begin("request", "server", undefined) as Span;
    this.context = tracedContext(context, span);
  }

  readonly sink: ReplySink = {
    onReply: (from, token, reply) => this.told.push(`${from} ${token} ${reply.kind}`),
    onNoAnswer: (from, token) => this.told.push(`${from} ${token} nothing`),
  };

  ask(request: PeerRequest, token = 0): boolean {
    return this.context.peers.request(PEER, encodeMessage(request), 1_000, this.sink, token);
  }

  get spans(): readonly string[] {
    return this.tracer.tree().slice(1);
  }
}

test("a peer that is asked has a span of its own, whose context goes along, until it has answered", () => {
  const trial = new Trial();
  assert.ok(trial.ask(WRITE, 7));
  const [asked] = trial.asked;
  assert.deepEqual(asked?.trace, trial.tracer.spans[1]?.context);
  assert.deepEqual(trial.spans, [
    `request > dnd.ask/write (client) dnd.peer=${PEER}: ended 0 times`,
  ]);
  asked?.sink.onReply(PEER, 7, STORED);
  assert.deepEqual(trial.spans, [
    `request > dnd.ask/write (client) dnd.peer=${PEER} dnd.outcome=stored: ok`,
  ]);
  assert.deepEqual(trial.told, [`${PEER} 7 write-reply`]);
});

test("who does not answer, refuses, or is not reached, is a span that failed", () => {
  const trial = new Trial();
  trial.ask(READ, 1);
  trial.ask(READ, 2);
  trial.isConnected = false;
  assert.equal(trial.ask(READ, 3), false);
  trial.asked[0]?.sink.onNoAnswer(PEER, 1);
  trial.asked[1]?.sink.onReply(PEER, 2, { kind: "refused", reason: "epoch", detail: "" });
  const span = `request > dnd.ask/read (client) dnd.peer=${PEER}`;
  assert.deepEqual(trial.spans, [`${span}: no-answer`, `${span}: epoch`, `${span}: not-sent`]);
  assert.deepEqual(trial.told, [`${PEER} 1 nothing`, `${PEER} 2 refused`]);
});

test("a request with as many spans as it may have goes on without", () => {
  const trial = new Trial();
  trial.tracer.left = 0;
  assert.ok(trial.ask(WRITE));
  assert.equal(trial.asked[0]?.trace, undefined);
  assert.equal(trial.asked[0]?.sink, trial.sink);
  trial.context.replica.write(WRITE, (reply) => trial.told.push(reply.kind));
  trial.answer(STORED);
  assert.deepEqual(trial.told, ["write-reply"]);
  assert.deepEqual(trial.spans, []);
});

test("the node's own replica is a span, and within it the commit that it waits for", () => {
  const trial = new Trial();
  trial.context.replica.write(WRITE, (reply) => trial.told.push(reply.kind));
  assert.deepEqual(trial.told, []);
  trial.answer(STORED);
  trial.context.replica.read(READ, (reply) => trial.told.push(reply.kind));
  assert.deepEqual(trial.spans, [
    "request > dnd.replica/write (internal) dnd.slot=7629 dnd.attempt=first dnd.role=primary dnd.outcome=stored: ok",
    "dnd.replica/write > dnd.commit (internal): ok",
    "request > dnd.replica/read (internal) dnd.slot=7629 dnd.want=cells: voteless",
  ]);
  assert.deepEqual(trial.told, ["write-reply", "refused"]);
});

test("what has no answer is passed on as it is", () => {
  const trial = new Trial();
  trial.context.peers.tell(PEER, { kind: "probe" });
  trial.context.replica.mark(0 as never, [PEER]);
  assert.deepEqual(trial.told, ["tell", "mark"]);
  assert.deepEqual(trial.spans, []);
});

/** What a peer's request is served with, and what is answered. */
function served(tracer: RecordingTracer | undefined, request: TraceableRequest): readonly string[] {
  const told: string[] = [];
  const message = { kind: "traced", trace: CALLER, request } as const;
  const outer: Served = {
    from: PEER,
    epoch: epochFrom(1),
    deadlineMs: 1,
    message,
    reply: (answer) => told.push(`told ${answer.kind}`),
  };
  serveTraced(tracer, outer, message, (inner) => {
    told.push(`${inner.message.kind}${inner.span === undefined ? "" : " under a span"}`);
    inner.reply(STORED);
  });
  return told;
}

test("a peer's request is a span under the one that asked it", () => {
  const tracer = new RecordingTracer();
  assert.deepEqual(served(tracer, WRITE), ["write under a span", "told write-reply"]);
  const [span] = tracer.spans;
  assert.equal(span?.parentId, CALLER.spanId);
  assert.equal(span?.context.traceId, CALLER.traceId);
  // Answered within the call, it waited for no commit.
  assert.deepEqual(tracer.tree(), [
    `dnd.replica/write (server) dnd.slot=7629 dnd.attempt=first dnd.role=primary dnd.peer=${PEER} dnd.outcome=stored: ok`,
  ]);
});

test("without traces here a peer's request is what it is without", () => {
  assert.deepEqual(served(undefined, READ), ["read", "told write-reply"]);
});
