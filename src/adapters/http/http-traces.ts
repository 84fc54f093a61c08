/**
 * Spans of requests below `/kv`, by the names of OpenTelemetry's semantic conventions for HTTP servers, and the store as those
 * requests see it. Of the address only the route is said: it holds a key.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Store } from "../../node/store.ts";
import { TracedStore } from "../../node/traced-store.ts";
import type { Tracer } from "../../ports/tracer.ts";
import { parseTraceContext } from "../../protocol/http/trace-context.ts";

const METHODS = new Set(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"]);

export class HttpTraces {
  readonly #store: Store;
  readonly #tracer: Tracer;
  /** Of requests that are part of a trace. */
  readonly #stores = new WeakMap<IncomingMessage, Store>();

  constructor(store: Store, tracer: Tracer) {
    this.#store = store;
    this.#tracer = tracer;
  }

  /** Begins the span of a request, if its trace is kept; it ends with the answer, or with the connection. */
  begin(request: IncomingMessage, response: ServerResponse, route: string): void {
    const { traceparent, tracestate } = request.headers;
    const parent = parseTraceContext(one(traceparent), one(tracestate));
    const known = METHODS.has(request.method ?? "") ? request.method : undefined;
    const span = this.#tracer.begin(`${known ?? "HTTP"} ${route}`, "server", parent, {
      "http.request.method": known ?? "_OTHER",
      "http.route": route,
      "url.scheme": "http",
      "network.protocol.version": request.httpVersion,
    });
    if (span === undefined) return;
    this.#stores.set(request, new TracedStore(this.#store, span));
    response.once("close", () => {
      const { statusCode, writableFinished } = response;
      const facts = { "http.response.status_code": statusCode };
      if (!writableFinished) span.end({}, "client-gone");
      else if (statusCode >= 500) span.end(facts, String(statusCode));
      else span.end(facts);
    });
  }

  /** The store as this request sees it. */
  storeOf(request: IncomingMessage): Store {
    return this.#stores.get(request) ?? this.#store;
  }
}

/** A header of its own name is text, and several of them are joined, which is none that is well-formed. */
function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(",") : header;
}
