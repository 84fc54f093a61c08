/** What the HTTP door makes of a request's `traceparent`, over real sockets and a store in memory. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { type HttpDoor, openHttpDoor } from "../../src/adapters/http/http-door.ts";
import { FakeStore } from "../support/fake-store.ts";
import { type RawAnswer, request } from "../support/raw-http.ts";
import { type RecordedSpan, RecordingTracer } from "../support/recorded-spans.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = `traceparent: 00-${TRACE}-${SPAN}-01`;

const tracer = new RecordingTracer();
let store: FakeStore;
let door: HttpDoor;

before(async () => {
  store = new FakeStore();
  door = await openHttpDoor({
    store,
    host: "127.0.0.1",
    ports: [0],
    allowedHosts: [],
    log: { log: () => undefined },
    tracer,
  });
});
after(() => door.close());
beforeEach(() => {
  tracer.spans.length = 0;
  store.cells.clear();
});

function ask(
  method: string,
  target: string,
  headers: readonly string[] = [],
  body?: string,
): Promise<RawAnswer> {
  return request(door.ports[0] as number, method, target, {
    headers: [...headers],
    ...(body === undefined ? {} : { body }),
  });
}

/** The request's own span, once it has ended: that is after its answer has come. */
async function ended(): Promise<RecordedSpan> {
  const [span] = tracer.spans;
  assert.ok(span !== undefined);
  while (span.ends === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  return span;
}

test("a request is a span under its caller's, and its write one under that", async () => {
  await ask("PUT", "/kv/user1", [PARENT, "tracestate: a=1, b=2"], "value-marked");
  const span = await ended();
  assert.deepEqual(span.parentId, SPAN);
  assert.deepEqual(span.context, { ...span.context, traceId: TRACE, flags: 1, state: "a=1,b=2" });
  const own = "http.request.method=PUT http.route=/kv/{key} url.scheme=http";
  assert.deepEqual(tracer.tree(), [
    `PUT /kv/{key} (server) ${own} network.protocol.version=1.1 http.response.status_code=200: ok`,
    "PUT /kv/{key} > dnd.write (internal) dnd.operation=put dnd.slot=8106 " +
      "dnd.acks=2 dnd.of=3 dnd.hinted=1 dnd.outcome=written: ok",
  ]);
  assert.ok(!JSON.stringify(tracer.spans).includes("user1"), "no key is said");
  assert.ok(!JSON.stringify(tracer.spans).includes("value-marked"), "no value is said");
});

test("each method below /kv is a span by its route, and nothing else is one", async () => {
  await ask("PUT", "/kv/a", [], "1");
  const targets: readonly (readonly [string, string])[] = [
    ["GET", "/kv/a"],
    ["HEAD", "/kv/a"],
    ["DELETE", "/kv/a"],
    ["GET", "/kv?values=true"],
    ["PURGE", "/kv/a"],
    ["GET", "/health"],
    ["GET", "/cluster"],
  ];
  for (const [method, target] of targets) await ask(method, target);
  await ask("POST", "/kv", [], '{"key":"b","value":"1"}\n{"key":"c","value":"2"}\n');
  const outer = tracer.spans.filter(({ kind }) => kind === "server");
  const names = ["PUT", "GET", "HEAD", "DELETE"].map((method) => `${method} /kv/{key}`);
  assert.deepEqual(
    outer.map(({ name }) => name),
    [...names, "GET /kv", "HTTP /kv/{key}", "POST /kv"],
  );
  const lines = tracer.tree().filter((line) => line.startsWith("POST /kv > dnd.write"));
  assert.equal(lines.length, 2);
});

test("what is malformed is no trace of the caller's, and harms nothing", async () => {
  for (const headers of [
    [],
    ["traceparent: what"],
    [PARENT, PARENT],
    [`traceparent: 00-${TRACE}-${"0".repeat(16)}-01`],
    [`traceparent: ${"0".repeat(60_000)}`],
  ]) {
    tracer.spans.length = 0;
    assert.equal((await ask("GET", "/kv/a", headers)).status, 404);
    assert.equal((await ended()).parentId, undefined);
  }
});

test("a caller that keeps no trace has none here", async () => {
  assert.equal((await ask("GET", "/kv/a", [PARENT.replace(/1$/, "0")])).status, 404);
  assert.deepEqual(tracer.spans, []);
});

test("an answer that is an error of ours is a span that failed; one of the caller's is not", async () => {
  store.failNext = {
    kind: "failed",
    code: "timed-out",
    detail: "",
    stored: "no",
    quorum: { acks: 0, of: 3, hinted: 0 },
  };
  await ask("GET", "/kv/a");
  assert.equal((await ended()).problem, "504");
  tracer.spans.length = 0;
  await ask("GET", "/kv/a?r=9");
  const span = await ended();
  assert.equal(span.problem, undefined);
  assert.equal(span.facts["http.response.status_code"], 400);
});
