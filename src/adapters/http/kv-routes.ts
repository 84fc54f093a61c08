/**
 * `/kv` and `/kv/{key}`: the hot path, from the runtime's request straight to the store.
 *
 * Invariant: every request is answered exactly once, unless its client has gone. No URL, Request or Response object is
 * built, and but for a listing nothing is awaited (docs/decisions/0005-http-door.md has the figures).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { performance } from "node:perf_hooks";
import type { SharedConfig } from "../../model/config.ts";
import { type Key, keyFromBinary } from "../../model/key.ts";
import type { ReadRequest } from "../../model/request.ts";
import type { Store } from "../../node/store.ts";
import type { Tracer } from "../../ports/tracer.ts";
import { type Answer, problemAnswer } from "../../protocol/http/answer.ts";
import {
  parseAfter,
  parseReadConditions,
  parseWriteCondition,
  type ReadConditions,
} from "../../protocol/http/conditions.ts";
import { tooMany } from "../../protocol/http/container-text.ts";
import { parseContentType, sniffContentType } from "../../protocol/http/content-type.ts";
import { formatCursor, parseCursor } from "../../protocol/http/cursor.ts";
import {
  absentAnswer,
  conditionFailed,
  containerAnswer,
  deleteAnswer,
  failureAnswer,
  putAnswer,
  readAnswer,
} from "../../protocol/http/kv-answers.ts";
import { keyProblem, parseKvTarget } from "../../protocol/http/kv-target.ts";
import { pageAnswer, wantsLines } from "../../protocol/http/pages.ts";
import { isProblem, type Problem, problem } from "../../protocol/http/problem.ts";
import {
  type Parameters,
  parseBulkParameters,
  parseDeleteParameters,
  parseListParameters,
  parsePutParameters,
  parseReadParameters,
} from "../../protocol/http/query.ts";
import { BulkRequest } from "./bulk-request.ts";
import type { ByteBudget, HttpLimits } from "./http-limits.ts";
import { HttpTraces } from "./http-traces.ts";
import { listPage } from "./list-page.ts";
import { readBody } from "./read-body.ts";
import { announcesBody, refuse, sendAnswer } from "./send.ts";

const KEY_METHODS = "GET, HEAD, PUT, POST, DELETE";
const COLLECTION_METHODS = "GET, HEAD, POST";
/** How often a key may be something else when it is looked at again. */
const TYPE_CHANGES_MAX = 2;
/** How long the shared settings are believed before the store is asked again: its status is not cheap. */
const SHARED_FRESH_MS = 1_000;

export class KvRoutes {
  readonly #store: Store;
  readonly #limits: HttpLimits;
  readonly #budget: ByteBudget;
  readonly #traces: HttpTraces | undefined;
  #shared: SharedConfig;
  #sharedAtMs: number;
  #bulkRequests = 0;

  /** @param tracer where requests are traced, if they are. */
  constructor(store: Store, limits: HttpLimits, budget: ByteBudget, tracer: Tracer | undefined) {
    this.#store = store;
    this.#traces = tracer === undefined ? undefined : new HttpTraces(store, tracer);
    this.#limits = limits;
    this.#budget = budget;
    this.#shared = store.status().shared;
    this.#sharedAtMs = performance.now();
  }

  /** Answers a request below `/kv`; `false`, with nothing done, for any other. */
  serve(request: IncomingMessage, response: ServerResponse): boolean {
    const target = parseKvTarget(request.url ?? "");
    switch (target.kind) {
      case "elsewhere":
        return false;
      case "problem":
        this.#refuse(request, response, target);
        return true;
      case "collection":
        this.#traces?.begin(request, response, "/kv");
        this.#serveCollection(request, response, target.parameters);
        return true;
      case "key": {
        this.#traces?.begin(request, response, "/kv/{key}");
        const fault = keyProblem(target.key, this.#sharedNow().keyBytesMax);
        if (fault !== undefined) this.#refuse(request, response, fault);
        else this.#serveKey(request, response, keyFromBinary(target.key), target.parameters);
        return true;
      }
      default:
        return false;
    }
  }

  #serveKey(
    request: IncomingMessage,
    response: ServerResponse,
    key: Key,
    parameters: Parameters,
  ): void {
    switch (request.method) {
      case "GET":
      case "HEAD":
        this.#read(request, response, key, parameters);
        return;
      case "PUT":
      case "POST":
        this.#put(request, response, key, parameters);
        return;
      case "DELETE":
        this.#delete(request, response, key, parameters);
        return;
      default:
        this.#refuseMethod(request, response, KEY_METHODS);
    }
  }

