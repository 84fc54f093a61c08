import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";
import { keyFromText } from "../../../model/key.ts";
import type { Failure } from "../../../model/outcome.ts";

const QUORUM = { acks: 0, of: 3, hinted: 0 };

test("MGET gives each key in its place, nothing for what is no string", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["MSET a 1 b 2", "+OK"],
    ["MGET a none b hash a", ["1", null, "2", null, "1"]],
  ]);
});

test("MSET sets all, the last of two values for one key, and clears what times there were", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["SET a 0 EX 10", "+OK"],
    ["MSET a 1 b 2 a 3 hash 4", "+OK"],
    ["MGET a b hash", ["3", "2", "4"]],
    ["TTL a", -1],
    ["MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"],
    ["MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command"],
  ]);
});

test("MSETNX sets all or, where one is there, none", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["MSETNX a 1 b 2", 1],
    ["MSETNX c 1 b 3", 0],
    ["MSETNX c 1 hash 3", 0],
    ["MGET a b c", ["1", "2", null]],
    ["MSETNX c 1 c 2", 1],
    ["GET c", "2"],
  ]);
});

test("MSETNX that finds a key set since it looked takes nothing away from who set it", async () => {
  const calls = new RedisCalls();
  const { store } = calls;
  store.held = [];
  const asked = calls.ask("MSETNX a 1 b 2");
  // Runs when both keys have been read, before they are set.
  const other = calls.ask("SET b other");
  store.release();
  assert.equal(await other, "+OK");
  assert.equal(await asked, 0);
  await calls.check([["MGET a b", ["1", "other"]]]);
});

test("an error about one of several writes never says that nothing was written", async () => {
  const calls = new RedisCalls();
  const { store } = calls;
  const failure: Failure = {
    kind: "failed",
    code: "quorum-unreachable",
    detail: "nobody there",
    stored: "no",
    quorum: QUORUM,
  };
  store.failNext = failure;
  const indeterminate = "-ERR indeterminate: quorum-unreachable: nobody there";
  await calls.check([["MSET a 1 b 2", indeterminate]]);
  store.failNext = failure;
  await calls.check([["MSET a 1", "-CLUSTERDOWN quorum-unreachable: nobody there"]]);
  store.failNext = failure;
  await calls.check([["MGET a b", "-CLUSTERDOWN quorum-unreachable: nobody there"]]);
  assert.equal(store.cells.has(keyFromText("b")), true);
});

test("the session is told of the least copied of several writes", async () => {
  const calls = new RedisCalls();
  await calls.check([["MSET a 1 b 2", "+OK"]]);
  assert.deepEqual(calls.writes, [{ acks: 2, of: 3, hinted: 1 }]);
});

test("a thousand keys are not a thousand requests at once", async () => {
  const calls = new RedisCalls();
  const words = Array.from({ length: 1_000 }, (_, index) => [`k${index}`, "v"]).flat();
  assert.equal(await calls.askWith(["MSET", ...words]), "+OK");
  assert.equal(calls.store.writesAtOnceMax, 64);
});
