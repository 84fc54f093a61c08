/**
 * What programs that use `ioredis` do, against whatever node or cluster a client was opened for.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Cluster, Redis, ReplyError } from "ioredis";
import type { Protocol, Suite } from "./suite.ts";

export type IoRedis = Redis | Cluster;

export async function openIoRedis(address: string, protocol: Protocol): Promise<Redis> {
  const client = new Redis({ ...hostAndPort(address), protocol, lazyConnect: true });
  client.on("error", ignored);
  await client.connect();
  return client;
}

export async function openIoRedisCluster(
  addresses: readonly string[],
  protocol: Protocol,
): Promise<Cluster> {
  const options = { redisOptions: { protocol }, lazyConnect: true, shardedSubscribers: true };
  const client = new Cluster(addresses.map(hostAndPort), options);
  client.on("error", ignored);
  await client.connect();
  return client;
}

/** A client goes on by itself when a connection breaks; what it could not do, its calls say. */
function ignored(): void {}

function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const [host = "", port] = address.split(":");
  return { host, port: Number(port) };
}

const EXPIRY_SECONDS = 60;
const PIPELINED = 1_000;
/** One after another, since they are of one key. */
const COUNTED = 100;

export const IO_REDIS_SUITE: Suite<IoRedis> = [
  ["values are stored, read, counted and deleted", values],
  ["bytes come back as they are", bytes],
  ["conditions and expiry are kept", conditions],
  ["many keys are read and written at once, in one slot and in many", manyKeys],
  ["hashes", hashes],
  ["sets", sets],
  ["a queue runs as one, and not at all when a watched key changed", queues],
  ["replies to a thousand commands at once come in order", pipelining],
  ["an iteration at any node finds every key", iteration],
  ["what a key holds is no other type", wrongType],
];

async function values(client: IoRedis, prefix: string): Promise<void> {
  const key = `${prefix}value`;
  assert.equal(await client.get(key), null);
  assert.equal(await client.set(key, "text"), "OK");
  assert.equal(await client.get(key), "text");
  assert.equal(await client.append(key, "!"), 5);
  assert.equal(await client.strlen(key), 5);
  assert.equal(await client.type(key), "string");
  assert.equal(await client.exists(key), 1);
  assert.equal(await client.getdel(key), "text!");
  assert.equal(await client.del(key), 0);
  assert.equal(await client.incr(key), 1);
  assert.equal(await client.incrby(key, 41), 42);
  assert.equal(await client.decr(key), 41);
  assert.equal(Number(await client.incrbyfloat(key, 0.5)), 41.5);
  assert.equal(await client.unlink(key), 1);
}

async function bytes(client: IoRedis, prefix: string): Promise<void> {
  const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  await client.set(`${prefix}bytes`, value);
  assert.deepEqual(await client.getBuffer(`${prefix}bytes`), value);
}

async function conditions(client: IoRedis, prefix: string): Promise<void> {
  const key = `${prefix}condition`;
  assert.equal(await client.set(key, "a", "XX"), null);
  assert.equal(await client.set(key, "a", "EX", EXPIRY_SECONDS, "NX"), "OK");
  assert.equal(await client.set(key, "b", "NX"), null);
  assert.equal(await client.set(key, "b", "KEEPTTL", "GET"), "a");
  const ttl = await client.ttl(key);
  assert.ok(ttl > EXPIRY_SECONDS / 2 && ttl <= EXPIRY_SECONDS, `${ttl} s`);
  assert.equal(await client.persist(key), 1);
  assert.equal(await client.ttl(key), -1);
  assert.equal(await client.expire(key, EXPIRY_SECONDS), 1);
  assert.ok((await client.pttl(key)) > 0);
  assert.equal(await client.pexpireat(key, 1), 1);
  assert.equal(await client.ttl(key), -2);
}

async function manyKeys(client: IoRedis, prefix: string): Promise<void> {
  for (const tag of [`{${prefix}}`, prefix]) {
    const keys = ["a", "b", "c"].map((name) => `${tag}many:${name}`);
    await client.mset(new Map(keys.map((key) => [key, `of ${key}`])));
    assert.deepEqual(await client.mget(...keys, `${tag}none`), [
      ...keys.map((key) => `of ${key}`),
      null,
    ]);
    assert.equal(await client.exists(...keys), 3);
    assert.equal(await client.del(...keys), 3);
  }
}

async function hashes(client: IoRedis, prefix: string): Promise<void> {
  const key = `${prefix}hash`;
  assert.equal(await client.hset(key, { name: "Jack", age: 41 }), 2);
  assert.equal(await client.hset(key, "age", "42"), 0);
  assert.equal(await client.hget(key, "age"), "42");
  assert.equal(await client.hincrby(key, "age", 1), 43);
  assert.deepEqual({ ...(await client.hgetall(key)) }, { name: "Jack", age: "43" });
  assert.deepEqual(await client.hmget(key, "none", "name"), [null, "Jack"]);
  assert.deepEqual((await client.hkeys(key)).toSorted(), ["age", "name"]);
  assert.equal(await client.hexists(key, "name"), 1);
  assert.equal(await client.hlen(key), 2);
  const [cursor, found] = await client.hscan(key, 0);
  assert.deepEqual([cursor, found.toSorted()], ["0", ["43", "Jack", "age", "name"]]);
  assert.equal(await client.hdel(key, "name", "age"), 2);
  assert.equal(await client.exists(key), 0);
}

