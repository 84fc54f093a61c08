/**
 * The HTTP door: listens, guards, and hands requests to the hot path (`kv-routes.ts`) or the router (`node-routes.ts`).
 *
 * Invariant: whatever arrives gets a clear error or a closed connection; every wait and every amount has a bound
 * (`http-limits.ts`).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as wait } from "node:timers/promises";
import { getRequestListener } from "@hono/node-server";
import type { Store } from "../../node/store.ts";
import type { Log } from "../../ports/log.ts";
import type { Tracer } from "../../ports/tracer.ts";
import { problemAnswer } from "../../protocol/http/answer.ts";
import type { LiveDisk } from "../../protocol/http/live.ts";
import { type Problem, problem } from "../../protocol/http/problem.ts";
import { DoorDurations } from "../metrics/door-durations.ts";
import { type MachineFigures, machineFigures } from "../system/machine-figures.ts";
import { type BackupRouteOptions, serveBackup } from "./backup-route.ts";
import { DashboardRoutes } from "./dashboard-routes.ts";
import { Gate } from "./gate.ts";
import { ByteBudget, HTTP_LIMITS, type HttpLimits } from "./http-limits.ts";
import { KvRoutes } from "./kv-routes.ts";
import { LiveFeed } from "./live-feed.ts";
import { Metrics } from "./metrics.ts";
import { createNodeRoutes } from "./node-routes.ts";
import { announcesBody, refuse } from "./send.ts";

export interface HttpDoorOptions {
  readonly store: Store;
  /** The address to listen on: a name or an IP literal without brackets. */
  readonly host: string;
  /** One listener each, all serving the same; 0 is any free port. */
  readonly ports: readonly number[];
  /** Names or `host:port` by which clients may address this node, beside loopback and the addresses it listens on. */
  readonly allowedHosts: readonly string[];
  readonly log: Log;
  /** What the data takes on its disk, for people who watch; `undefined` where it is on none. */
  readonly disk?: (() => Promise<LiveDisk | undefined>) | undefined;
  /** Where the times of requests are counted; by default a place of the door's own. */
  readonly durations?: DoorDurations | undefined;
  /** What the machine has left, for metrics; by default without a disk. */
  readonly machine?: (() => Promise<MachineFigures>) | undefined;
  /** By default no request is traced. */
  readonly tracer?: Tracer | undefined;
  /** Defaults to `HTTP_LIMITS`. */
  readonly limits?: Partial<HttpLimits> | undefined;
}

/** How often a door that closes looks whether its connections are gone. */
const PARTING_POLL_MS = 20;

export interface HttpDoor {
  /** The ports listened on, in the order of the options. */
  readonly ports: readonly number[];
  /** Ends each connection with its next answer: whoever asks again asks for a connection, and may be sent elsewhere. */
  withdraw(): void;
  /** Stops accepting, lets running requests finish for `drainMs`, then cuts them off. Resolves once all is closed. */
  close(): Promise<void>;
}

/** A door that cannot open. `code` is stable: `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, ... as the system says. */
export class HttpDoorError extends Error {
  override readonly name = "HttpDoorError";
  readonly code: string;
  readonly port: number;
  constructor(code: string, port: number, message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
    this.port = port;
  }
}

/**
 * Opens the door on every port, or on none.
 *
 * @throws `HttpDoorError` naming the port that cannot be had.
 */
export async function openHttpDoor(options: HttpDoorOptions): Promise<HttpDoor> {
  const door = new Door(options);
  try {
    await door.listen();
  } catch (error) {
    await door.close();
    throw error;
  }
  return door;
}

class Door implements HttpDoor {
  readonly #options: HttpDoorOptions;
  readonly #limits: HttpLimits;
  readonly #budget: ByteBudget;
  readonly #gate: Gate;
  readonly #kvRoutes: KvRoutes;
  readonly #feed: LiveFeed;
  readonly #dashboard: DashboardRoutes;
  readonly #route: ReturnType<typeof getRequestListener>;
  readonly #durations: DoorDurations;
  readonly #backup: BackupRouteOptions;
  readonly #metrics: Metrics;
  readonly #servers: Server[] = [];
  readonly #ports: number[] = [];
  /** The answer that a connection is at: a parse error must not write into the middle of it. */
  readonly #answering = new WeakMap<object, ServerResponse>();
  #isWithdrawn = false;
  /** When something was asked last. */
  #askedMs = 0;
  #closing: Promise<void> | undefined;

