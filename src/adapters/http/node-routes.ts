/**
 * Everything but `/kv`: health, readiness, the cluster, the API description and the front page.
 */
import type { IncomingMessage } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import { createRoute, OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import { AssertionError } from "../../base/assert.ts";
import { type Key, keyFromBinary } from "../../model/key.ts";
import type { Decided, DumpOutcome, KeyCopy, Store } from "../../node/store.ts";
import type { Log } from "../../ports/log.ts";
import { BACKUP_COMPARE_PATH, BACKUP_PATH } from "../../protocol/backup/page.ts";
import {
  type Answer,
  GUARD_HEADERS,
  jsonAnswer,
  problemAnswer,
} from "../../protocol/http/answer.ts";
import { formatCursor, parseCursor } from "../../protocol/http/cursor.ts";
import { keyProblem, splitTarget } from "../../protocol/http/kv-target.ts";
import { METRICS_CONTENT_TYPE, metricsText } from "../../protocol/http/metrics-text.ts";
import { pageAnswer, wantsLines } from "../../protocol/http/pages.ts";
import { excerpt, isProblem, type Problem, problem } from "../../protocol/http/problem.ts";
import {
  type Parameters,
  parseDumpParameters,
  parseLocateParameters,
  parseNoParameters,
  parseParameters,
  parseRemoveParameters,
} from "../../protocol/http/query.ts";
import { copiesJson, dumpEntryJson, locationJson, statusJson } from "./cluster-json.ts";
import { isFromHere, isFromPage, LIVE_PATH } from "./dashboard-routes.ts";
import { describeKv } from "./kv-description.ts";
import type { LiveFeed } from "./live-feed.ts";
import { copiesSchema, numbersPageSchema, slotMapSchema } from "./live-schemas.ts";
import { getLogLevel, logLevelAnswer, putLogLevel } from "./log-level.ts";
import type { Metrics } from "./metrics.ts";
import {
  clusterSchema,
  differingSlotsSchema,
  dumpPageSchema,
  healthSchema,
  locationSchema,
  problemSchema,
  readySchema,
} from "./schemas.ts";
import { SlotMaps } from "./slot-map.ts";

type Environment = { Bindings: HttpBindings };
type Route = RouteConfig & { readonly path: string };
export type NodeApplication = OpenAPIHono<Environment>;

const FRONT_PAGE = `dnd: a masterless, durable, always-writable key-value store

  PUT, POST, GET, HEAD, DELETE  /kv/{key}          a value
  GET                           /kv?prefix=        keys, a page at a time
  POST                          /kv                many values, one JSON object a line
  GET                           /cluster           members, liveness, placement, counters
  GET                           /cluster/locate    ?key= the nodes that hold a key
  GET                           /cluster/copies    ?key= what each of them has of it
  GET                           /cluster/slots     who holds each of the slots
  GET                           /cluster/live      the cluster as it changes, as server-sent events
  GET                           /cluster/samples   its numbers of the last minutes, while somebody watched
  GET                           /cluster/dump      this node's own cells
  POST                          /cluster/leave     this node hands its data on and goes
  POST                          /cluster/remove    ?node= a dead member that will not come back
  POST                          /cluster/backup    a page of all that the cluster holds; /compare: what changed
  GET                           /metrics           counters and gauges, for Prometheus
  GET, PUT                      /log-level         ?level= what this node logs
  GET                           /health            200 while the process is alive
  GET                           /ready             200 while the node serves, and has caught up
  GET                           /openapi.json      all of this for programs
  GET                           /                  in a browser: the dashboard

  curl -X POST localhost:6000/kv/user1 -d '{"name": "Jack"}'
  curl localhost:6000/kv/user1
`;

function json<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { "application/json": { schema } } };
}

