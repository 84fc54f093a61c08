/**
 * What hashes, sets, counters and their kin check before they ask, and how they say what went
 * wrong.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeStore } from "../../test/support/fake-store.ts";
import { DndError } from "../dnd-error.ts";
import { EmbeddedNode } from "../embedded-node.ts";
import { CHANNEL_BYTES_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX } from "../model/limits.ts";

function open(): { readonly node: EmbeddedNode; readonly store: FakeStore } {
  const store = new FakeStore();
  const node = new EmbeddedNode({
    store,
    address: "127.0.0.1:5000",
    httpAddress: undefined,
    redisAddress: undefined,
    left: new Promise(() => undefined),
    end: () => Promise.resolve(),
  });
  return { node, store };
}

function hasCode(code: string, message = /./): (error: unknown) => boolean {
  return (error) => error instanceof DndError && error.code === code && message.test(error.message);
}

test("arguments out of bounds are refused before the store is asked", async () => {
  const { node, store } = open();
  store.operate = () => assert.fail("the store is not asked");
  store.query = () => assert.fail("the store is not asked");
  const bad = hasCode("bad-argument");
  const hash = node.hash("k");
  await assert.rejects(hash.set("f", 7 as unknown as string), bad);
  await assert.rejects((hash.set as (field: string) => Promise<unknown>).call(hash, "f"), bad);
  await assert.rejects(hash.set("f".repeat(NAME_BYTES_MAX + 1), "v"), bad);
  await assert.rejects(hash.set("f", new Uint8Array(16 * 1024 * 1024 + 1)), bad);
  await assert.rejects(hash.get(7 as unknown as string), bad);
  await assert.rejects(hash.add("f", 0.5), bad);
  await assert.rejects(hash.add("f", 2 ** 53), bad);
  await assert.rejects(hash.add("f", 2n ** 63n), bad);
  await assert.rejects(hash.addFloat("f", Number.NaN), bad);
  await assert.rejects(node.counter("k").add("1" as unknown as number), bad);
  await assert.rejects(node.set("k").pop(0), bad);
  await assert.rejects(node.set("k").pop(501), bad);
  await assert.rejects(node.set("k", { w: 4 }).add("m"), bad);
  await assert.rejects(node.set("k", { r: 4 }).has("m"), bad);
  await assert.rejects(node.set("k", { after: "now" }).has("m"), bad);
  await assert.rejects(node.set("k", { deadlineMs: 60_001 }).has("m"), bad);
  await assert.rejects(node.expire("k", 0), bad);
  await assert.rejects(node.expire("k", new Date(Number.NaN)), bad);
  await assert.rejects(node.expire("k", 1, { when: "later!" as "later" }), bad);
  await assert.rejects(node.getAndPut("k", "v", { ttlMs: 0.5 }), bad);
  assert.throws(() => node.hash(""), bad);
  assert.throws(() => node.counter("k".repeat(32_769)), bad);
  assert.throws(() => node.set("k", "v" as unknown as object), hasCode("bad-argument", /put/));
});

test("messages and channels out of bounds are refused, and a closed node says nothing more", async () => {
  const { node } = open();
  const bad = hasCode("bad-argument");
  await assert.rejects(node.publish("c", new Uint8Array(MESSAGE_BYTES_MAX + 1)), bad);
  await assert.rejects(node.publish("c".repeat(CHANNEL_BYTES_MAX + 1), "m"), bad);
  assert.throws(() => node.subscribe(7 as unknown as string, () => undefined), bad);
  assert.throws(
    () => node.subscribePattern("p".repeat(CHANNEL_BYTES_MAX + 1), () => undefined),
    bad,
  );
  await node.close();
  await assert.rejects(node.publish("c", "m"), hasCode("closed"));
  assert.throws(() => node.subscribe("c", () => undefined), hasCode("closed"));
});

test("a name may be as long as its address allows", async () => {
  const { node } = open();
  const name = "f".repeat(NAME_BYTES_MAX);
  await node.hash("k").set(name, "v");
  assert.equal((await node.hash("k").get(name))?.text(), "v");
});

test("a change that failed says whether it may have been stored", async () => {
  const { node, store } = open();
  const quorum = { acks: 1, of: 3, hinted: 0 };
  const failure = { kind: "failed", code: "timed-out", detail: "1 of 2", quorum } as const;
  store.failNext = { ...failure, stored: "maybe" };
  await assert.rejects(node.counter("k").add(), (error: unknown) => {
    assert.ok(error instanceof DndError);
    assert.deepEqual([error.code, error.stored, error.quorum], ["timed-out", "maybe", quorum]);
    return true;
  });
  store.failNext = { ...failure, stored: "no" };
  await assert.rejects(node.hash("k").entries().next(), hasCode("timed-out"));
});

test("what a key holds too much of, or would, is told by a code of its own", async () => {
  const { node, store } = open();
  store.query = (_request, done) => {
    const result = { kind: "fault", fault: "too-many" } as const;
    done({ kind: "answered", result, quorum: { acks: 2, of: 3, hinted: 0 } });
  };
  await assert.rejects(node.hash("k").all(), hasCode("too-many"));
  await assert.rejects(node.set("k").all(), hasCode("too-many"));
  store.shared = { ...store.shared, valueBytesMax: 3 };
  await node.append("text", "abc");
  await assert.rejects(node.append("text", "d"), hasCode("too-long"));
});

test("a closed node refuses what is asked through hashes and counters that it gave", async () => {
  const { node } = open();
  const hash = node.hash("k");
  await node.close();
  const closed = hasCode("closed");
  await assert.rejects(hash.set("f", "v"), closed);
  await assert.rejects(hash.get("f"), closed);
  await assert.rejects(hash.entries().next(), closed);
  await assert.rejects(node.counter("k").add(), closed);
  await assert.rejects(node.expire("k", 1), closed);
});
