/**
 * What programs that use `@redis/client` do, against whatever node or cluster a client was opened
 * for.
 */
import assert from "node:assert/strict";
import { createClient, createCluster, ErrorReply, RESP_TYPES, WatchError } from "@redis/client";
import type { Protocol, Suite } from "./suite.ts";

/**
 * A plain client's commands: those of a cluster's are the same, but for the type of what opens it.
 */
export type NodeRedis = ReturnType<typeof createClient>;

export async function openNodeRedis(address: string, protocol: Protocol): Promise<NodeRedis> {
  const client = createClient({ url: `redis://${address}`, RESP: protocol });
  client.on("error", ignored);
  await client.connect();
  return client as unknown as NodeRedis;
}

/**
 * @param refreshMs When it asks anew which nodes there are, after a connection broke. Default: 5 s.
 */
export async function openNodeRedisCluster(
  addresses: readonly string[],
  protocol: Protocol,
  refreshMs = 5_000,
): Promise<NodeRedis> {
  const rootNodes = addresses.map((address) => ({ url: `redis://${address}` }));
  const client = createCluster({
    rootNodes,
    RESP: protocol,
    topologyRefreshOnReconnectionAttemptStrategy: refreshMs,
  });
  client.on("error", ignored);
  await client.connect();
  return client as unknown as NodeRedis;
}

/** A client goes on by itself when a connection breaks; what it could not do, its calls say. */
function ignored(): void {}

const EXPIRY_SECONDS = 60;
const PIPELINED = 1_000;
/** One after another, since they are of one key. */
const COUNTED = 100;

/** Keys begin with `prefix`: many clients share one cluster. */
export const NODE_REDIS_SUITE: Suite<NodeRedis> = [
  ["values are stored, read, counted and deleted", values],
  ["bytes come back as they are", bytes],
  ["conditions and expiry are kept", conditions],
  ["many keys are read and written at once, in one slot and in many", manyKeys],
  ["hashes", hashes],
  ["sets", sets],
  ["a queue runs as one, and not at all when a watched key changed", queues],
  ["replies to a thousand commands at once come in order", pipelining],
  ["an iteration finds every key", iteration],
  ["what a key holds is no other type", wrongType],
];

async function values(client: NodeRedis, prefix: string): Promise<void> {
  const key = `${prefix}value`;
  assert.equal(await client.get(key), null);
  assert.equal(await client.set(key, "text"), "OK");
  assert.equal(await client.get(key), "text");
  assert.equal(await client.append(key, "!"), 5);
  assert.equal(await client.strLen(key), 5);
  assert.equal(await client.type(key), "string");
  assert.equal(await client.exists(key), 1);
  assert.equal(await client.getDel(key), "text!");
  assert.equal(await client.del(key), 0);
  assert.equal(await client.incr(key), 1);
  assert.equal(await client.incrBy(key, 41), 42);
  assert.equal(await client.decr(key), 41);
  assert.equal(Number(await client.incrByFloat(key, 0.5)), 41.5);
  assert.equal(await client.unlink(key), 1);
}

async function bytes(client: NodeRedis, prefix: string): Promise<void> {
  const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  await client.set(`${prefix}bytes`, value);
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  assert.deepEqual(await binary.get(`${prefix}bytes`), value);
}

async function conditions(client: NodeRedis, prefix: string): Promise<void> {
  const key = `${prefix}condition`;
  const expiration = { type: "EX", value: EXPIRY_SECONDS } as const;
  assert.equal(await client.set(key, "a", { condition: "XX" }), null);
  assert.equal(await client.set(key, "a", { condition: "NX", expiration }), "OK");
  assert.equal(await client.set(key, "b", { condition: "NX" }), null);
  assert.equal(await client.set(key, "b", { GET: true, expiration: "KEEPTTL" }), "a");
  const ttl = await client.ttl(key);
  assert.ok(ttl > EXPIRY_SECONDS / 2 && ttl <= EXPIRY_SECONDS, `${ttl} s`);
  assert.equal(await client.persist(key), 1);
  assert.equal(await client.ttl(key), -1);
  assert.equal(await client.expire(key, EXPIRY_SECONDS), 1);
  assert.ok((await client.pTTL(key)) > 0);
  assert.equal(await client.pExpireAt(key, 1), 1);
  assert.equal(await client.ttl(key), -2);
}

async function manyKeys(client: NodeRedis, prefix: string): Promise<void> {
  for (const tag of [`{${prefix}}`, prefix]) {
    const keys = ["a", "b", "c"].map((name) => `${tag}many:${name}`);
    await client.mSet(Object.fromEntries(keys.map((key) => [key, `of ${key}`])));
    assert.deepEqual(await client.mGet([...keys, `${tag}none`]), [
      ...keys.map((key) => `of ${key}`),
      null,
    ]);
    assert.equal(await client.exists(keys), 3);
    assert.equal(await client.del(keys), 3);
  }
}

async function hashes(client: NodeRedis, prefix: string): Promise<void> {
  const key = `${prefix}hash`;
  assert.equal(await client.hSet(key, { name: "Jack", age: 41 }), 2);
  assert.equal(await client.hSet(key, "age", "42"), 0);
  assert.equal(await client.hGet(key, "age"), "42");
  assert.equal(await client.hIncrBy(key, "age", 1), 43);
  assert.deepEqual({ ...(await client.hGetAll(key)) }, { name: "Jack", age: "43" });
  assert.deepEqual(await client.hmGet(key, ["none", "name"]), [null, "Jack"]);
  assert.deepEqual((await client.hKeys(key)).toSorted(), ["age", "name"]);
  assert.equal(await client.hExists(key, "name"), 1);
  assert.equal(await client.hLen(key), 2);
  const { cursor, entries } = await client.hScan(key, "0");
  assert.deepEqual([cursor, entries.map(({ field }) => field).toSorted()], ["0", ["age", "name"]]);
  assert.equal(await client.hDel(key, ["name", "age"]), 2);
  assert.equal(await client.exists(key), 0);
}

