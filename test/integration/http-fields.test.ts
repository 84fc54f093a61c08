/**
 * Hashes and sets in listings and bulk writes: in parts, over real sockets, in front of a store in memory.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type HttpDoor, openHttpDoor } from "../../src/adapters/http/http-door.ts";
import { binaryFromText, bytesFromBinary } from "../../src/base/binary.ts";
import { type Key, keyFromBinary, keyFromText } from "../../src/model/key.ts";
import type { HashEntry, Operation, QueryOutcome } from "../../src/model/operation.ts";
import type { Failure } from "../../src/model/outcome.ts";
import { formatCursor } from "../../src/protocol/http/cursor.ts";
import { FakeStore } from "../support/fake-store.ts";
import { type RawAnswer, request } from "../support/raw-http.ts";

type Json = Record<string, unknown>;

const LINES = { headers: ["Accept: application/x-ndjson"] };
const NO_BYTES = new Uint8Array(0);
const OVERLOADED: Failure = {
  kind: "failed",
  code: "overloaded",
  detail: "full",
  stored: "no",
  quorum: { acks: 0, of: 3, hinted: 0 },
};

let store: FakeStore;
let door: HttpDoor;
let port: number;

beforeEach(async () => {
  store = new FakeStore();
  const quiet = { log: () => undefined };
  door = await openHttpDoor({ store, host: "127.0.0.1", ports: [0], allowedHosts: [], log: quiet });
  port = door.ports[0] as number;
});
afterEach(() => door.close());

function operate(key: Key, operation: Operation, to: FakeStore = store): Promise<void> {
  return new Promise((resolve) => to.operate({ key, operation }, () => resolve()));
}

function setHash(key: string, entries: readonly HashEntry[]): Promise<void> {
  return operate(keyFromText(key), { kind: "hash-set", entries, when: "always" });
}

function manyFields(count: number): HashEntry[] {
  return Array.from({ length: count }, (_, index) => [
    `f${String(index).padStart(6, "0")}`,
    Buffer.from(`v${index}`),
  ]);
}

/** All that a key holds, as the store says. */
function whole(key: string, from: FakeStore = store): Promise<unknown> {
  const query = { kind: "whole", type: "either" } as const;
  return new Promise((resolve) =>
    from.query({ key: keyFromBinary(key), query }, (outcome) => {
      const { result } = outcome as Extract<QueryOutcome, { kind: "answered" }>;
      if (result.kind !== "page") return resolve(result.kind);
      const { type, expiresAtMs } = result;
      const entries = result.entries.map(([name, value]) => [name, [...value]]);
      resolve({ type, entries, expiresAtMs });
    }),
  );
}

function linesOf({ body }: RawAnswer): Json[] {
  const texts = body.toString().split("\n");
  return texts.filter((text) => text !== "").map((text) => JSON.parse(text) as Json);
}

/** Page after page, as text, and how many pages it took. */
async function listAll(parameters: string): Promise<{ text: string; pageCount: number }> {
  let text = "";
  let cursor: string | undefined;
  let pageCount = 0;
  do {
    const rest = cursor === undefined ? "" : `&cursor=${cursor}`;
    const page = await request(port, "GET", `/kv?${parameters}${rest}`, LINES);
    assert.equal(page.status, 200, page.body.toString());
    text += page.body.toString();
    cursor = page.headers.get("dnd-cursor");
    pageCount += 1;
  } while (cursor !== undefined);
  return { text, pageCount };
}

interface Summary {
  readonly stored: number;
  readonly failed: number;
  readonly errors: readonly { readonly line: number; readonly code: string }[];
}

async function post(lines: readonly (Json | string)[]): Promise<Summary> {
  const texts = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  const { body } = await request(port, "POST", "/kv", { body: texts.join("\n") });
  return JSON.parse(body.toString()) as Summary;
}

function faults({ errors }: Summary): unknown[] {
  return errors.map(({ line, code }) => [line, code]);
}

// Goal: nothing of a hash or set is lost or changed on the way out and in again, whatever its names, and however small the
// pages. Method: awkward ones are listed page by page, sent back to an empty store, and compared.
test("hashes and sets listed in parts and sent back are the same", async () => {
  const awkward: HashEntry[] = ["", "\u0000", "10", "9", "__proto__", "\u2028", "\u00e9"].map(
    (text) => [binaryFromText(text), Buffer.from(text)],
  );
  awkward.push(["\xff\xfe", bytesFromBinary("\xff")], ["plain", bytesFromBinary("\xff\x00")]);
  await setHash("awkward", awkward);
  await setHash("large", manyFields(2_500));
  await setHash("thousand", manyFields(1_000));
  await operate(keyFromBinary("\xff"), { kind: "hash-set", entries: awkward, when: "always" });
  const members = ["", "a", "\xff", binaryFromText("\u00e9")];
  await operate(keyFromText("members"), { kind: "set-add", members });
  await operate(keyFromText("many"), {
    kind: "set-add",
    members: manyFields(1_500).map(([name]) => name),
  });
  const expiresAtMs = store.nowMs + 60_000;
  await operate(keyFromText("large"), { kind: "expire", expiresAtMs, when: "always" });
  await operate(keyFromText("members"), { kind: "expire", expiresAtMs, when: "always" });

  const keys = ["awkward", "large", "thousand", "\xff", "members", "many"];
  const before = await Promise.all(keys.map((key) => whole(key)));
  const { text, pageCount } = await listAll("values=true");
  assert.equal(pageCount, 1);
  for (const limit of [1, 2, 3]) {
    assert.equal((await listAll(`values=true&limit=${limit}`)).text, text, `limit ${limit}`);
  }
  assert.equal(text.split("\n").length - 1, 3 + 3 + 2 + 1);

  store.cells.clear();
  const sent = await request(port, "POST", "/kv", { body: text });
  assert.equal(sent.body.toString(), '{"stored":9,"failed":0,"errors":[]}\n');
  assert.deepEqual(await Promise.all(keys.map((key) => whole(key))), before);
});

