/** Bulk writes over a real socket: lines that fail alone, a client held back, and one that goes silent or away. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, afterEach, before, mock, type TestContext, test } from "node:test";
import { type HttpDoor, openHttpDoor } from "../../src/adapters/http/http-door.ts";
import type { HttpLimits } from "../../src/adapters/http/http-limits.ts";
import { FakeStore } from "../support/fake-store.ts";
import { open, parseAnswer, request } from "../support/raw-http.ts";

const quiet = { log: () => undefined };
const WRITES_MAX = 8;

let store: FakeStore;
let door: HttpDoor;
let port: number;

before(async () => {
  store = new FakeStore();
  door = await openDoor({});
  port = door.ports[0] as number;
});
after(() => door.close());
afterEach(() => {
  store.cells.clear();
  store.puts.length = 0;
});

function openDoor(limits: Partial<HttpLimits>): Promise<HttpDoor> {
  const all = { bulkWritesMax: WRITES_MAX, bulkRequestsMax: 2, lingerMs: 50, ...limits };
  const where = { host: "127.0.0.1", ports: [0], allowedHosts: [] };
  return openHttpDoor({ store, log: quiet, limits: all, ...where });
}

/** One that soon finds a client silent: no test that means something else may stand still in it. */
async function openImpatientDoor(t: TestContext): Promise<number> {
  const impatient = await openDoor({ bulkIdleMs: 50 });
  t.after(() => impatient.close());
  return impatient.ports[0] as number;
}

