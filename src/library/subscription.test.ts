import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeStore } from "../../test/support/fake-store.ts";
import { EmbeddedNode } from "../embedded-node.ts";
import type { Message } from "./subscription.ts";

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

test("listeners of a channel and of patterns get each message, until they are closed", async () => {
  const node = open();
  const heard: string[] = [];
  const note =
    (name: string) =>
    (message: Message): void =>
      void heard.push(`${name} ${message.channel} ${message.text()}`);
  const direct = node.subscribe("news", note("channel"));
  node.subscribePattern("n*", note("pattern"));
  node.subscribePattern("m*", note("other"));
  assert.equal(await node.publish("news", "a"), 2);
  direct.close();
  direct.close();
  assert.equal(await node.publish("news", "b"), 1);
  assert.equal(await node.publish("nobody's", new Uint8Array(0)), 1);
  assert.deepEqual(heard, [
    "channel news a",
    "pattern news a",
    "pattern news b",
    "pattern nobody's ",
  ]);
});

test("a listener may publish, and close others, who are then not called; order is kept", async () => {
  const node = open();
  const heard: string[] = [];
  node.subscribe("c", (message) => {
    heard.push(`first ${message.text()}`);
    if (message.text() !== "1") return;
    last.close();
    void node.publish("c", "2");
  });
  node.subscribe("c", (message) => void heard.push(`second ${message.text()}`));
  const last = node.subscribe("c", () => void heard.push("last"));
  await node.publish("c", "1");
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(heard, ["first 1", "second 1", "first 2", "second 2"]);
});

test("bytes are copies: the publisher's are free, and each listener's are its own", async () => {
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
