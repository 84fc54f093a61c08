/** Publishing between nodes over real sockets: what unit tests and the simulator cannot show. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { EmbeddedNode, Message } from "../../src/index.ts";
import { EmbeddedCluster } from "../support/embedded-cluster.ts";
import { eventually } from "./real-cluster.ts";

let cluster: EmbeddedCluster;
before(async () => {
  cluster = await EmbeddedCluster.open(3);
});
after(() => cluster.close());

test("what is published at any node reaches the listeners of all, and is counted", async () => {
  const heard: string[] = [];
  const subscriptions = cluster.nodes.map((node, index) =>
    node.subscribePattern("news.*", ({ channel }) => void heard.push(`${index} ${channel}`)),
  );
  // The first message may meet a connection that still opens.
  for (const node of cluster.nodes) {
    await eventually("all to be reached", 10_000, async () =>
      (await node.publish("news.warm", "")) === 3 ? true : undefined,
    );
  }
  heard.length = 0;
  const counts = await Promise.all(
    cluster.nodes.map((node, index) => node.publish(`news.${index}`, "text")),
  );
  assert.deepEqual(counts, [3, 3, 3]);
  assert.deepEqual(
    heard.toSorted(),
    [0, 1, 2].flatMap((at) => [0, 1, 2].map((from) => `${at} news.${from}`)),
  );
  for (const subscription of subscriptions) subscription.close();
  assert.equal(await cluster.node(0).publish("news.0", "text"), 0);
});

// Goal: messages of one node arrive in its order also where large ones, which travel in pieces,
// stand between small ones.
// Method: a few hundred of all sizes up to the limit in one turn; contents are compared whole.
test("a burst of messages of all sizes arrives in order and unaltered", async () => {
  const [from, to] = [cluster.node(0), cluster.node(1)] as [EmbeddedNode, EmbeddedNode];
  const sizes = Array.from({ length: 300 }, (_none, index) => (index * 7_919) % 3_000);
  for (const [at, size] of [
    [20, 16 * 1024 * 1024 - 2],
    [21, 300_000],
    [100, 262_144],
    [101, 262_145],
    [200, 1_000_000],
  ] as const) {
    sizes[at] = size;
  }
  const messages = sizes.map((size, index) => {
    const bytes = Buffer.alloc(size + 2, index & 0xff);
    bytes.writeUInt16BE(index, 0);
    return bytes;
  });
  const heard: Message[] = [];
  const subscription = to.subscribe("burst", (message) => void heard.push(message));
  const counts = await Promise.all(messages.map((bytes) => from.publish("burst", bytes)));
  await eventually("all to be heard", 20_000, () =>
    heard.length === messages.length ? true : undefined,
  );
  subscription.close();
  for (const [index, { value }] of heard.entries()) {
    assert.equal(Buffer.compare(value, messages[index] as Buffer), 0, `message ${index}`);
  }
  assert.ok(counts.every((count) => count <= 1));
});
