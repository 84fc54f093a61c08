import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";
import { slotOfKey } from "../../../core/placement/slot-of-key.ts";
import { nodeIdFrom } from "../../../model/ids.ts";

async function sortedKeys(calls: RedisCalls, pattern: string): Promise<readonly string[]> {
  const keys = (await calls.ask(`KEYS ${pattern}`)) as readonly string[];
  return keys.toSorted();
}

test("KEYS gives what matches, and nothing that has expired or is deleted", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["MSET foo 1 foobar 2 bar 3 h*llo 4", "+OK"],
    ["SET gone 1 PXAT 1", "+OK"],
    ["SET deleted 1", "+OK"],
    ["DEL deleted", 1],
    ["DBSIZE", 5],
    ["KEYS none*", []],
    ["KEYS foo", ["foo"]],
    ["KEYS h\\*llo", ["h*llo"]],
    ['KEYS ""', []],
  ]);
  assert.deepEqual(await sortedKeys(calls, "*"), ["bar", "foo", "foobar", "h*llo", "hash"]);
  assert.deepEqual(await sortedKeys(calls, "foo*"), ["foo", "foobar"]);
  assert.deepEqual(await sortedKeys(calls, "?a[rs]*"), ["bar", "hash"]);
});

test("KEYS and DBSIZE go through all pages", async () => {
  const calls = new RedisCalls();
  const keys = Array.from({ length: 2_500 }, (_, index) => `k${index}`);
  await calls.askWith(["MSET", ...keys.flatMap((key) => [key, "v"])]);
  assert.deepEqual(await sortedKeys(calls, "*"), keys.toSorted());
  assert.equal(await calls.ask("DBSIZE"), 2_500);
});

test("RANDOMKEY gives each of a few keys in time, and nothing where there is none", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["RANDOMKEY", null],
    ["MSET foo{t} 1 bar{t} 2 other 3", "+OK"],
  ]);
  const seen = new Set<unknown>();
  for (let draws = 0; draws < 1_000 && seen.size < 3; draws += 1) {
    seen.add(await calls.ask("RANDOMKEY"));
  }
  assert.deepEqual([...seen].map(String).toSorted(), ["bar{t}", "foo{t}", "other"]);
});

test("a node's own view has the keys that it is the first primary of", async () => {
  const calls = new RedisCalls();
  const { store } = calls;
  const locate = store.locate.bind(store);
  store.locate = (key) => {
    const isOdd = slotOfKey(key) % 2 === 1;
    return isOdd ? locate(key) : { ...locate(key), primaries: [nodeIdFrom(8, 8)] };
  };
  const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
  await calls.askWith(["MSET", ...keys.flatMap((key) => [key, "v"])]);
  const own = keys.filter((key) => slotOfKey(key as never) % 2 === 1).toSorted();
  calls.scan = "node";
  assert.deepEqual(await sortedKeys(calls, "*"), own);
  assert.equal(await calls.ask("DBSIZE"), own.length);
  const [cursor, scanned] = (await calls.ask("SCAN 0 COUNT 1000")) as [string, readonly string[]];
  assert.equal(cursor, "0");
  assert.deepEqual(scanned.toSorted(), own);
  await calls.check([["FLUSHALL", "+OK"]]);
  calls.scan = "cluster";
  await calls.check([["DBSIZE", 0]]);
});

test("FLUSHALL and FLUSHDB leave nothing", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  const keys = Array.from({ length: 1_500 }, (_, index) => `k${index}`);
  await calls.askWith(["MSET", ...keys.flatMap((key) => [key, "v"])]);
  await calls.check([
    ["FLUSHALL foo", "-ERR syntax error"],
    ["FLUSHALL ASYNC SYNC", "-ERR syntax error"],
    ["DBSIZE", 1_501],
    ["FLUSHALL", "+OK"],
    ["DBSIZE", 0],
    ["SET a 1", "+OK"],
    ["FLUSHDB async", "+OK"],
    ["DBSIZE", 0],
    ["FLUSHALL SYNC", "+OK"],
  ]);
});
