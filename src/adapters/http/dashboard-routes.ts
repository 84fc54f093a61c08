/**
 * The dashboard's page, its files and its stream: what is not an answer of JSON. A browser that asks for `/` gets the page,
 * everybody else the list of addresses as text.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "../../protocol/http/answer.ts";
import { problemAnswer } from "../../protocol/http/answer.ts";
import { isForeignOrigin, isLoopbackName } from "../../protocol/http/authority.ts";
import { splitTarget } from "../../protocol/http/kv-target.ts";
import { isProblem, type Problem, problem } from "../../protocol/http/problem.ts";
import { parseNoParameters, parseParameters } from "../../protocol/http/query.ts";
import { VERSION } from "../../version.ts";
import { DashboardAssets } from "./dashboard-assets.ts";
import type { ByteBudget } from "./http-limits.ts";
import { LISTENERS_MAX, type LiveFeed, STREAM_HEADERS } from "./live-feed.ts";
import { announcesBody, sendAnswer } from "./send.ts";

export const LIVE_PATH = "/cluster/live";

export class DashboardRoutes {
  readonly #feed: LiveFeed;
  readonly #budget: ByteBudget;
  readonly #assets: DashboardAssets;

  constructor(feed: LiveFeed, budget: ByteBudget, assets: DashboardAssets = new DashboardAssets()) {
    this.#feed = feed;
    this.#budget = budget;
    this.#assets = assets;
  }

  /** False: the request is somebody else's. */
  serve(request: IncomingMessage, response: ServerResponse): boolean {
    const { method } = request;
    if ((method !== "GET" && method !== "HEAD") || announcesBody(request)) return false;
    const target = splitTarget(request.url ?? "");
    if (target === undefined) return false;
    if (target.path === LIVE_PATH) {
      const refusal = this.#stream(request, target.query, response);
      if (refusal !== undefined) sendAnswer(response, problemAnswer(refusal), this.#budget);
      return true;
    }
    const answer = this.#answerTo(target.path, request);
    if (answer === undefined) return false;
    sendAnswer(response, answer, this.#budget);
    return true;
  }

  #answerTo(path: string, { headers }: IncomingMessage): Answer | undefined {
    if (path === "/") return wantsPage(headers.accept) ? this.#assets.page() : undefined;
    if (path.startsWith("/assets/") || path === "/favicon.svg") return this.#assets.file(path);
    return undefined;
  }

  /** Begins it, or says why not. */
  #stream(request: IncomingMessage, query: string, response: ServerResponse): Problem | undefined {
    const { headers } = request;
    const parameters = parseParameters(query);
    const none = isProblem(parameters) ? parameters : parseNoParameters(parameters);
    if (isProblem(none)) return none;
    const site = headers["sec-fetch-site"] as string | undefined;
    if (isForeignOrigin(headers.origin, site, headers.host ?? "")) {
      return problem("foreign-origin", "a page of another origin may not watch this node");
    }
    if (request.method === "HEAD") {
      response.writeHead(200, STREAM_HEADERS).end();
      return undefined;
    }
    const hello = { version: VERSION, mayAct: isFromHere(request) };
    if (this.#feed.attach(response, hello)) return undefined;
    const limit = LISTENERS_MAX;
    return problem("overloaded", `${limit} watch this node already`, { limit });
  }
}

/** Whether the connection comes from this machine. */
export function isFromHere({ socket }: IncomingMessage): boolean {
  const address = socket.remoteAddress?.replace(/^::ffff:/, "");
  return address !== undefined && isLoopbackName(address);
}

/** Whether it was sent by a page in a browser: programs send neither header. */
export function isFromPage({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined || headers["sec-fetch-site"] !== undefined;
}

function wantsPage(accept: string | undefined): boolean {
  return accept !== undefined && /\btext\/html\b/i.test(accept);
}