const refused = {
  description: "Problem.",
  content: { "application/problem+json": { schema: problemSchema } },
};
const frontPage = createRoute({
  method: "get",
  path: "/",
  summary: "The addresses below; for who accepts HTML, the dashboard",
  responses: {
    200: {
      description: "Text, or the page.",
      content: { "text/plain": { schema: z.string() }, "text/html": { schema: z.string() } },
    },
  },
});
const health = createRoute({
  method: "get",
  path: "/health",
  summary: "Whether the process is alive",
  responses: { 200: json("It is.", healthSchema) },
});
const ready = createRoute({
  method: "get",
  path: "/ready",
  summary: "Whether the node serves, and has caught up with the others",
  responses: {
    200: json("It does, and has.", readySchema),
    503: json("It has not yet, or is to be sent nothing more.", readySchema),
  },
});
const cluster = createRoute({
  method: "get",
  path: "/cluster",
  summary: "The cluster as this node sees it",
  responses: { 200: json("Members, liveness, placement, counters.", clusterSchema) },
});
const metrics = createRoute({
  method: "get",
  path: "/metrics",
  summary: "Counters and gauges, for Prometheus and its kin",
  responses: {
    200: { description: "Text.", content: { "text/plain": { schema: z.string() } } },
  },
});
const openApi = createRoute({
  method: "get",
  path: "/openapi.json",
  summary: "This description",
  responses: { 200: json("OpenAPI 3.1.", z.unknown()) },
});
const locate = createRoute({
  method: "get",
  path: "/cluster/locate",
  summary: "Which nodes hold a key",
  request: { query: z.object({ key: z.string().optional(), key64: z.string().optional() }) },
  responses: { 200: json("Nodes in order of preference.", locationSchema), 400: refused },
});
const copies = createRoute({
  method: "get",
  path: "/cluster/copies",
  summary: "What each of the nodes that hold a key has of it",
  request: { query: z.object({ key: z.string().optional(), key64: z.string().optional() }) },
  responses: { 200: json("Copies, those of the primaries first.", copiesSchema), 400: refused },
});
const slots = createRoute({
  method: "get",
  path: "/cluster/slots",
  summary: "Who holds each of the slots",
  responses: { 200: json("All slots at once.", slotMapSchema) },
});
const samples = createRoute({
  method: "get",
  path: "/cluster/samples",
  summary: "Numbers of the last five minutes, as far as somebody watched",
  responses: { 200: json("Oldest first.", numbersPageSchema) },
});
const live = createRoute({
  method: "get",
  path: LIVE_PATH,
  summary: "The cluster as it changes: events `hello`, `sample` (each second) and `timeline`",
  responses: {
    200: {
      description: "Server-sent events; docs/dashboard.md says what is in them.",
      content: { "text/event-stream": { schema: z.string() } },
    },
    403: refused,
    503: refused,
  },
});
const dump = createRoute({
  method: "get",
  path: "/cluster/dump",
  summary: "This node's own cells",
  request: { query: z.object({ limit: z.string().optional(), cursor: z.string().optional() }) },
  responses: { 200: json("A page in storage order.", dumpPageSchema), 400: refused, 503: refused },
});
const GOES = "It has begun; /cluster shows how far it is, by intent and gauges.";
const leave = createRoute({
  method: "post",
  path: "/cluster/leave",
  summary: "Has this node hand its data on, leave the cluster, and end",
  responses: { 202: json(GOES, clusterSchema), 400: refused, 403: refused, 409: refused },
});
const remove = createRoute({
  method: "post",
  path: "/cluster/remove",
  summary: "Removes a dead member that will not come back",
  request: { query: z.object({ node: z.string().openapi({ description: "Its id." }) }) },
  responses: { 202: json(GOES, clusterSchema), 400: refused, 403: refused, 409: refused },
});

const backup = createRoute({
  method: "post",
  path: BACKUP_PATH,
  summary: "A page of all that the cluster holds, for a backup",
  description:
    "One line of JSON, then the records of its cells: docs/backup.md. With a body, of the slots that it names alone, and without the cells whose digests it lists.",
  request: {
    query: z.object({
      first: z.string().optional().openapi({ description: "The first slot; 0." }),
      last: z.string().optional().openapi({ description: "The last slot; 16383." }),
      cursor: z.string().optional().openapi({ description: "As the page before gave it." }),
      thin: z.enum(["true", "false"]).optional().openapi({
        description: "Take slots that fewer than a read quorum can tell of, and name them.",
      }),
      deadline: z.string().optional(),
    }),
  },
  responses: {
    200: {
      description: "A page.",
      content: { "application/octet-stream": { schema: z.string() } },
    },
    400: refused,
    403: refused,
    503: refused,
    504: refused,
  },
});

const backupComparison = createRoute({
  method: "post",
  path: BACKUP_COMPARE_PATH,
  summary: "Which slots may hold something else than a backup does",
  description: "The body is a sum of 8 bytes for each slot: docs/backup.md.",
  responses: {
    200: json("All slots that a read quorum did not confirm.", differingSlotsSchema),
    400: refused,
    403: refused,
    503: refused,
  },
});

