import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeStore } from "../../test/support/fake-store.ts";
import { DndError } from "../dnd-error.ts";
import { EmbeddedNode } from "../embedded-node.ts";
import type { Message } from "./messages.ts";

function open(): EmbeddedNode {
  return new EmbeddedNode({
    store: new FakeStore(),
    address: "127.0.0.1:5000",
    httpAddress: undefined,
    redisAddress: undefined,
    left: new Promise(() => undefined),
    end: () => Promise.resolve(),
  });
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof DndError && error.code === code;
}

test("handlers of a channel and of patterns get each message, until they are ended", async () => {
  const node = open();
  const heard: string[] = [];
  const note =
    (name: string) =>
    (message: Message): void =>
      void heard.push(`${name} ${message.channel} ${message.text()}`);
  const end = node.subscribe("news", note("channel"));
  node.subscribe({ pattern: "n*" }, note("pattern"));
  node.subscribe({ pattern: "m*" }, note("other"));
  assert.equal(await node.publish("news", "a"), 2);
  end();
  end();
  assert.equal(await node.publish("news", "b"), 1);
  assert.equal(await node.publish("nobody's", new Uint8Array(0)), 1);
  assert.deepEqual(heard, [
    "channel news a",
    "pattern news a",
    "pattern news b",
    "pattern nobody's ",
  ]);
});

test("a handler may publish and end others: who was ended is not called, and order is kept", async () => {
  const node = open();
  const heard: string[] = [];
  let endLast = (): void => assert.fail("it is set below");
  node.subscribe("c", (message) => {
    heard.push(`first ${message.text()}`);
    if (message.text() !== "1") return;
    endLast();
    void node.publish("c", "2");
  });
  node.subscribe("c", (message) => void heard.push(`second ${message.text()}`));
  endLast = node.subscribe("c", () => void heard.push("last"));
  await node.publish("c", "1");
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(heard, ["first 1", "second 1", "first 2", "second 2"]);
});

test("bytes are copies: the publisher's are free, and each handler's are its own", async () => {
  const node = open();
  const heard: Message[] = [];
  for (let index = 0; index < 2; index += 1) {
    node.subscribe(Uint8Array.of(0xff), (message) => void heard.push(message));
  }
  const bytes = Uint8Array.of(1, 2);
  const published = node.publish(Uint8Array.of(0xff), bytes);
  bytes[0] = 9;
  await published;
  const [first, second] = heard;
  assert.ok(first !== undefined && second !== undefined);
  first.value[1] = 9;
  assert.deepEqual([...second.value], [1, 2]);
  assert.deepEqual([...first.channelBytes], [0xff]);
  assert.equal(first.channel, undefined);
});

test("a closed node calls nobody and takes no calls; what is out of bounds is refused", async () => {
  const node = open();
  node.subscribe("c", () => assert.fail("it was closed before"));
  const bad = hasCode("bad-argument");
  await assert.rejects(node.publish("c".repeat(32_769), "m"), bad);
  await assert.rejects(node.publish("c", new Uint8Array(16 * 1024 * 1024 + 1)), bad);
  await assert.rejects(node.publish(7 as unknown as string, "m"), bad);
  assert.throws(() => node.subscribe({ pattern: 7 as unknown as string }, () => undefined), bad);
  assert.throws(() => node.subscribe("c", "handler" as unknown as () => void), bad);
  const published = node.publish("c", "m");
  await node.close();
  await published;
  await assert.rejects(node.publish("c", "m"), hasCode("closed"));
  assert.throws(() => node.subscribe("c", () => undefined), hasCode("closed"));
});