async function sets(client: NodeRedis, prefix: string): Promise<void> {
  const tag = `{${prefix}set}`;
  assert.equal(await client.sAdd(`${tag}1`, ["a", "b", "c", "a"]), 3);
  assert.equal(await client.sAdd(`${tag}2`, ["b", "c", "d"]), 3);
  assert.deepEqual((await client.sMembers(`${tag}1`)).toSorted(), ["a", "b", "c"]);
  assert.equal(await client.sIsMember(`${tag}1`, "a"), 1);
  assert.deepEqual(await client.smIsMember(`${tag}1`, ["a", "d"]), [1, 0]);
  assert.deepEqual((await client.sInter([`${tag}1`, `${tag}2`])).toSorted(), ["b", "c"]);
  assert.equal(await client.sUnionStore(`${tag}3`, [`${tag}1`, `${tag}2`]), 4);
  assert.equal(await client.sCard(`${tag}3`), 4);
  const { cursor, members } = await client.sScan(`${tag}3`, "0");
  assert.deepEqual([cursor, members.toSorted()], ["0", ["a", "b", "c", "d"]]);
  assert.equal(await client.sRem(`${tag}1`, ["a", "z"]), 1);
  assert.ok(["b", "c"].includes(String(await client.sPop(`${tag}1`))));
  assert.equal(await client.del([`${tag}1`, `${tag}2`, `${tag}3`]), 3);
}

async function queues(client: NodeRedis, prefix: string): Promise<void> {
  const key = `{${prefix}}queue`;
  const replies = await client.multi().set(key, "1").incr(key).get(key).exec();
  assert.deepEqual(replies, ["OK", 2, "2"]);
  // A cluster's client has no connection of its own to watch with.
  if (!("watch" in client)) return;
  const other = client.duplicate();
  other.on("error", ignored);
  await other.connect();
  try {
    await client.watch(key);
    await other.set(key, "3");
    await assert.rejects(client.multi().set(key, "4").exec(), WatchError);
    await client.watch(key);
    assert.deepEqual(await client.multi().set(key, "5").exec(), ["OK"]);
  } finally {
    await other.close();
  }
}

async function pipelining(client: NodeRedis, prefix: string): Promise<void> {
  const indices = Array.from({ length: PIPELINED }, (_, index) => index);
  await Promise.all(indices.map((index) => client.set(`${prefix}line:${index}`, `${index}`)));
  const found = await Promise.all(indices.map((index) => client.get(`${prefix}line:${index}`)));
  assert.deepEqual(found, indices.map(String));
  const counted = indices.slice(0, COUNTED);
  const counts = await Promise.all(counted.map(() => client.incr(`${prefix}count`)));
  assert.deepEqual(
    counts,
    counted.map((index) => index + 1),
  );
}

async function iteration(client: NodeRedis, prefix: string): Promise<void> {
  const keys = Array.from({ length: 50 }, (_, index) => `${prefix}scan:${index}`);
  for (const key of keys) await client.set(key, "");
  const found = new Set<string>();
  let cursor = "0";
  do {
    const page = await client.scan(cursor, { MATCH: `${prefix}scan:*`, COUNT: 1_000 });
    for (const key of page.keys) found.add(key);
    cursor = page.cursor;
  } while (cursor !== "0");
  assert.deepEqual([...found].toSorted(), keys.toSorted());
}

async function wrongType(client: NodeRedis, prefix: string): Promise<void> {
  const key = `${prefix}typed`;
  await client.set(key, "text");
  const refused = (error: unknown): boolean =>
    error instanceof ErrorReply && error.message.startsWith("WRONGTYPE ");
  await assert.rejects(client.hGetAll(key), refused);
  await assert.rejects(client.sAdd(key, "a"), refused);
  await assert.rejects(client.incr(key), /^.*ERR value is not an integer or out of range$/);
}

/** What one client publishes, another that listens is told, wherever each is connected. */
export async function nodeRedisPublishes(
  client: NodeRedis,
  listener: NodeRedis,
  prefix: string,
): Promise<void> {
  const channel = `${prefix}news`;
  const told: string[] = [];
  const isTold = new Promise<void>((resolve) => {
    const tell = (message: string, from: string): void => {
      if (told.push(`${from}: ${message}`) === 3) resolve();
    };
    void listener.subscribe(channel, tell);
    void listener.pSubscribe(`${prefix}n*`, tell);
    void listener.sSubscribe(channel, tell);
  });
  // Each of them is confirmed before what is asked for after it.
  await Promise.all([
    listener.subscribe(`${prefix}other`, ignored),
    listener.pSubscribe(`${prefix}o*`, ignored),
    listener.sSubscribe(`${prefix}other`, ignored),
  ]);
  await client.publish(channel, "hello");
  await client.sPublish(channel, "hello");
  await isTold;
  assert.deepEqual(new Set(told), new Set([`${channel}: hello`]));
  await listener.unsubscribe();
  await listener.pUnsubscribe();
  await listener.sUnsubscribe(channel);
  await listener.sUnsubscribe(`${prefix}other`);
}
