/**
 * Hashes, sets and counters as HTTP shows them: over real sockets, in front of a store in memory.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type HttpDoor, openHttpDoor } from "../../src/adapters/http/http-door.ts";
import { bytesFromBinary } from "../../src/base/binary.ts";
import { keyFromText } from "../../src/model/key.ts";
import type { Operation, QueryOutcome } from "../../src/model/operation.ts";
import { FakeStore } from "../support/fake-store.ts";
import { type RawAnswer, request } from "../support/raw-http.ts";

const QUORUM = { acks: 2, of: 3, hinted: 0 };
const LINES = { headers: ["Accept: application/x-ndjson"] };

let store: FakeStore;
let door: HttpDoor;
let port: number;

beforeEach(async () => {
  store = new FakeStore();
  const quiet = { log: () => undefined };
  door = await openHttpDoor({ store, host: "127.0.0.1", ports: [0], allowedHosts: [], log: quiet });
  port = door.ports[0] as number;
  const entries = [
    ["name", bytesFromBinary("Jack")],
    ["photo", bytesFromBinary("\u00ff")],
  ] as const;
  await operate("user", { kind: "hash-set", entries, when: "always" });
  await operate("user", { kind: "hash-add", name: "visits", delta: 7n });
  await operate("tags", { kind: "set-add", members: ["b", "a"] });
  await operate("hits", { kind: "add", delta: 41n });
});
afterEach(() => door.close());

function operate(key: string, operation: Operation): Promise<void> {
  return new Promise((resolve) => {
    store.operate({ key: keyFromText(key), operation }, () => resolve());
  });
}

function facts({ status, headers, body }: RawAnswer): unknown[] {
  return [status, headers.get("dnd-type"), headers.get("content-type"), body.toString()];
}

function codeOf(answer: RawAnswer): unknown[] {
  const { code } = JSON.parse(answer.body.toString()) as { code: string };
  return [answer.status, code];
}

test("a hash is a JSON object, a set an array, a counter a number", async () => {
  assert.deepEqual(facts(await request(port, "GET", "/kv/user")), [
    200,
    "hash",
    "application/json",
    '{"name":"Jack","photo":{"value64":"_w"},"visits":"7"}\n',
  ]);
  assert.deepEqual(facts(await request(port, "GET", "/kv/tags")), [
    200,
    "set",
    "application/json",
    '["a","b"]\n',
  ]);
  assert.deepEqual(facts(await request(port, "GET", "/kv/hits")), [
    200,
    "string",
    "text/plain; charset=utf-8",
    "41",
  ]);
});

test("fields and members come a line each for who asks so", async () => {
  const lines =
    '{"field":"name","value":"Jack"}\n{"field":"photo","value64":"_w"}\n{"field":"visits","value":"7"}\n';
  assert.deepEqual(facts(await request(port, "GET", "/kv/user", LINES)), [
    200,
    "hash",
    "application/x-ndjson",
    lines,
  ]);
  const members = await request(port, "GET", "/kv/tags", LINES);
  assert.equal(members.body.toString(), '{"member":"a"}\n{"member":"b"}\n');
});

test("a stamp is that of all that the key holds, and conditions go by it", async () => {
  const first = await request(port, "GET", "/kv/user");
  const tag = first.headers.get("etag") ?? "";
  assert.equal(first.headers.get("dnd-acks"), "2/3; hinted=1");
  const noneMatch = { headers: [`If-None-Match: ${tag}`] };
  const current = await request(port, "GET", "/kv/user", noneMatch);
  assert.deepEqual([current.status, current.headers.get("dnd-type")], [304, "hash"]);
  await operate("user", { kind: "hash-add", name: "visits", delta: 1n });
  assert.equal((await request(port, "GET", "/kv/user", noneMatch)).status, 200);
  const match = { headers: [`If-Match: ${tag}`] };
  assert.deepEqual(codeOf(await request(port, "GET", "/kv/user", match)), [
    412,
    "condition-failed",
  ]);
});

test("HEAD tells the type and the length, and no more", async () => {
  const got = await request(port, "GET", "/kv/user");
  const head = await request(port, "HEAD", "/kv/user");
  for (const name of ["etag", "dnd-type", "vary", "content-type", "content-length"]) {
    assert.equal(head.headers.get(name), got.headers.get(name), name);
  }
  assert.equal(head.body.length, 0);
});

test("an expiry is told", async () => {
  const expiresAtMs = store.nowMs + 1_500;
  await operate("tags", { kind: "expire", expiresAtMs, when: "always" });
  const { headers } = await request(port, "GET", "/kv/tags");
  assert.equal(headers.get("dnd-expires"), "2027-01-15T08:00:01.500Z");
});

test("PUT takes the place of a hash, DELETE deletes a set", async () => {
  await request(port, "PUT", "/kv/user", { body: "plain" });
  assert.deepEqual(facts(await request(port, "GET", "/kv/user")), [
    200,
    "string",
    "text/plain; charset=utf-8",
    "plain",
  ]);
  assert.equal((await request(port, "DELETE", "/kv/tags")).status, 204);
  assert.equal((await request(port, "GET", "/kv/tags")).status, 404);
});

test("a listing tells the type of each key and what it holds", async () => {
  const { body } = await request(port, "GET", "/kv?values=true", LINES);
  const entries = body
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const shown = entries.map(({ key, type, value, bytes }) => [key, [type, value, bytes]]);
  assert.deepEqual(Object.fromEntries(shown), {
    hits: ["string", "41", 2],
    tags: ["set", ["a", "b"], undefined],
    user: ["hash", { name: "Jack", photo: { value64: "_w" }, visits: "7" }, undefined],
  });
  const bare = await request(port, "GET", "/kv?prefix=tags");
  const [{ type }] = (JSON.parse(bare.body.toString()) as { entries: [{ type: string }] }).entries;
  assert.equal(type, "set");
  const copy = await request(port, "POST", "/kv", { body });
  assert.match(copy.body.toString(), /"stored":3,"failed":0/);
});

test("a key that holds too much is refused, as is a field that is no text", async () => {
  await operate("user", {
    kind: "hash-set",
    entries: [["\u00ff", bytesFromBinary("")]],
    when: "always",
  });
  assert.deepEqual(codeOf(await request(port, "GET", "/kv/user")), [406, "field-not-text"]);
  assert.equal((await request(port, "GET", "/kv/user", LINES)).status, 200);
  answerQueries({ kind: "fault", fault: "too-many" });
  assert.deepEqual(codeOf(await request(port, "GET", "/kv/user")), [422, "too-many"]);
});

test("a key that is gone, or has become a value, by the time it is looked at", async () => {
  answerQueries({ kind: "none" });
  assert.deepEqual(codeOf(await request(port, "GET", "/kv/tags")), [404, "key-not-found"]);
  const asked = answerQueries({ kind: "fault", fault: "wrong-type" }, () => {
    if (asked.count === 1) store.put(plain("tags"), () => undefined);
  });
  assert.equal((await request(port, "GET", "/kv/tags")).body.toString(), "now plain");
  assert.equal(asked.count, 1);
  assert.deepEqual(codeOf(await request(port, "GET", "/kv/user")), [503, "contended"]);
});

function plain(key: string): Parameters<FakeStore["put"]>[0] {
  return { key: keyFromText(key), value: Buffer.from("now plain"), contentType: "text/plain" };
}

/** Has every query from now on answered so. */
function answerQueries(
  result: Extract<QueryOutcome, { kind: "answered" }>["result"],
  before: () => void = () => undefined,
): { count: number } {
  const asked = { count: 0 };
  store.query = (_request, done) => {
    asked.count += 1;
    before();
    setImmediate(() => done({ kind: "answered", result, quorum: QUORUM }));
  };
  return asked;
}