const DUMP_SCOPE = "dump";

/** The application for all that is not on the hot path. */
export function createNodeRoutes(
  store: Store,
  log: Log,
  numbers: Metrics,
  feed: LiveFeed,
): NodeApplication {
  const slotMaps = new SlotMaps(store);
  const app: NodeApplication = new OpenAPIHono<Environment>();

  // The router's own validation reads decoded text and would accept what it does not know, so the schemas
  // describe and the parsers of `protocol/http` judge.
  const add = (
    route: Route,
    serve: (request: IncomingMessage) => Answer | Promise<Answer>,
  ): void => {
    app.openAPIRegistry.registerPath(route);
    app.on(route.method.toUpperCase(), route.path, async (context) =>
      respond(await serve(context.env.incoming)),
    );
  };
  add(frontPage, (request) => withoutParameters(request, () => textAnswer(FRONT_PAGE)));
  add(health, (request) => withoutParameters(request, () => jsonAnswer({ status: "alive" })));
  add(ready, (request) => withoutParameters(request, () => readyAnswer(store)));
  add(cluster, (request) =>
    withoutParameters(request, () => jsonAnswer(statusJson(store.status()))),
  );
  add(metrics, (request) =>
    withoutParameters(request, async () =>
      textAnswer(metricsText(await numbers.families()), METRICS_CONTENT_TYPE),
    ),
  );
  add(locate, (request) => locateAnswer(store, parametersOf(request)));
  add(dump, (request) =>
    dumpAnswer(store, parametersOf(request), wantsLines(request.headers.accept)),
  );
  add(copies, (request) => copiesAnswer(store, parametersOf(request)));
  add(slots, (request) => withoutParameters(request, () => jsonAnswer(slotMaps.now())));
  add(samples, (request) =>
    withoutParameters(request, () => jsonAnswer({ samples: feed.numbers })),
  );
  add(leave, (request) =>
    withoutParameters(
      request,
      () => pageFromAfar(request) ?? departureAnswer(store, (done) => store.leave(done)),
    ),
  );
  add(remove, (request) => pageFromAfar(request) ?? removeAnswer(store, parametersOf(request)));
  for (const route of [getLogLevel, putLogLevel])
    add(route, (request) => logLevelAnswer(log, request, parametersOf(request)));
  app.openAPIRegistry.registerPath(live);

  // Served before the router: `backup-route.ts`.
  app.openAPIRegistry.registerPath(backup);
  app.openAPIRegistry.registerPath(backupComparison);
  app.openAPIRegistry.registerPath(openApi);
  describeKv(app.openAPIRegistry);
  let description: Answer | undefined;
  app.get("/openapi.json", async (context) => {
    description ??= jsonAnswer(app.getOpenAPI31Document(DOCUMENT));
    const answer = description;
    return respond(await withoutParameters(context.env.incoming, () => answer));
  });

  for (const { path, method } of [
    frontPage,
    health,
    ready,
    cluster,
    metrics,
    locate,
    copies,
    slots,
    samples,
    live,
    dump,
    openApi,
    leave,
    remove,
    backup,
    backupComparison,
    putLogLevel,
  ]) {
    const allowed = { get: "GET, HEAD", post: "POST", put: "GET, HEAD, PUT" }[method];
    app.all(path, (context) => {
      const detail = `${context.req.method} is not one of ${allowed}`;
      return respond(problemAnswer(problem("method-not-allowed", detail), ["Allow", allowed]));
    });
  }
  app.notFound((context) => {
    const path = splitTarget(context.env.incoming.url ?? "")?.path ?? "";
    return respond(
      problemAnswer(
        problem("route-not-found", `there is nothing at ${excerpt(JSON.stringify(path))}`),
      ),
    );
  });
  app.onError((error) => {
    // A broken invariant must end the process; the router would otherwise turn it into an answer.
    if (error instanceof AssertionError) {
      setImmediate(() => {
        throw error;
      });
    }
    log.log("error", "http-request-failed", { reason: error.message });
    return respond(problemAnswer(problem("internal", "the request failed inside the node")));
  });
  return app;
}

const DOCUMENT = {
  openapi: "3.1.0",
  info: {
    title: "dnd",
    version: "1",
    description:
      "A masterless, durable, always-writable key-value store. docs/http.md explains each part.",
  },
};