async function turns(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("a bad line does not stop the others and is named by its number", async () => {
  const lines = [
    '{"key":"a","value":"text"}',
    "not json",
    "",
    '{"key":"b","value":{"n": 1.0}}',
    '{"key":"","value":"x"}',
    '{"key64":"_w","value64":"AAEC","contentType":"image/png","expires":"2030-01-01T00:00:00.000Z"}',
    '{"key":"c"}',
    '{"key":"d","value":"x","surprise":1}',
    '{"key":"e","key":"f","value":"x"}',
    '{"key":"empty","value":""}',
  ];
  const answer = await request(port, "POST", "/kv", { body: lines.join("\n") });
  assert.equal(answer.status, 200);
  const summary = JSON.parse(answer.body.toString()) as {
    stored: number;
    failed: number;
    errors: { line: number; code: string; stored: string }[];
  };
  assert.equal(summary.stored, 4);
  assert.equal(summary.failed, 5);
  assert.deepEqual(
    summary.errors.map((error) => [error.line, error.code, error.stored]),
    [
      [2, "bad-line", "no"],
      [5, "key-empty", "no"],
      [7, "bad-line", "no"],
      [8, "bad-line", "no"],
      [9, "bad-line", "no"],
    ],
  );
  const cell = (key: string) => store.cells.get(key as never);
  assert.equal(Buffer.from(cell("b")?.payload ?? []).toString(), '{"n": 1.0}');
  assert.equal(cell("b")?.contentType, "application/json");
  assert.equal(cell("a")?.contentType, "text/plain; charset=utf-8");
  assert.deepEqual([...(cell("\xff")?.payload ?? [])], [0, 1, 2]);
  assert.equal(cell("\xff")?.expiresAtMs, 1_893_456_000_000);
  assert.ok(cell("empty"));
});

test("no more writes are under way than the bound, and all are made", async () => {
  store.writesAtOnceMax = 0;
  const body = Array.from({ length: 5_000 }, (_, index) => `{"key":"k${index}","value":"v"}`).join(
    "\r\n",
  );
  const answer = await request(port, "POST", "/kv?w=2", { body });
  assert.deepEqual(JSON.parse(answer.body.toString()), { stored: 5_000, failed: 0, errors: [] });
  assert.equal(store.cells.size, 5_000);
  assert.equal(store.puts[0]?.w, 2);
  assert.ok(store.writesAtOnceMax <= WRITES_MAX, `${store.writesAtOnceMax}`);
});

test("failures of the store count against their lines", async () => {
  const quorum = { acks: 0, of: 3, hinted: 0 };
  store.failNext = { kind: "failed", code: "overloaded", detail: "full", stored: "maybe", quorum };
  const answer = await request(port, "POST", "/kv", {
    headers: ["Accept: application/x-ndjson"],
    body: '{"key":"a","value":"1"}\n{"key":"b","value":"2"}\n',
  });
  assert.equal(answer.headers.get("transfer-encoding"), "chunked");
  assert.equal(store.cells.size, 1);
});

test("results a line name each line and end with the counts", async () => {
  const socket = open(port);
  const body = '{"key":"a","value":"1"}\nnonsense';
  socket.write(
    `POST /kv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: application/x-ndjson\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString();
  });
  await once(socket, "close");
  const results = text
    .split(/\r?\n/)
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const numbers = new Set(results.map((result) => result["line"]));
  assert.deepEqual(numbers, new Set([1, 2, undefined]));
  assert.deepEqual(results.at(-1), { stored: 1, failed: 1 });
});

test("a client that goes silent is told what was stored before", async (t) => {
  const socket = open(await openImpatientDoor(t));
  socket.write("POST /kv HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n18\r\n");
  socket.write('{"key":"a","value":"1"}\n\r\n');
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  await once(socket, "close");
  const answer = parseAnswer(Buffer.concat(chunks));
  assert.equal(answer.status, 408);
  const problem = JSON.parse(answer.body.toString()) as Record<string, unknown>;
  assert.equal(problem["code"], "body-too-slow");
  assert.equal(problem["stored"], "maybe");
  assert.equal(store.cells.size, 1);
});

test("waiting for the store is not the client's silence", async (t) => {
  const impatient = await openImpatientDoor(t);
  mock.timers.enable({ apis: ["setInterval"] });
  try {
    store.held = [];
    const lines = Array.from(
      { length: WRITES_MAX + 1 },
      (_, index) => `{"key":"h${index}","value":"v"}\n`,
    );
    const socket = open(impatient);
    socket.write(
      `POST /kv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${lines.join("").length + 1}\r\n\r\n`,
    );
    socket.write(lines.join(""));
    await turns(() => store.held?.length === WRITES_MAX);
    mock.timers.tick(500);
    store.release();
    socket.write("\n");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    await once(socket, "close");
    const answer = parseAnswer(Buffer.concat(chunks));
    assert.equal(answer.status, 200);
    assert.equal(JSON.parse(answer.body.toString()).stored, WRITES_MAX + 1);
  } finally {
    mock.timers.reset();
  }
});

test("more bulk requests than the bound are 503, and their place comes back", async () => {
  const line = '{"key":"a","value":"1"}';
  store.held = [];
  const running = [
    request(port, "POST", "/kv", { body: line }),
    request(port, "POST", "/kv", { body: line }),
  ];
  await turns(() => store.held?.length === 2);
  const refused = await request(port, "POST", "/kv", { body: line });
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "1");
  store.release();
  await Promise.all(running);
  assert.equal((await request(port, "POST", "/kv", { body: line })).status, 200);
});

test("a client that leaves in the middle frees its place, and what it sent whole is stored", async () => {
  for (let index = 0; index < 4; index += 1) {
    const socket = open(port);
    socket.write(
      `POST /kv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"key":"left${index}","value":"1"}\n{"key":"ha`,
    );
    await turns(() => store.puts.length > index);
    socket.destroy();
    await once(socket, "close");
  }
  assert.equal(
    (await request(port, "POST", "/kv", { body: '{"key":"a","value":"1"}' })).status,
    200,
  );
  assert.equal(store.cells.has("left3" as never), true);
});

test("a line beyond the bound fails alone", async () => {
  const small = new FakeStore();
  small.shared = { ...small.shared, valueBytesMax: 100, keyBytesMax: 10 };
  const strict = await openHttpDoor({
    store: small,
    host: "127.0.0.1",
    ports: [0],
    allowedHosts: [],
    log: quiet,
  });
  const body = [
    `{"key":"long","value":"${"x".repeat(9_000_000)}"}`,
    `{"key":"big","value":"${"x".repeat(101)}"}`,
    '{"key":"12345678901","value":"x"}',
    '{"key":"good","value":"x"}',
  ].join("\n");
  const answer = await request(strict.ports[0] as number, "POST", "/kv", { body });
  const summary = JSON.parse(answer.body.toString()) as {
    stored: number;
    errors: { code: string }[];
  };
  assert.equal(summary.stored, 1);
  assert.deepEqual(
    summary.errors.map((error) => error.code),
    ["line-too-long", "value-too-large", "key-too-long"],
  );
  await strict.close();
});
