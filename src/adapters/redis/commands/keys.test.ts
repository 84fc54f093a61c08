import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";
import { keyFromText } from "../../../model/key.ts";

test("DEL and UNLINK count what was there, each key once", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["MSET a 1 b 2 c 3", "+OK"],
    ["DEL a none a hash", 2],
    ["UNLINK b b c", 2],
    ["DEL a b c", 0],
    ["EXISTS a b c hash", 0],
  ]);
});

test("what a quorum does not hold is not deleted again", async () => {
  const calls = new RedisCalls();
  await calls.check([["DEL a", 0]]);
  assert.deepEqual(calls.writes, []);
  assert.equal(calls.store.cells.size, 0);
});

test("where fewer than a quorum answered the key is deleted, and does not count", async () => {
  const calls = new RedisCalls();
  calls.store.quorum = { acks: 1, of: 3, hinted: 1 };
  await calls.check([["DEL a", 0]]);
  assert.equal(calls.writes.length, 1);
  assert.equal(calls.store.cells.get(keyFromText("a"))?.kind, "tombstone");
});

test("EXISTS and TOUCH count a key as often as it is named", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["SET a 1", "+OK"],
    ["EXISTS a a none hash", 3],
    ["TOUCH a a none hash", 3],
    ["SET b 1 PXAT 1", "+OK"],
    ["EXISTS b", 0],
  ]);
});

test("TYPE names what a key holds", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["SET a 1", "+OK"],
    ["TYPE a", "+string"],
    ["TYPE hash", "+hash"],
    ["TYPE none", "+none"],
  ]);
});

test("OBJECT tells what Redis would, where it can", async () => {
  const calls = new RedisCalls();
  const frequency =
    "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when " +
    "switching between policies at runtime LRU and LFU data will take some time to adjust.";
  const at44 = "x".repeat(44);
  await calls.check([
    [`MSET int -42 small 12a embedded ${at44} raw ${at44}x long 9223372036854775808`, "+OK"],
    ["OBJECT ENCODING int", "int"],
    ["OBJECT ENCODING small", "embstr"],
    ["OBJECT ENCODING embedded", "embstr"],
    ["OBJECT ENCODING raw", "raw"],
    ["OBJECT ENCODING long", "embstr"],
    ["OBJECT ENCODING none", null],
    ["OBJECT REFCOUNT raw", 1],
    ["OBJECT IDLETIME raw", 0],
    ["OBJECT IDLETIME none", null],
    ["OBJECT FREQ raw", frequency],
    ["OBJECT FREQ none", null],
  ]);
  const help = await calls.ask("OBJECT HELP");
  assert.ok(Array.isArray(help));
  assert.match(String(help[0]), /^\+OBJECT <subcommand>/);
});

test("a request that fails is answered as one, by whatever command", async () => {
  const calls = new RedisCalls();
  const lines = [
    "DEL a",
    "EXISTS a",
    "TYPE a",
    "GET a",
    "INCR a",
    "SET a 1",
    "RENAME a b",
    "COPY a b",
  ];
  lines.push("KEYS *", "SCAN 0", "DBSIZE", "RANDOMKEY", "FLUSHALL", "MGET a", "TTL a", "LCS a b");
  for (const line of lines) {
    calls.store.failNext = {
      kind: "failed",
      code: "storage-failed",
      detail: "the disk refused",
      stored: "no",
      quorum: { acks: 0, of: 3, hinted: 0 },
    };
    assert.equal(await calls.ask(line), "-ERR storage-failed: the disk refused", line);
  }
});

test("OBJECT ENCODING is what Redis would choose for a hash or set of this size", async () => {
  const calls = new RedisCalls();
  const numbers = Array.from({ length: 513 }, (_, index) => String(index - 9));
  const long = "x".repeat(65);
  await calls.askWith(["SADD", "ints", ...numbers.slice(1)]);
  await calls.askWith(["SADD", "many", ...numbers]);
  await calls.askWith(["HSET", "small", ...numbers.slice(1).flatMap((name) => [name, "v"])]);
  await calls.askWith(["HSET", "large", ...numbers.flatMap((name) => [name, "v"])]);
  await calls.check([
    ["SADD words 1 2 x", 3],
    [`HSET value a ${long}`, 1],
    [`HSET name ${long} a`, 1],
    [`HSET fits ${long.slice(1)} ${long.slice(1)}`, 1],
    ["OBJECT ENCODING ints", "intset"],
    ["OBJECT ENCODING many", "hashtable"],
    ["OBJECT ENCODING words", "hashtable"],
    ["OBJECT ENCODING small", "listpack"],
    ["OBJECT ENCODING large", "hashtable"],
    ["OBJECT ENCODING value", "hashtable"],
    ["OBJECT ENCODING name", "hashtable"],
    ["OBJECT ENCODING fits", "listpack"],
    ["OBJECT REFCOUNT ints", 1],
  ]);
});

test("times, types and scans know hashes, sets and counters", async () => {
  await new RedisCalls().check([
    ["HSET h a 1", 1],
    ["SADD s a", 1],
    ["INCR n", 1],
    ["TYPE s", "+set"],
    ["TYPE n", "+string"],
    ["EXPIRE h 10", 1],
    ["EXPIRE h 20 NX", 0],
    ["TTL h", 10],
    ["PERSIST h", 1],
    ["TTL h", -1],
    ["EXPIREAT s 1", 1],
    ["EXISTS h s n", 2],
    ["SADD s b", 1],
    ["TTL s", -1],
    ["SCAN 0 TYPE hash", ["0", ["h"]]],
    ["SCAN 0 TYPE set", ["0", ["s"]]],
    ["SCAN 0 TYPE string", ["0", ["n"]]],
    ["DEL h s n", 3],
    ["DBSIZE", 0],
  ]);
});
