/**
 * A node of three dies by `kill -9` while programs write through their client libraries.
 *
 * Goal: clients of a cluster go on by their usual means within seconds, those of a node that lives
 * as if nothing were, and nothing that was acknowledged is missing. Method: lanes of writes through
 * each library and protocol, with default settings but for one; then every acknowledged write is
 * read at both nodes that are left.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, RealCluster } from "./real-cluster.ts";
import { type IoRedis, openIoRedis, openIoRedisCluster } from "./redis-clients/io-redis.ts";
import { Acknowledged, checkAcknowledged, Lane, type LaneClient } from "./redis-clients/lanes.ts";
import { type NodeRedis, openNodeRedis, openNodeRedisCluster } from "./redis-clients/node-redis.ts";

/**
 * `@redis/client` gives a call 5 s, and looks for the cluster anew 5 s after a connection broke.
 */
const NODE_REDIS_SILENCE_MS_MAX = 12_000;
const SILENCE_MS_MAX = 5_000;
/** The client of that library with default settings. */
const PATIENT = "@redis/client of the cluster, RESP2";
const BEFORE_COUNT = 5;
/**
 * Writes that each lane must have acknowledged after the kill: a third of them are of the slots of
 * the dead node.
 */
const AFTER_COUNT = 60;
const END_MS_MAX = 40_000;

test("clients write on when a node is killed, and no acknowledged write is lost", async (t) => {
  const cluster = await RealCluster.create();
  t.after(() => cluster.close());
  const { nodes } = await cluster.up();
  const addresses = nodes.map(({ redis }) => redis);
  const [first = "", victim = "", third = ""] = addresses;

  const nodeRedis = {
    "@redis/client at a node": await openNodeRedis(first, 3),
    [PATIENT]: await openNodeRedisCluster(addresses, 2),
    "@redis/client of the cluster, RESP3, in haste": await openNodeRedisCluster(addresses, 3, 500),
  };
  const ioRedis = {
    "ioredis at a node": await openIoRedis(third, 3),
    "ioredis of the cluster, RESP2": await openIoRedisCluster(addresses, 2),
    "ioredis of the cluster, RESP3": await openIoRedisCluster(addresses, 3),
  };
  t.after(() => {
    for (const client of Object.values(nodeRedis)) client.destroy();
    for (const client of Object.values(ioRedis)) client.disconnect();
  });

  const acknowledged = new Acknowledged();
  const clients = [
    ...Object.entries(nodeRedis).map(([name, client]) => writesOfNodeRedis(name, client)),
    ...Object.entries(ioRedis).map(([name, client]) => writesOfIoRedis(name, client)),
  ];
  const lanes = clients.flatMap((client) =>
    [0, 1].map((index) => new Lane(client, index, acknowledged)),
  );
  await eventually("every lane to write", END_MS_MAX, () =>
    lanes.every(({ count }) => count >= BEFORE_COUNT) ? true : undefined,
  );
  for (const lane of lanes) lane.watch();
  const { pid } = nodes.find(({ redis }) => redis === victim) ?? assert.fail("no such node");
  process.kill(pid, "SIGKILL");
  await eventually("every lane to write on", END_MS_MAX, () =>
    lanes.every(({ count }) => count >= AFTER_COUNT) ? true : undefined,
  );
  await Promise.all(lanes.map((lane) => lane.stop()));

  for (const { name, count, failures, silenceMs } of lanes) {
    t.diagnostic(`${name}: ${count} writes, ${failures} failed, silent ${silenceMs.toFixed(0)} ms`);
    const max = name === PATIENT ? NODE_REDIS_SILENCE_MS_MAX : SILENCE_MS_MAX;
    assert.ok(silenceMs < max, `${name} was silent for ${silenceMs} ms`);
  }
  for (const address of [first, third]) {
    const reader = await openIoRedis(address, 3);
    t.after(() => reader.disconnect());
    await checkAcknowledged(acknowledged, reader);
  }
});

function writesOfNodeRedis(name: string, client: NodeRedis): LaneClient {
  return {
    name,
    set: (key, value) => client.set(key, value),
    hset: (key, field, value) => client.hSet(key, field, value),
    sadd: (key, member) => client.sAdd(key, member),
    incr: (key) => client.incr(key),
  };
}

function writesOfIoRedis(name: string, client: IoRedis): LaneClient {
  return {
    name,
    set: (key, value) => client.set(key, value),
    hset: (key, field, value) => client.hset(key, field, value),
    sadd: (key, member) => client.sadd(key, member),
    incr: (key) => client.incr(key),
  };
}
