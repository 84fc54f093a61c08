/** Pages of a backup, and lines that keep what is there, over a real socket in front of a store in memory. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type HttpDoor, openHttpDoor } from "../../src/adapters/http/http-door.ts";
import { digestOf } from "../../src/adapters/http/known-digests.ts";
import { SlotSums } from "../../src/core/anti-entropy/hash-tree.ts";
import { checksumOf, decodeRoot } from "../../src/core/causality/cell-codec.ts";
import { cellKey } from "../../src/core/causality/storage-key.ts";
import { slotOfKey } from "../../src/core/placement/slot-of-key.ts";
import { type Key, keyFromText } from "../../src/model/key.ts";
import type { Operation, QueryOutcome } from "../../src/model/operation.ts";
import type { KeyedCell } from "../../src/model/peer-message.ts";
import type { Slot } from "../../src/model/slot.ts";
import { RecordReader } from "../../src/protocol/backup/cell-record.ts";
import {
  DIGEST_BYTES,
  encodeKnownCells,
  parseSame,
} from "../../src/protocol/backup/known-cells.ts";
import { type PageHead, parsePage } from "../../src/protocol/backup/page.ts";
import { formatCursor } from "../../src/protocol/http/cursor.ts";
import { FakeStore } from "../support/fake-store.ts";
import { exchange, type RawAnswer, request } from "../support/raw-http.ts";

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

function put(key: string, value: string): Promise<void> {
  const body = { key: keyFromText(key), value: Buffer.from(value), contentType: "text/plain" };
  return new Promise((resolve) => store.put(body, () => resolve()));
}

function operate(key: string, operation: Operation): Promise<void> {
  return new Promise((resolve) =>
    store.operate({ key: keyFromText(key), operation }, () => resolve()),
  );
}

async function fields(key: string): Promise<Record<string, string>> {
  const query = { kind: "whole", type: "either" } as const;
  const outcome = await new Promise<QueryOutcome>((resolve) =>
    store.query({ key: keyFromText(key), query }, resolve),
  );
  assert.ok(outcome.kind === "answered" && outcome.result.kind === "page");
  const { entries } = outcome.result;
  return Object.fromEntries(entries.map(([name, value]) => [name, Buffer.from(value).toString()]));
}

function pageIn(answer: RawAnswer): {
  readonly head: PageHead;
  readonly values: Record<Key, string>;
} {
  assert.equal(answer.status, 200, answer.body.toString());
  const page = parsePage(answer.body);
  assert.ok(typeof page === "object");
  const reader = new RecordReader();
  const cells = reader.feed(page.records);
  assert.ok(typeof cells === "object" && reader.isAtEnd);
  assert.equal(cells.length, page.head.cells);
  const values: Record<Key, string> = {};
  for (const { key, bytes } of cells) {
    const root = decodeRoot(bytes, key);
    assert.ok(root !== "damaged");
    values[key] = Buffer.from(root.payload).toString();
  }
  return { head: page.head, values };
}

function problemOf(answer: RawAnswer): string {
  return `${answer.status} ${JSON.parse(answer.body.toString()).code}`;
}

test("a page holds the cells of the slots asked for, as records behind a line that counts them", async () => {
  await put("a", "first");
  await put("b", "second");
  const whole = pageIn(await request(port, "POST", "/cluster/backup"));
  assert.deepEqual(whole, { head: { cells: 2 }, values: { a: "first", b: "second" } });
  const slot = slotOfKey(keyFromText("a"));
  const one = pageIn(await request(port, "POST", `/cluster/backup?first=${slot}&last=${slot}`));
  assert.deepEqual(one.values, { a: "first" });
});

test("a cursor goes on where it says, and none but one that a backup handed out is taken", async () => {
  await put("a", "first");
  await put("b", "second");
  const order = ["a", "b"].toSorted(
    (a, b) => slotOfKey(keyFromText(a)) - slotOfKey(keyFromText(b)),
  );
  const [first, second] = order.map(keyFromText) as [Key, Key];
  const position = cellKey(slotOfKey(first), first, undefined);
  const cursor = formatCursor(position, "backup");
  const rest = pageIn(await request(port, "POST", `/cluster/backup?cursor=${cursor}`));
  assert.deepEqual(Object.keys(rest.values), [second]);
  const others = [
    "x",
    formatCursor(position, "dump"),
    formatCursor("", "backup"),
    formatCursor("d\xff\xff", "backup"),
    formatCursor("m\0\0", "backup"),
  ];
  for (const other of others) {
    const answer = await request(port, "POST", `/cluster/backup?cursor=${other}`);
    assert.equal(problemOf(answer), "400 bad-parameter", other);
  }
});

test("what is not known, twice, no slot, or the wrong way round is refused by name", async () => {
  const refused: Readonly<Record<string, string>> = {
    "first=16384": "400 bad-parameter",
    "last=-1": "400 bad-parameter",
    "first=x": "400 bad-parameter",
    "first=2&last=1": "400 bad-parameter",
    "thin=yes": "400 bad-parameter",
    "first=1&first=1": "400 bad-parameter",
    "deadline=0": "400 bad-parameter",
    "limit=1": "400 unknown-parameter",
  };
  for (const [query, problem] of Object.entries(refused)) {
    const answer = await request(port, "POST", `/cluster/backup?${query}`);
    assert.equal(problemOf(answer), problem, query);
  }
  const withBody = await request(port, "POST", "/cluster/backup", { body: "x" });
  assert.equal(problemOf(withBody), "400 bad-request");
});

function bodyOf(slots: readonly number[], digests: readonly Uint8Array[] = []): Uint8Array {
  return encodeKnownCells({ slots: slots as readonly Slot[], digests });
}

test("a page of an increment is of the slots that are named, without the cells that are known", async () => {
  for (const key of ["a", "b", "c"]) await put(key, `first ${key}`);
  const [a, b] = ["a", "b"].map((key) => slotOfKey(keyFromText(key))) as [Slot, Slot];
  const known = store.encodedCells(keyFromText("a"))[0] as KeyedCell;
  const slots = [a, b].sort((one, other) => one - other);
  const other = Buffer.alloc(DIGEST_BYTES, 7);
  const body = bodyOf(slots, [other, digestOf(known)]);
  const answer = pageIn(await request(port, "POST", "/cluster/backup", { body }));
  assert.deepEqual(answer.values, { b: "first b" });
  const isSame = parseSame(answer.head.same ?? "", 2);
  assert.ok(typeof isSame === "function");
  assert.deepEqual([isSame(0), isSame(1), isSame(2)], [false, true, false]);
  // Written anew it has another stamp, whatever its value.
  await put("a", "first a");
  const again = pageIn(await request(port, "POST", "/cluster/backup", { body }));
  assert.deepEqual(again.values, { a: "first a", b: "first b" });
  const unknowing = pageIn(await request(port, "POST", "/cluster/backup", { body: bodyOf([b]) }));
  assert.deepEqual([unknowing.values, unknowing.head.same], [{ b: "first b" }, ""]);
});

test("a body that tells of no known cells is refused, whatever is in it", async () => {
  const bodies = [
    Buffer.of(0),
    Buffer.of(0, 0),
    Buffer.of(0, 2, 0, 1),
    Buffer.from("0002000200020000", "hex"),
    Buffer.from("0002000200010000", "hex"),
    Buffer.from("00014000", "hex"),
    Buffer.concat([bodyOf([1]), Buffer.alloc(15)]),
    Buffer.concat([bodyOf([1]), Buffer.alloc(16 * 65_537)]),
  ];
  for (const body of bodies) {
    const answer = await request(port, "POST", "/cluster/backup", { body });
    assert.equal(problemOf(answer), "400 bad-request", body.toString("hex").slice(0, 40));
  }
  const large = Buffer.alloc(2 * 1024 * 1024);
  const answer = await request(port, "POST", "/cluster/backup", { body: large });
  assert.equal(problemOf(answer), "413 value-too-large");
});

test("slots that hold something else than a backup are told", async () => {
  await put("a", "first");
  await put("b", "second");
  const sums = new SlotSums();
  for (const key of ["a", "b"].map(keyFromText)) {
    const slot = slotOfKey(key);
    const { bytes } = store.encodedCells(key)[0] as KeyedCell;
    sums.add(slot, cellKey(slot, key, undefined), checksumOf(bytes));
  }
  const body = Buffer.alloc(8 * 16_384);
  for (const [index, half] of sums.sums.entries()) body.writeUInt32BE(half, 4 * index);
  const compare = async (sent?: Uint8Array): Promise<RawAnswer> =>
    await request(
      port,
      "POST",
      "/cluster/backup/compare",
      sent === undefined ? {} : { body: sent },
    );
  assert.deepEqual(JSON.parse((await compare(body)).body.toString()), { differing: [] });
  await put("b", "third");
  const slot = slotOfKey(keyFromText("b"));
  assert.deepEqual(JSON.parse((await compare(body)).body.toString()), { differing: [slot] });
  assert.equal(problemOf(await compare(body.subarray(1))), "400 bad-request");
  assert.equal(problemOf(await compare()), "400 bad-request");
  const foreign = { body, headers: ["Origin: http://evil.example"] };
  const refused = await request(port, "POST", "/cluster/backup/compare", foreign);
  assert.equal(problemOf(refused), "403 foreign-origin");
  const unknown = await request(port, "POST", "/cluster/backup/compare?first=1", { body });
  assert.equal(problemOf(unknown), "400 unknown-parameter");
  const got = await request(port, "GET", "/cluster/backup/compare");
  assert.equal(problemOf(got), "405 method-not-allowed");
});

test("no page of another origin gets one, nor does a GET", async () => {
  await put("a", "secret");
  for (const header of [
    "Origin: http://evil.example",
    "Sec-Fetch-Site: cross-site",
    "Origin: null",
  ]) {
    const answer = await request(port, "POST", "/cluster/backup", { headers: [header] });
    assert.equal(problemOf(answer), "403 foreign-origin");
  }
  const got = await request(port, "GET", "/cluster/backup");
  assert.equal(problemOf(got), "405 method-not-allowed");
  assert.equal(got.headers.get("allow"), "POST");
  assert.equal(problemOf(await request(port, "POST", "/cluster/backup/x")), "404 route-not-found");
});

test("a page that fails says why, as a read does", async () => {
  const quorum = { acks: 1, of: 3, hinted: 0 };
  const code = "quorum-unreachable";
  store.failNext = { kind: "failed", code, detail: "too few", stored: "no", quorum };
  const answer = await request(port, "POST", "/cluster/backup");
  assert.equal(problemOf(answer), "503 quorum-unreachable");
  assert.equal(JSON.parse(answer.body.toString()).of, 3);
});

test("lines that keep what is there store what is missing, and count the rest", async () => {
  await put("old", "as it was");
  await operate("hash", { kind: "hash-set", entries: [["a", Buffer.from("1")]], when: "always" });
  await operate("set", { kind: "set-add", members: ["x"] });
  const lines = [
    '{"key":"old","value":"other"}',
    '{"key":"new","value":"fresh"}',
    '{"key":"hash","type":"hash","value":{"a":"2","b":"2"}}',
    '{"key":"hash","type":"hash","continues":true,"value":{"a":"3","b":"3"}}',
    '{"key":"hash","type":"hash","continues":true,"value":{"c":"4"}}',
    '{"key":"set","type":"set","value":["x","y"]}',
    '{"key":"old","type":"hash","value":{"a":"1"}}',
    '{"key":"begun","type":"hash","value":{"a":"1"},"expires":"2099-01-01T00:00:00.000Z"}',
    '{"key":"begun","type":"hash","continues":true,"value":{"b":"2"},"expires":"2099-01-01T00:00:00.000Z"}',
  ];
  const body = lines.join("\n");
  const answer = await request(port, "POST", "/kv?existing=keep", { body });
  assert.deepEqual(JSON.parse(answer.body.toString()), {
    stored: 6,
    kept: 3,
    failed: 0,
    errors: [],
  });
  const textOf = (key: string): string =>
    Buffer.from(store.cells.get(keyFromText(key))?.payload ?? []).toString();
  assert.deepEqual([textOf("old"), textOf("new")], ["as it was", "fresh"]);
  assert.deepEqual(await fields("hash"), { a: "1", b: "2", c: "4" });
  assert.deepEqual(Object.keys(await fields("set")).sort(), ["x", "y"]);
  assert.deepEqual(await fields("begun"), { a: "1", b: "2" });
  assert.equal(store.cells.get(keyFromText("begun"))?.expiresAtMs, Date.parse("2099-01-01"));
  assert.equal(store.cells.get(keyFromText("hash"))?.expiresAtMs, 0, "its own time stays");

  const head = `POST /kv?existing=keep HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n`;
  const length = `Accept: application/x-ndjson\r\nContent-Length: ${body.length}\r\n\r\n`;
  const again = (await exchange(port, `${head}${length}${body}`)).toString();
  const results = again.match(/^\{.*\}\r?$/gm) ?? [];
  assert.deepEqual(JSON.parse(results.at(-1) ?? ""), { stored: 0, kept: 9, failed: 0 });
  assert.ok(results.some((line) => line.startsWith('{"line":1,"kept":true}')));
  const unknown = await request(port, "POST", "/kv?existing=merge", { body: lines[0] as string });
  assert.equal(problemOf(unknown), "400 bad-parameter");
});