  #serveCollection(
    request: IncomingMessage,
    response: ServerResponse,
    parameters: Parameters,
  ): void {
    switch (request.method) {
      case "GET":
      case "HEAD":
        this.#list(request, response, parameters);
        return;
      case "POST":
        this.#bulk(request, response, parameters);
        return;
      default:
        this.#refuseMethod(request, response, COLLECTION_METHODS);
    }
  }

  #read(
    request: IncomingMessage,
    response: ServerResponse,
    key: Key,
    rawParameters: Parameters,
  ): void {
    const { headers } = request;
    const parameters = parseReadParameters(rawParameters);
    if (isProblem(parameters)) return this.#refuse(request, response, parameters);
    const { r, deadlineMs } = parameters;
    if (this.#isAboveReplicas(r)) return this.#refuseQuorum(request, response, "r", r);
    const conditions = parseReadConditions(headers["if-match"], headers["if-none-match"]);
    if (isProblem(conditions)) return this.#refuse(request, response, conditions);
    const after = parseAfter(headers["dnd-after"] as string | undefined);
    if (isProblem(after)) return this.#refuse(request, response, after);

    closeIfBody(request, response);
    const read = { key, r, after: after.after, deadlineMs };
    const store = this.#storeOf(request);
    this.#readKey(store, read, TYPE_CHANGES_MAX, (answer) => this.#send(response, answer), {
      conditions,
      asLines: wantsLines(headers.accept),
    });
  }

  /** Reads a value; of a hash or set, all of it. */
  #readKey(
    store: Store,
    read: ReadRequest,
    changesLeft: number,
    done: (answer: Answer) => void,
    shown: { readonly conditions: ReadConditions; readonly asLines: boolean },
  ): void {
    const { conditions, asLines } = shown;
    store.read(read, (outcome) => {
      if (outcome.kind !== "found" || outcome.root.kind === "value") {
        return done(readAnswer(outcome, conditions));
      }
      const query = { kind: "whole", type: "either" } as const;
      store.query({ ...read, query }, (answered) => {
        if (answered.kind === "failed") return done(failureAnswer(answered));
        const { result, quorum } = answered;
        if (result.kind === "page") {
          return done(containerAnswer(result, quorum, conditions, asLines));
        }
        if (result.kind !== "fault") return done(absentAnswer(undefined, quorum, conditions));
        if (result.fault === "too-many") return done(problemAnswer(tooMany()));
        // Between the two it has become a value.
        if (changesLeft > 0) return this.#readKey(store, read, changesLeft - 1, done, shown);
        done(problemAnswer(problem("contended", "the key changes its type again and again")));
      });
    });
  }

  #put(
    request: IncomingMessage,
    response: ServerResponse,
    key: Key,
    rawParameters: Parameters,
  ): void {
    const { headers } = request;
    const parameters = parsePutParameters(rawParameters);
    if (isProblem(parameters)) return this.#refuse(request, response, parameters);
    const { w, ttlMs, deadlineMs } = parameters;
    if (this.#isAboveReplicas(w)) return this.#refuseQuorum(request, response, "w", w);
    const conditions = parseWriteCondition(headers["if-match"], headers["if-none-match"]);
    if (isProblem(conditions)) return this.#refuse(request, response, conditions);
    const { condition } = conditions;
    if (condition === "never") return this.#refuse(request, response, conditionFailed(undefined));
    const type = parseContentType(headers["content-type"]);
    if (isProblem(type)) return this.#refuse(request, response, type);
    const coding = unsupportedCoding(request);
    if (coding !== undefined) return this.#refuse(request, response, coding);

    const limits = { bytesMax: this.#shared.valueBytesMax, bodyMs: this.#limits.bodyMs };
    readBody(request, response, limits, this.#budget, (value) => {
      if (isProblem(value)) return this.#refuse(request, response, value);
      const contentType = type.label ?? sniffContentType(value);
      const put = { key, value, contentType, ttlMs, w, deadlineMs, condition };
      this.#storeOf(request).put(put, (outcome) => this.#send(response, putAnswer(outcome)));
    });
  }

  #delete(
    request: IncomingMessage,
    response: ServerResponse,
    key: Key,
    rawParameters: Parameters,
  ): void {
    const { headers } = request;
    const parameters = parseDeleteParameters(rawParameters);
    if (isProblem(parameters)) return this.#refuse(request, response, parameters);
    const { w, deadlineMs } = parameters;
    if (this.#isAboveReplicas(w)) return this.#refuseQuorum(request, response, "w", w);
    const conditions = parseWriteCondition(headers["if-match"], headers["if-none-match"]);
    if (isProblem(conditions)) return this.#refuse(request, response, conditions);
    const { condition } = conditions;
    if (condition === "never") return this.#refuse(request, response, conditionFailed(undefined));

    closeIfBody(request, response);
    this.#storeOf(request).delete({ key, w, deadlineMs, condition }, (outcome) => {
      this.#send(response, deleteAnswer(outcome));
    });
  }

  #list(request: IncomingMessage, response: ServerResponse, rawParameters: Parameters): void {
    const parameters = parseListParameters(rawParameters);
    if (isProblem(parameters)) return this.#refuse(request, response, parameters);
    const { prefix, limit, withValues, deadlineMs } = parameters;
    // No key is longer, but the store's own bounds are told of none.
    const fault = prefix === "" ? undefined : keyProblem(prefix, this.#sharedNow().keyBytesMax);
    if (fault !== undefined) return this.#refuse(request, response, fault);
    const scope = `list ${prefix}`;
    const start =
      parameters.cursor === undefined ? undefined : parseCursor(parameters.cursor, scope);
    if (start !== undefined && isProblem(start)) return this.#refuse(request, response, start);

    const asLines = wantsLines(request.headers.accept);
    closeIfBody(request, response);
    const listing = { prefix, limit, cursor: start?.position, withValues, deadlineMs };
    listPage(this.#storeOf(request), listing, (outcome) => {
      if (outcome.kind === "failed") return this.#send(response, failureAnswer(outcome));
      const { entries, next } = outcome;
      const cursor = next === undefined ? undefined : formatCursor(next, scope);
      this.#send(response, pageAnswer(entries, cursor, asLines));
    });
  }

  #bulk(request: IncomingMessage, response: ServerResponse, rawParameters: Parameters): void {
    const parameters = parseBulkParameters(rawParameters);
    if (isProblem(parameters)) return this.#refuse(request, response, parameters);
    const { w, deadlineMs, existing } = parameters;
    if (this.#isAboveReplicas(w)) return this.#refuseQuorum(request, response, "w", w);
    const coding = unsupportedCoding(request);
    if (coding !== undefined) return this.#refuse(request, response, coding);
    if (this.#bulkRequests >= this.#limits.bulkRequestsMax) {
      const detail = `${this.#bulkRequests} bulk requests are under way, max ${this.#limits.bulkRequestsMax}`;
      return this.#refuse(request, response, problem("overloaded", detail));
    }

    this.#bulkRequests += 1;
    response.once("close", () => {
      this.#bulkRequests -= 1;
    });
    const bulk = new BulkRequest({
      request,
      response,
      store: this.#storeOf(request),
      shared: this.#sharedNow(),
      limits: this.#limits,
      budget: this.#budget,
      w,
      deadlineMs,
      existing,
    });
    bulk.start();
  }

  #storeOf(request: IncomingMessage): Store {
    return this.#traces === undefined ? this.#store : this.#traces.storeOf(request);
  }

  #sharedNow(): SharedConfig {
    const nowMs = performance.now();
    if (nowMs - this.#sharedAtMs > SHARED_FRESH_MS) {
      this.#shared = this.#store.status().shared;
      this.#sharedAtMs = nowMs;
    }
    return this.#shared;
  }

  #isAboveReplicas(quorum: number | undefined): quorum is number {
    return quorum !== undefined && quorum > this.#sharedNow().replicas;
  }

  #refuseQuorum(
    request: IncomingMessage,
    response: ServerResponse,
    name: "r" | "w",
    quorum: number,
  ): void {
    const { replicas } = this.#shared;
    const detail = `${name} is ${quorum}, but there are ${replicas} replicas`;
    const facts = { name, limit: replicas, value: quorum };
    this.#refuse(request, response, problem("quorum-above-replicas", detail, facts));
  }

  #refuseMethod(request: IncomingMessage, response: ServerResponse, allowed: string): void {
    const failure = problem("method-not-allowed", `${request.method} is not one of ${allowed}`);
    refuse(
      request,
      response,
      problemAnswer(failure, ["Allow", allowed]),
      this.#limits,
      this.#budget,
    );
  }

  #refuse(request: IncomingMessage, response: ServerResponse, failure: Problem): void {
    const answer = problemAnswer(failure);
    // A request without a body leaves the connection in a known state; one with an unread body does not.
    if (request.complete || !announcesBody(request)) this.#send(response, answer);
    else refuse(request, response, answer, this.#limits, this.#budget);
  }

  #send(response: ServerResponse, answer: Answer): void {
    sendAnswer(response, answer, this.#budget);
  }
}

/** A body where none belongs is not read, so the connection cannot be used again. */
function closeIfBody(request: IncomingMessage, response: ServerResponse): void {
  if (announcesBody(request)) response.shouldKeepAlive = false;
}

/** Bytes are kept as they come and served without their coding's name, so a coded body would come back as garbage. */
function unsupportedCoding(request: IncomingMessage): Problem | undefined {
  const { headers } = request;
  const coding = headers["content-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "identity") {
    return problem("unsupported-coding", "send the value without a Content-Encoding");
  }
  if (headers["content-range"] === undefined) return undefined;
  return problem("bad-header", "a part of a value cannot be written", { name: "Content-Range" });
}