test("only the first line of a key takes the place of what was there, and says so by not continuing", async () => {
  await setHash("h", manyFields(2_001));
  const page = await request(port, "GET", "/kv?values=true", LINES);
  const shown = linesOf(page).map(({ key, type, continues, value }) => {
    return [key, type, continues, Object.keys(value as Json).length];
  });
  assert.deepEqual(shown, [
    ["h", "hash", undefined, 1_000],
    ["h", "hash", true, 1_000],
    ["h", "hash", true, 1],
  ]);
  await setHash("h", [["stale", NO_BYTES]]);
  await request(port, "POST", "/kv", { body: page.body });
  const { entries } = (await whole("h")) as { entries: unknown[] };
  assert.equal(entries.length, 2_001);
});

test("a page ends after some megabytes, in the middle of a hash or between two", async () => {
  const value = Buffer.alloc(3 * 1024 * 1024, "x");
  for (const key of ["a", "b", "c"]) await setHash(key, [["x", value]]);
  const { text, pageCount } = await listAll("values=true");
  assert.equal(text.split("\n").length - 1, 3);
  assert.ok(pageCount <= 2);
  for (let index = 0; index < 10; index += 1) await setHash(`k${index}`, [["x", value]]);
  const all = await listAll("values=true");
  assert.equal(all.text.split("\n").length - 1, 13);
  assert.ok(all.pageCount >= 2, `${all.pageCount}`);
});

test("a key that becomes something else between two parts is listed as that from its beginning", async () => {
  await setHash("h", manyFields(1_500));
  const first = await request(port, "GET", "/kv?values=true&limit=1", LINES);
  const cursor = first.headers.get("dnd-cursor") ?? "";
  const next = async (): Promise<unknown[]> => {
    const page = await request(port, "GET", `/kv?values=true&limit=1&cursor=${cursor}`, LINES);
    return linesOf(page).map(({ key, type, continues, value }) => [key, type, continues, value]);
  };
  const key = keyFromText("h");
  await operate(key, { kind: "set-replace", members: ["m"], expiresAtMs: 0, when: "always" });
  assert.deepEqual(await next(), [["h", "set", undefined, ["m"]]]);
  store.put({ key, value: Buffer.from("text"), contentType: "" }, () => undefined);
  assert.deepEqual(await next(), [["h", "string", undefined, "text"]]);
  await new Promise<void>((resolve) => store.delete({ key }, () => resolve()));
  assert.deepEqual(await next(), []);

  // Without values the key has been listed.
  await setHash("h", manyFields(1_500));
  const bare = await request(port, "GET", `/kv?cursor=${cursor}`, LINES);
  assert.deepEqual([bare.status, bare.body.toString()], [200, ""]);
});

test("a forged place in a hash shows nothing and breaks nothing", async () => {
  await setHash("h", manyFields(3));
  for (const position of [
    "field hash 1 5 dxx",
    "field list 1 1 d",
    `field set 0 99999 d`,
    "field",
  ]) {
    const cursor = formatCursor(position, "list ");
    const page = await request(port, "GET", `/kv?values=true&cursor=${cursor}`, LINES);
    assert.deepEqual([page.status, page.body.toString()], [200, ""], position);
  }
});

test("lines of one key are written in their order, one after another", async () => {
  const underWay = new Set<Key>();
  const put = store.put.bind(store);
  store.put = (asked, done) => {
    assert.ok(!underWay.has(asked.key), "one at a time");
    underWay.add(asked.key);
    put(asked, (outcome) => {
      underWay.delete(asked.key);
      done(outcome);
    });
  };
  const summary = await post([
    { key: "a", value: "1" },
    { key: "a", value: "2" },
    { key: "b", value: "1" },
    { key: "a", value: "3" },
    { key: "a", type: "set", value: ["x"] },
  ]);
  assert.deepEqual(summary, { stored: 5, failed: 0, errors: [] });
  assert.deepEqual(await whole("a"), { type: "set", entries: [["x", []]], expiresAtMs: 0 });
});