function parametersOf(request: IncomingMessage): Parameters | Problem {
  return parseParameters(splitTarget(request.url ?? "")?.query ?? "");
}

/** `answer`, unless the request has parameters where there are none to have. */
function withoutParameters(
  request: IncomingMessage,
  answer: () => Answer | Promise<Answer>,
): Answer | Promise<Answer> {
  const parameters = parametersOf(request);
  if (isProblem(parameters)) return problemAnswer(parameters);
  const none = parseNoParameters(parameters);
  return isProblem(none) ? problemAnswer(none) : answer();
}

function readyAnswer(store: Store): Answer {
  const { phase, waitsFor } = store.status();
  const isReady = waitsFor === undefined;
  return jsonAnswer({ ready: isReady, phase, waitsFor }, isReady ? 200 : 503);
}

/** Begins what `command` does, and shows the cluster as it is then. */
function departureAnswer(store: Store, command: (done: Decided) => void): Promise<Answer> {
  return new Promise((resolve) => {
    command((obstacle) => {
      if (obstacle === undefined) resolve(jsonAnswer(statusJson(store.status()), 202));
      else resolve(problemAnswer(problem("cannot-leave", obstacle)));
    });
  });
}

/** Until there are credentials, nobody sends a member away by a click on another machine. */
function pageFromAfar(request: IncomingMessage): Answer | undefined {
  if (!isFromPage(request) || isFromHere(request)) return undefined;
  const detail = "a page may send members away on the node's own machine only";
  return problemAnswer(problem("foreign-origin", detail));
}

function removeAnswer(store: Store, parameters: Parameters | Problem): Answer | Promise<Answer> {
  if (isProblem(parameters)) return problemAnswer(parameters);
  const wanted = parseRemoveParameters(parameters);
  if (isProblem(wanted)) return problemAnswer(wanted);
  return departureAnswer(store, (done) => store.remove(wanted.node, done));
}

function textAnswer(body: string, type = "text/plain; charset=utf-8"): Answer {
  return {
    status: 200,
    headers: ["Content-Type", type, ...GUARD_HEADERS],
    body,
  };
}

function locateAnswer(store: Store, parameters: Parameters | Problem): Answer {
  const key = keyIn(store, parameters);
  if (typeof key !== "string") return problemAnswer(key);
  return jsonAnswer(locationJson(key, store.locate(key)));
}

async function copiesAnswer(store: Store, parameters: Parameters | Problem): Promise<Answer> {
  const key = keyIn(store, parameters);
  if (typeof key !== "string") return problemAnswer(key);
  const found = await new Promise<readonly KeyCopy[]>((resolve) => {
    store.insight.copiesOf(key, resolve);
  });
  return jsonAnswer(copiesJson(key, found));
}

function keyIn(store: Store, parameters: Parameters | Problem): Key | Problem {
  if (isProblem(parameters)) return parameters;
  const wanted = parseLocateParameters(parameters);
  if (isProblem(wanted)) return wanted;
  const fault = keyProblem(wanted.key, store.status().shared.keyBytesMax);
  return fault ?? keyFromBinary(wanted.key);
}

async function dumpAnswer(
  store: Store,
  parameters: Parameters | Problem,
  asLines: boolean,
): Promise<Answer> {
  if (isProblem(parameters)) return problemAnswer(parameters);
  const wanted = parseDumpParameters(parameters);
  if (isProblem(wanted)) return problemAnswer(wanted);
  const start =
    wanted.cursor === undefined ? { position: "" } : parseCursor(wanted.cursor, DUMP_SCOPE);
  if (isProblem(start)) return problemAnswer(start);

  const outcome = await new Promise<DumpOutcome>((resolve) => {
    store.dump(start.position, wanted.limit, resolve);
  });
  if (outcome.kind === "failed") return problemAnswer(problem("storage-failed", outcome.detail));
  const cursor = outcome.next === undefined ? undefined : formatCursor(outcome.next, DUMP_SCOPE);
  return pageAnswer(outcome.entries.map(dumpEntryJson), cursor, asLines);
}

/** An answer as the router's own kind of response. */
function respond(answer: Answer): Response {
  const headers = new Headers();
  for (let index = 0; index < answer.headers.length; index += 2) {
    headers.append(answer.headers[index] as string, answer.headers[index + 1] as string);
  }
  return new Response((answer.body as string | undefined) ?? null, {
    status: answer.status,
    headers,
  });
}