  constructor(options: HttpDoorOptions) {
    this.#options = options;
    this.#limits = { ...HTTP_LIMITS, ...options.limits };
    this.#budget = new ByteBudget(this.#limits.bufferedBytesMax);
    this.#gate = new Gate([options.host, ...options.allowedHosts]);
    this.#kvRoutes = new KvRoutes(options.store, this.#limits, this.#budget, options.tracer);
    this.#durations = options.durations ?? new DoorDurations();
    this.#metrics = new Metrics({
      store: options.store,
      doors: this.#durations,
      machine: options.machine ?? (() => machineFigures(undefined)),
    });
    this.#backup = { store: options.store, limits: this.#limits, budget: this.#budget };
    this.#feed = new LiveFeed({ store: options.store, disk: options.disk ?? nothing });
    this.#dashboard = new DashboardRoutes(this.#feed, this.#budget);
    const app = createNodeRoutes(options.store, options.log, this.#metrics, this.#feed);
    // The adapter would otherwise replace Request and Response for the whole process, which may be someone else's.
    this.#route = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  async listen(): Promise<void> {
    for (const port of this.#options.ports) {
      const server = this.#createServer();
      this.#servers.push(server);
      this.#ports.push(await listenOn(server, this.#options.host, port));
    }
    this.#options.log.log("info", "http-door-open", {
      host: this.#options.host,
      ports: this.#ports.join(","),
    });
  }

  withdraw(): void {
    this.#isWithdrawn = true;
  }

  close(): Promise<void> {
    this.#isWithdrawn = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#feed.close();
    await this.#part();
    const closed = Promise.all(this.#servers.map(closeServer));
    const timer = setTimeout(() => {
      for (const server of this.#servers) server.closeAllConnections();
    }, this.#limits.drainMs);
    await closed;
    clearTimeout(timer);
    this.#metrics.close();
    this.#options.log.log("info", "http-door-closed");
  }

  /**
   * A connection between two requests is not at rest: the next one may be on its way, and would be cut off. Whatever is asked
   * now ends its connection with the answer, so those that are used go by themselves; what is left is hardly used.
   */
  async #part(): Promise<void> {
    const { partingMs, partingMsMax } = this.#limits;
    const startMs = performance.now();
    this.#askedMs = startMs;
    while (await this.#hasConnections()) {
      const nowMs = performance.now();
      if (nowMs - this.#askedMs >= partingMs || nowMs - startMs >= partingMsMax) return;
      await wait(PARTING_POLL_MS);
      // After a stall timers come first: what was asked meanwhile is read before it is said that nobody asks.
      await nextTurn();
    }
  }

  async #hasConnections(): Promise<boolean> {
    const counts = await Promise.all(
      this.#servers.map(
        (server) =>
          new Promise<number>((resolve) => {
            server.getConnections((_error, count) => resolve(count ?? 0));
          }),
      ),
    );
    return counts.some((count) => count > 0);
  }

  #createServer(): Server {
    const limits = this.#limits;
    const server = createServer({
      maxHeaderSize: limits.headBytesMax,
      headersTimeout: limits.headMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(limits.headMs, 5_000),
      insecureHTTPParser: false,
      // The runtime would answer such a request itself and go on to the next one behind it; the gate ends the connection.
      requireHostHeader: false,
    });
    server.maxConnections = limits.connectionsMax;
    server.timeout = limits.socketIdleMs;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      this.#onRequest(request, response);
    };
    server.on("request", onRequest);
    // Without this the runtime would invite a body before its announced length has been judged.
    server.on("checkContinue", onRequest);
    server.on("clientError", (error: NodeJS.ErrnoException, socket) =>
      this.#onClientError(error, socket as Socket),
    );
    return server;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    // The runtime parses on behind a request whose answer ends the connection. What it finds there was either sent in vain
    // or, behind a refused framing, is not a request at all.
    if (this.#answering.get(request.socket)?.shouldKeepAlive === false) return;
    this.#answering.set(request.socket, response);
    const startMs = performance.now();
    this.#askedMs = startMs;
    response.once("finish", () => {
      this.#durations.noteHttp(
        request.method ?? "",
        response.statusCode,
        performance.now() - startMs,
      );
    });
    // A connection that stays open would hold up the closing of the door.
    if (this.#isWithdrawn) response.shouldKeepAlive = false;
    const refusal = this.#gate.check(request);
    if (refusal !== undefined) {
      refuse(request, response, problemAnswer(refusal), this.#limits, this.#budget);
      return;
    }
    if (this.#kvRoutes.serve(request, response)) return;
    if (this.#dashboard.serve(request, response)) return;
    if (serveBackup(this.#backup, request, response)) return;
    if (announcesBody(request)) response.shouldKeepAlive = false;
    void this.#route(request, response);
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    const response = this.#answering.get(socket);
    if (response !== undefined && !response.writableFinished) {
      if (response.req.complete || response.headersSent) {
        // What came before the garbage is being answered: it finishes, and the connection ends with it.
        response.shouldKeepAlive = false;
        if (response.headersSent) response.once("finish", () => socket.destroySoon());
        return;
      }
    }
    socket.end(rawAnswer(clientProblem(error, this.#limits)), () => socket.destroy());
  }
}

async function nothing(): Promise<undefined> {}

/** What the parser's refusal means, as a problem. */
function clientProblem(error: NodeJS.ErrnoException, limits: HttpLimits): Problem {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW": {
      const detail = `the request line and headers are longer than ${limits.headBytesMax} bytes`;
      return problem("head-too-large", detail, { limit: limits.headBytesMax });
    }
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return problem("body-too-slow", `the request did not arrive within ${limits.headMs} ms`, {
        limit: limits.headMs,
      });
    default:
      return problem("bad-request", "the request is not well-formed HTTP");
  }
}

/** An answer for a connection that the runtime no longer speaks HTTP on. */
function rawAnswer(failure: Problem): string {
  const answer = problemAnswer(failure);
  const body = String(answer.body ?? "");
  let head = `HTTP/1.1 ${answer.status} ${failure.code}\r\nConnection: close\r\n`;
  for (let index = 0; index < answer.headers.length; index += 2) {
    head += `${answer.headers[index]}: ${answer.headers[index + 1]}\r\n`;
  }
  return `${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function listenOn(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const code = error.code ?? "UNKNOWN";
      const reason = code === "EADDRINUSE" ? "is in use" : `cannot be listened on (${code})`;
      reject(new HttpDoorError(code, port, `HTTP port ${port} on ${host} ${reason}`, error));
    };
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.off("error", onError);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) {
      resolve();
      return;
    }
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