test("a part whose beginning was not stored is not added to what was there before", async () => {
  await setHash("h", [["former", NO_BYTES]]);
  store.failNext = OVERLOADED;
  const summary = await post([
    { key: "h", type: "hash", value: { a: "1" } },
    { key: "h", type: "hash", value: { b: "2" }, continues: true },
    { key: "h", type: "hash", value: { c: "3" }, continues: true },
    { key: "other", type: "hash", value: { d: "4" }, continues: true },
    "no line",
    { key: "h", type: "hash", value: { e: "5" }, continues: true },
  ]);
  assert.deepEqual(faults(summary), [
    [1, "overloaded"],
    [2, "overloaded"],
    [3, "overloaded"],
    [5, "bad-line"],
    [6, "bad-line"],
  ]);
  assert.deepEqual(await whole("h"), {
    type: "hash",
    entries: [["former", []]],
    expiresAtMs: 0,
  });
});

test("a part that comes when its key has ended leaves nothing that never ends", async () => {
  const expires = store.nowMs + 1_000;
  await post([{ key: "h", type: "hash", value: { a: "1" }, expires }]);
  store.nowMs += 2_000;
  const summary = await post([
    { key: "h", type: "hash", value: { b: "2" }, continues: true, expires },
  ]);
  assert.equal(summary.stored, 1);
  assert.equal(await whole("h"), "none");
  await post([{ key: "past", type: "set", value: ["a"], expires: store.nowMs - 1 }]);
  assert.equal(await whole("past"), "none");
});

test("a part of one type is not added to another, and an empty one is no key", async () => {
  await operate(keyFromText("s"), { kind: "set-add", members: ["a"] });
  const summary = await post([{ key: "s", type: "hash", value: { a: "1" }, continues: true }]);
  assert.deepEqual(faults(summary), [[1, "wrong-type"]]);
  await post([{ key: "s", type: "hash", value: {} }]);
  assert.equal(await whole("s"), "none");
});

test("the longest values go out and in again, whatever they are made of", async () => {
  const bytesMax = 3 * 1024 * 1024;
  store.shared = { ...store.shared, valueBytesMax: bytesMax };
  const quiet = { log: () => undefined };
  const small = await openHttpDoor({
    store,
    host: "127.0.0.1",
    ports: [0],
    allowedHosts: [],
    log: quiet,
  });
  const texts = ["\u0001", '"'];
  for (const [index, text] of texts.entries()) {
    const value = Buffer.alloc(bytesMax - 8, text);
    const key = keyFromText(`v${index}`);
    await new Promise<void>((resolve) => {
      store.put({ key, value, contentType: "" }, () => resolve());
    });
    await setHash(`h${index}`, [["f", value]]);
  }
  await setHash(
    "fields",
    manyFields(1_000).map(([name]) => [name, Buffer.alloc(1_000, "\u0001")]),
  );
  const containers = ["h0", "h1", "fields"];
  const before = await Promise.all(containers.map((key) => whole(key)));
  const payload = (key: string) => store.cells.get(keyFromText(key))?.payload ?? [];
  const values = [Buffer.from(payload("v0")), Buffer.from(payload("v1"))];
  const { text } = await listAll("values=true");
  store.cells.clear();
  const [ownPort = 0] = small.ports;
  const { body } = await request(ownPort, "POST", "/kv", { body: text });
  await small.close();
  assert.equal(body.toString(), '{"stored":5,"failed":0,"errors":[]}\n');
  assert.deepEqual(await Promise.all(containers.map((key) => whole(key))), before);
  assert.ok(values.every((value, index) => value.equals(Buffer.from(payload(`v${index}`)))));
});

test("what is no hash or set is refused by its line", async () => {
  const lines = [
    '{"key":"h","type":"hash"}',
    '{"key":"h","type":"hash","value":["a"]}',
    '{"key":"h","type":"hash","value":{"a":1}}',
    '{"key":"h","type":"hash","value":{"a":"1","a":"2"}}',
    '{"key":"h","type":"hash","value":{"a":{"value64":"!"}}}',
    '{"key":"h","type":"hash","value":{"a":{"value64":"_w","more":1}}}',
    '{"key":"h","type":"hash","value64":{"!":"_w"}}',
    '{"key":"h","type":"hash","value":{},"contentType":"text/plain"}',
    '{"key":"h","type":"hash","value":{},"continues":1}',
    '{"key":"s","type":"set","value":{"a":"1"}}',
    '{"key":"s","type":"set","value":[1]}',
    '{"key":"s","type":"set","value":[],"value64":"_w"}',
    '{"key":"v","type":"list","value":[]}',
    '{"key":"v","value":"a","continues":true}',
    `{"key":"h","type":"hash","value":{"${"n".repeat(32_737)}":"1"}}`,
  ];
  for (const line of lines) {
    const code = line.length > 1_000 ? "value-too-large" : "bad-line";
    assert.deepEqual(faults(await post([line])), [[1, code]], line);
  }
  assert.equal(store.cells.size, 0);
});
