/** The library's calls over a store that answers as told: what is passed down, and what comes up for each outcome. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DndError } from "./dnd-error.ts";
import { EmbeddedNode } from "./embedded-node.ts";
import type { RootCell } from "./model/cell.ts";
import { SHARED_CONFIG_DEFAULT } from "./model/config.ts";
import type { ListOutcome, ReadOutcome, WriteOutcome } from "./model/outcome.ts";
import { formatStamp, NO_STAMP } from "./model/stamp.ts";
import type { Store } from "./node/store.ts";

const STAMP = { ms: 1_000, counter: 2, boot: 3 };
const QUORUM = { acks: 2, of: 3, hinted: 1 };

function root(changes: Partial<RootCell> = {}): RootCell {
  return {
    kind: "value",
    stamp: STAMP,
    type: "string",
    expiresAtMs: 0,
    cleared: NO_STAMP,
    contentType: "",
    payload: Buffer.from("hello"),
    ...changes,
  };
}

interface Answers {
  readonly read?: ReadOutcome;
  readonly write?: WriteOutcome;
  readonly pages?: readonly ListOutcome[];
}

function nodeOver(answers: Answers): {
  node: EmbeddedNode;
  asked: Record<string, unknown>[];
  ends: () => number;
} {
  const asked: Record<string, unknown>[] = [];
  const pages = [...(answers.pages ?? [])];
  let endCount = 0;
  const write = (request: object, done: (outcome: WriteOutcome) => void): void => {
    asked.push({ ...request });
    if (answers.write !== undefined) done(answers.write);
  };
  const store: Pick<Store, "put" | "delete" | "read" | "list" | "status"> = {
    put: write,
    delete: write,
    read: (request, done) => {
      asked.push({ ...request });
      if (answers.read !== undefined) done(answers.read);
    },
    list: (request, done) => {
      asked.push({ ...request });
      const page = pages.shift();
      if (page !== undefined) done(page);
    },
    status: () => ({ shared: SHARED_CONFIG_DEFAULT }) as ReturnType<Store["status"]>,
  };
  const node = new EmbeddedNode({
    store: store as Store,
    address: "127.0.0.1:5000",
    httpAddress: undefined,
    redisAddress: undefined,
    left: new Promise(() => undefined),
    end: async () => {
      endCount += 1;
      await Promise.resolve();
    },
  });
  return { node, asked, ends: () => endCount };
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof DndError && error.code === code;
}

test("a value comes back with its stamp, text and quorum", async () => {
  const { node } = nodeOver({
    read: { kind: "found", root: root({ expiresAtMs: 5 }), quorum: QUORUM },
  });
  const entry = await node.get("k");
  assert.equal(entry?.text(), "hello");
  assert.equal(entry?.stamp, formatStamp(STAMP));
  assert.equal(entry?.expiresAtMs, 5);
  assert.deepEqual(entry?.quorum, QUORUM);
});

test("a missing key is undefined", async () => {
  const { node } = nodeOver({ read: { kind: "absent", stamp: undefined, quorum: QUORUM } });
  assert.equal(await node.get("k"), undefined);
});

test("a key that holds no plain value is refused as such", async () => {
  const read = {
    kind: "found",
    root: root({ kind: "container", type: "hash" }),
    quorum: QUORUM,
  } as const;
  await assert.rejects(nodeOver({ read }).node.get("k"), hasCode("wrong-type"));
});

test("text keys are their UTF-8 bytes, so both forms name one key", async () => {
  const { node, asked } = nodeOver({ read: { kind: "absent", stamp: undefined, quorum: QUORUM } });
  await node.get("ü");
  await node.get(new Uint8Array([0xc3, 0xbc]));
  assert.equal(asked[0]?.["key"], "\u00c3\u00bc");
  assert.equal(asked[1]?.["key"], asked[0]?.["key"]);
});

test("text and bytes are labelled as what they are, unless the caller says", async () => {
  const { node, asked } = nodeOver({ write: { kind: "written", stamp: STAMP, quorum: QUORUM } });
  assert.deepEqual(await node.put("k", "v"), { stamp: formatStamp(STAMP), ...QUORUM });
  await node.put("k", new Uint8Array([1]));
  await node.put("k", "v", { contentType: "text/html" });
  assert.deepEqual(
    asked.map((request) => request["contentType"]),
    ["text/plain; charset=utf-8", "application/octet-stream", "text/html"],
  );
});

test("conditions reach the store as one of its three", async () => {
  const { node, asked } = nodeOver({ write: { kind: "written", stamp: STAMP, quorum: QUORUM } });
  await node.put("k", "v", { ifStamp: formatStamp(STAMP) });
  await node.put("k", "v", { ifExists: true });
  await node.delete("k", { ifExists: false });
  assert.deepEqual(
    asked.map((request) => request["condition"]),
    [{ kind: "stamp-is", stamp: STAMP }, { kind: "exists" }, { kind: "absent" }],
  );
});

test("a condition that does not hold says what the key holds", async () => {
  const { node } = nodeOver({ write: { kind: "condition-failed", current: STAMP } });
  await assert.rejects(node.put("k", "v", { ifExists: false }), (error: DndError) => {
    assert.deepEqual(
      [error.code, error.stored, error.current],
      ["condition-failed", "no", formatStamp(STAMP)],
    );
    return true;
  });
});

test("a failed write says whether it may be stored, and on how many", async () => {
  const write = {
    kind: "failed",
    code: "timed-out",
    detail: "1 of 2",
    stored: "maybe",
    quorum: QUORUM,
  } as const;
  await assert.rejects(nodeOver({ write }).node.put("k", "v"), (error: DndError) => {
    assert.deepEqual([error.code, error.message, error.stored], ["timed-out", "1 of 2", "maybe"]);
    assert.deepEqual(error.quorum, QUORUM);
    return true;
  });
});

test("arguments out of bounds are refused before the store is asked", async () => {
  const { node, asked } = nodeOver({});
  const bad = hasCode("bad-argument");
  await assert.rejects(node.get(""), bad);
  await assert.rejects(node.get("k".repeat(32_769)), bad);
  await assert.rejects(node.get(7 as unknown as string), bad);
  await assert.rejects(node.put("k", new Uint8Array(16 * 1024 * 1024 + 1)), bad);
  await assert.rejects(node.put("k", "v", { w: 4 }), bad);
  await assert.rejects(node.put("k", "v", { ttlMs: 0 }), bad);
  await assert.rejects(node.put("k", "v", { contentType: "a\r\nSet-Cookie: x" }), bad);
  await assert.rejects(node.put("k", "v", { ifStamp: "x" }), bad);
  await assert.rejects(node.get("k", { deadlineMs: 60_001 }), bad);
  await assert.rejects(node.get("k", { after: "now" }), bad);
  assert.equal(asked.length, 0);
});

test("a listing goes from page to page, also through empty ones", async () => {
  const entry = (key: string) => ({ key, root: root() }) as never;
  const { node, asked } = nodeOver({
    pages: [
      { kind: "page", entries: [entry("a")], next: "1" },
      { kind: "page", entries: [], next: "2" },
      { kind: "page", entries: [entry("\u00ff")], next: undefined },
    ],
  });
  const found = [];
  for await (const { key, keyBytes } of node.list({ prefix: "p" }))
    found.push([key, [...keyBytes]]);
  assert.deepEqual(found, [
    ["a", [97]],
    [undefined, [255]],
  ]);
  assert.deepEqual(
    asked.map((request) => request["cursor"]),
    [undefined, "1", "2"],
  );
});

test("a listing that fails throws where it is iterated", async () => {
  const failed = {
    kind: "failed",
    code: "not-ready",
    detail: "d",
    stored: "no",
    quorum: QUORUM,
  } as const;
  const { node } = nodeOver({ pages: [failed] });
  await assert.rejects(node.list().next(), hasCode("not-ready"));
});

test("a closed node refuses calls, and closing twice closes once", async () => {
  const { node, asked, ends } = nodeOver({});
  await Promise.all([node.close(), node.close()]);
  assert.equal(ends(), 1);
  const closed = hasCode("closed");
  await assert.rejects(node.get("k"), closed);
  await assert.rejects(node.put("k", "v"), closed);
  await assert.rejects(node.delete("k"), closed);
  await assert.rejects(node.list().next(), closed);
  assert.equal(asked.length, 0);
});
