/**
 * The client libraries that programs use, against three real nodes: with one node and as a cluster, in both protocols.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { RealCluster } from "./real-cluster.ts";
import {
  IO_REDIS_SUITE,
  type IoRedis,
  ioRedisPublishes,
  openIoRedis,
  openIoRedisCluster,
} from "./redis-clients/io-redis.ts";
import {
  NODE_REDIS_SUITE,
  type NodeRedis,
  nodeRedisPublishes,
  openNodeRedis,
  openNodeRedisCluster,
} from "./redis-clients/node-redis.ts";
import type { Protocol } from "./redis-clients/suite.ts";

let cluster: RealCluster;
let addresses: readonly string[];

before(async () => {
  cluster = await RealCluster.create();
  const { nodes } = await cluster.up("--durability", "memory");
  addresses = nodes.map(({ redis }) => redis);
});
after(() => cluster.close());

function addressOf(index: number): string {
  return addresses[index] ?? assert.fail("there are three nodes");
}

for (const protocol of [2, 3] as const satisfies readonly Protocol[]) {
  describe(`@redis/client with one node, RESP${protocol}`, () => {
    let client: NodeRedis;
    const prefix = `node-redis:${protocol}:`;
    before(async () => {
      client = await openNodeRedis(addressOf(0), protocol);
    });
    after(() => client.close());
    for (const [claim, attempt] of NODE_REDIS_SUITE) test(claim, () => attempt(client, prefix));
    test("what is published is told to who listens", () => nodeRedisPublishes(client, prefix));
  });

  describe(`@redis/client as a cluster, RESP${protocol}`, () => {
    let client: NodeRedis;
    const prefix = `node-redis:cluster:${protocol}:`;
    before(async () => {
      client = await openNodeRedisCluster(addresses, protocol);
    });
    after(() => client.close());
    for (const [claim, attempt] of NODE_REDIS_SUITE) test(claim, () => attempt(client, prefix));
  });

  describe(`ioredis with one node, RESP${protocol}`, () => {
    let client: Awaited<ReturnType<typeof openIoRedis>>;
    const prefix = `ioredis:${protocol}:`;
    before(async () => {
      client = await openIoRedis(addressOf(1), protocol);
    });
    after(() => client.quit());
    for (const [claim, attempt] of IO_REDIS_SUITE) test(claim, () => attempt(client, prefix));
    test("what is published is told to who listens", () => ioRedisPublishes(client, prefix));
  });

  describe(`ioredis as a cluster, RESP${protocol}`, () => {
    let client: IoRedis;
    const prefix = `ioredis:cluster:${protocol}:`;
    before(async () => {
      client = await openIoRedisCluster(addresses, protocol);
    });
    after(() => client.quit());
    for (const [claim, attempt] of IO_REDIS_SUITE) test(claim, () => attempt(client, prefix));
  });
}