async function sets(client: IoRedis, prefix: string): Promise<void> {
  const tag = `{${prefix}set}`;
  assert.equal(await client.sadd(`${tag}1`, "a", "b", "c", "a"), 3);
  assert.equal(await client.sadd(`${tag}2`, "b", "c", "d"), 3);
  assert.deepEqual((await client.smembers(`${tag}1`)).toSorted(), ["a", "b", "c"]);
  assert.equal(await client.sismember(`${tag}1`, "a"), 1);
  assert.deepEqual(await client.smismember(`${tag}1`, "a", "d"), [1, 0]);
  assert.deepEqual((await client.sinter(`${tag}1`, `${tag}2`)).toSorted(), ["b", "c"]);
  assert.equal(await client.sunionstore(`${tag}3`, `${tag}1`, `${tag}2`), 4);
  assert.equal(await client.scard(`${tag}3`), 4);
  const [cursor, found] = await client.sscan(`${tag}3`, 0);
  assert.deepEqual([cursor, found.toSorted()], ["0", ["a", "b", "c", "d"]]);
  assert.equal(await client.srem(`${tag}1`, "a", "z"), 1);
  assert.ok(["b", "c"].includes(String(await client.spop(`${tag}1`))));
  assert.equal(await client.del(`${tag}1`, `${tag}2`, `${tag}3`), 3);
}

async function queues(client: IoRedis, prefix: string): Promise<void> {
  const key = `{${prefix}}queue`;
  const replies = await client.multi().set(key, "1").incr(key).get(key).exec();
  assert.deepEqual(replies, [
    [null, "OK"],
    [null, 2],
    [null, "2"],
  ]);
  // A cluster's client has no connection of its own to watch with.
  if (client instanceof Cluster) return;
  const other = client.duplicate();
  try {
    await client.watch(key);
    await other.set(key, "3");
    assert.equal(await client.multi().set(key, "4").exec(), null);
    await client.watch(key);
    assert.deepEqual(await client.multi().set(key, "5").exec(), [[null, "OK"]]);
  } finally {
    await other.quit();
  }
}

async function pipelining(client: IoRedis, prefix: string): Promise<void> {
  const indices = Array.from({ length: PIPELINED }, (_, index) => index);
  // Of a cluster a pipeline goes to one node: the keys are of one slot.
  const pipeline = client.pipeline();
  for (const index of indices) pipeline.set(`{${prefix}}line:${index}`, `${index}`);
  for (const index of indices) pipeline.get(`{${prefix}}line:${index}`);
  const replies = (await pipeline.exec()) ?? [];
  assert.deepEqual(
    replies.slice(PIPELINED),
    indices.map((index) => [null, `${index}`]),
  );
  const counted = indices.slice(0, COUNTED);
  const counts = await Promise.all(counted.map(() => client.incr(`${prefix}count`)));
  assert.deepEqual(
    counts,
    counted.map((index) => index + 1),
  );
}

async function iteration(client: IoRedis, prefix: string): Promise<void> {
  const keys = Array.from({ length: 50 }, (_, index) => `${prefix}scan:${index}`);
  for (const key of keys) await client.set(key, "");
  for (const node of client instanceof Cluster ? client.nodes("master") : [client]) {
    const found = new Set<string>();
    const pages = node.scanStream({ match: `${prefix}scan:*`, count: 1_000 });
    for await (const page of pages) for (const key of page as string[]) found.add(key);
    assert.deepEqual([...found].toSorted(), keys.toSorted());
  }
}

async function wrongType(client: IoRedis, prefix: string): Promise<void> {
  const key = `${prefix}typed`;
  await client.set(key, "text");
  const refused = (error: unknown): boolean =>
    error instanceof ReplyError && (error as Error).message.startsWith("WRONGTYPE ");
  await assert.rejects(client.hgetall(key), refused);
  await assert.rejects(client.sadd(key, "a"), refused);
  await assert.rejects(client.incr(key), /^.*ERR value is not an integer or out of range$/);
}

/** What one client publishes, another that listens is told, wherever each is connected. */
export async function ioRedisPublishes(
  client: IoRedis,
  listener: IoRedis,
  prefix: string,
): Promise<void> {
  const channel = `${prefix}news`;
  assert.equal(await listener.subscribe(channel), 1);
  assert.equal(await listener.psubscribe(`${prefix}n*`), 2);
  const isTold = once(listener, "message");
  const isPatternTold = once(listener, "pmessage");
  await client.publish(channel, "hello");
  assert.deepEqual(await isTold, [channel, "hello"]);
  assert.deepEqual(await isPatternTold, [`${prefix}n*`, channel, "hello"]);
  assert.equal(await listener.unsubscribe(channel), 1);
  assert.equal(await listener.punsubscribe(`${prefix}n*`), 0);

  assert.equal(await listener.ssubscribe(channel), 1);
  const isShardTold = once(listener, "smessage");
  await client.spublish(channel, "to a shard");
  assert.deepEqual((await isShardTold).slice(0, 2), [channel, "to a shard"]);
  assert.equal(await listener.sunsubscribe(channel), 0);
  assert.equal(await listener.ping(), "PONG");
}
