/**
 * Spans of what nodes do for one another: around asking a peer, and around a replica's work.
 *
 * A request that is part of a trace is run with a context of its own, whose peers and replica make the spans; the runs do not
 * know of it. Invariant: what is asked and answered is the same with a span and without; a span ends when its answer is there,
 * also where its request was answered before.
 */
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import type { PeerReply, PeerRequest, TraceableRequest } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import type { Span, SpanFacts } from "../model/trace.ts";
import type { Tracer } from "../ports/tracer.ts";
import { traceableKind } from "../protocol/peer/frame-codec.ts";
import type { Served } from "./peers.ts";
import type { ReplySink } from "./pending-requests.ts";
import type { RootNow } from "./replica-read.ts";
import type { Reply } from "./reply.ts";
import type { RequestContext, RequestPeers, RequestReplica } from "./request-context.ts";

/** The context of a request whose work belongs under `span`. */
export function tracedContext(context: RequestContext, span: Span): RequestContext {
  return {
    ...context,
    peers: new TracedPeers(context.peers, span),
    replica: new TracedReplica(context.replica, span),
  };
}

/** Carries out a peer's request under a span of its own, where this node keeps traces. */
export function serveTraced(
  tracer: Tracer | undefined,
  served: Served,
  { trace, request }: Extract<PeerRequest, { kind: "traced" }>,
  serve: (inner: Served) => void,
): void {
  const inner = { ...served, message: request };
  const facts = { ...factsOf(request), "dnd.peer": served.from };
  const span = tracer?.begin(workOf(request), "server", trace, facts);
  if (span === undefined) return serve(inner);
  underSpan(span, request.kind, served.reply, (reply) => serve({ ...inner, reply, span }));
}

/** Runs a replica's work; where it waits for the disk, that wait is a span within. */
function underSpan(
  span: Span,
  kind: TraceableRequest["kind"],
  reply: Reply,
  run: (reply: Reply) => void,
): void {
  let isAnswered = false;
  let commit: Span | undefined;
  run((answer) => {
    isAnswered = true;
    commit?.end();
    endBy(span, answer);
    reply(answer);
  });
  // Merging is done within the call, and what is answered later waits for its commit.
  const isStoring = kind === "write" || kind === "merge";
  if (isStoring && !isAnswered) commit = span.begin("dnd.commit", "internal");
}

function endBy(span: Span, reply: PeerReply): void {
  switch (reply.kind) {
    case "refused":
      span.end({}, reply.reason);
      break;
    case "write-reply":
      span.end({ "dnd.outcome": reply.result });
      break;
    case "forward-reply":
      span.end({ "dnd.outcome": reply.outcome.kind });
      break;
    default:
      span.end({ "dnd.outcome": "answered" });
  }
}

function workOf({ kind }: TraceableRequest): string {
  return kind === "forward" ? "dnd.modify" : `dnd.replica/${kind}`;
}

function factsOf(request: TraceableRequest): SpanFacts {
  switch (request.kind) {
    case "write":
      return {
        "dnd.slot": slotOfKey(request.key),
        "dnd.attempt": request.attempt,
        "dnd.role": request.role,
      };
    case "read":
      return { "dnd.slot": slotOfKey(request.key), "dnd.want": request.want };
    case "forward":
      return { "dnd.slot": slotOfKey(request.key), "dnd.operation": request.operation.kind };
    case "list":
      return {};
    case "merge":
      return {};
  }
}

class TracedPeers implements RequestPeers {
  readonly #peers: RequestPeers;
  readonly #span: Span;

  constructor(peers: RequestPeers, span: Span) {
    this.#peers = peers;
    this.#span = span;
  }

  request(
    to: NodeId,
    body: Uint8Array,
    deadlineMs: number,
    sink: ReplySink,
    token: number,
  ): boolean {
    const kind = traceableKind(body);
    const facts = { "dnd.peer": to };
    const span =
      kind === undefined ? undefined : this.#span.begin(`dnd.ask/${kind}`, "client", facts);
    if (span === undefined) return this.#peers.request(to, body, deadlineMs, sink, token);
    const traced = new TracedSink(sink, span);
    const isSent = this.#peers.request(to, body, deadlineMs, traced, token, span.context);
    if (!isSent) span.end({}, "not-sent");
    return isSent;
  }

  reach(node: NodeId): ReturnType<RequestPeers["reach"]> {
    return this.#peers.reach(node);
  }

  wireVersion(node: NodeId): number | undefined {
    return this.#peers.wireVersion(node);
  }

  tell(to: NodeId, message: PeerRequest): void {
    this.#peers.tell(to, message);
  }
}

class TracedSink implements ReplySink {
  readonly #sink: ReplySink;
  readonly #span: Span;

  constructor(sink: ReplySink, span: Span) {
    this.#sink = sink;
    this.#span = span;
  }

  onReply(from: NodeId, token: number, reply: PeerReply): void {
    endBy(this.#span, reply);
    this.#sink.onReply(from, token, reply);
  }

  onNoAnswer(from: NodeId, token: number): void {
    this.#span.end({}, "no-answer");
    this.#sink.onNoAnswer(from, token);
  }
}

/** This node's own replica, asked by its own coordinator. */
class TracedReplica implements RequestReplica {
  readonly #replica: RequestReplica;
  readonly #span: Span;

  constructor(replica: RequestReplica, span: Span) {
    this.#replica = replica;
    this.#span = span;
  }

  write(...[request, reply, own]: Parameters<RequestReplica["write"]>): void {
    this.#work(request, reply, (told) => this.#replica.write(request, told, own));
  }

  /** What is watched goes the long way, so that each step shows. */
  overwrite(): false {
    return false;
  }

  read(...[request, reply]: Parameters<RequestReplica["read"]>): void {
    this.#work(request, reply, (told) => this.#replica.read(request, told));
  }

  list(...[request, reply]: Parameters<RequestReplica["list"]>): void {
    this.#work(request, reply, (told) => this.#replica.list(request, told));
  }

  merge(...[parts, reply, replaced]: Parameters<RequestReplica["merge"]>): void {
    const request = { kind: "merge", parts } as const;
    this.#work(request, reply, (told) => this.#replica.merge(parts, told, replaced));
  }

  mark(slot: Slot, targets: readonly NodeId[]): void {
    this.#replica.mark(slot, targets);
  }

  readRootNow(slot: Slot, key: Key): RootNow | undefined {
    return this.#replica.readRootNow(slot, key);
  }

  #work(request: TraceableRequest, reply: Reply, run: (reply: Reply) => void): void {
    const span = this.#span.begin(workOf(request), "internal", factsOf(request));
    if (span === undefined) run(reply);
    else underSpan(span, request.kind, reply, run);
  }
}
