import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";
import { FIELDS_PER_REQUEST_MAX } from "../../../model/selection.ts";

async function threeSets(): Promise<RedisCalls> {
  const calls = new RedisCalls();
  await calls.check([
    ["SADD a 1 2 3 4", 4],
    ["SADD b 3 4 5", 3],
    ["SADD c 4 6", 2],
  ]);
  return calls;
}

test("SINTER, SUNION and SDIFF combine sets, of which one may be missing or named twice", async () => {
  const calls = await threeSets();
  await calls.check([
    ["SINTER a b", ["3", "4"]],
    ["SINTER a b c", ["4"]],
    ["SINTER a a", ["1", "2", "3", "4"]],
    ["SINTER a none", []],
    ["SUNION b c", ["3", "4", "5", "6"]],
    ["SUNION none b", ["3", "4", "5"]],
    ["SUNION none", []],
    ["SDIFF a b", ["1", "2"]],
    ["SDIFF a b c", ["1", "2"]],
    ["SDIFF none a", []],
    ["SDIFF a a", []],
    ["SDIFF a", ["1", "2", "3", "4"]],
  ]);
});

test("the STORE forms take the place of what was there, and store no empty set", async () => {
  const calls = await threeSets();
  await calls.check([
    ["SET d text EX 100", "+OK"],
    ["SINTERSTORE d a b", 2],
    ["SMEMBERS d", ["3", "4"]],
    ["TTL d", -1],
    ["SUNIONSTORE d b c", 4],
    ["SMEMBERS d", ["3", "4", "5", "6"]],
    ["SDIFFSTORE d a b", 2],
    ["SMEMBERS d", ["1", "2"]],
    ["SUNIONSTORE a a c", 5],
    ["SMEMBERS a", ["1", "2", "3", "4", "6"]],
    ["SDIFFSTORE d c a", 0],
    ["EXISTS d", 0],
    ["SINTERSTORE c none c", 0],
    ["EXISTS c", 0],
  ]);
});

test("a result of more than one write holds is stored in parts", async () => {
  const calls = new RedisCalls();
  const members = Array.from({ length: FIELDS_PER_REQUEST_MAX }, (_, index) => String(index));
  await calls.askWith(["SADD", "a", ...members]);
  await calls.askWith(["SADD", "b", "x", "y"]);
  const operations: string[] = [];
  const operate = calls.store.operate.bind(calls.store);
  calls.store.operate = (request, done) => {
    operations.push(request.operation.kind);
    operate(request, done);
  };
  await calls.check([
    ["SUNIONSTORE d a b", members.length + 2],
    ["SMISMEMBER d 0 x y z", [1, 1, 1, 0]],
  ]);
  assert.deepEqual(operations, ["set-replace", "set-add"]);
});

test("SINTERCARD counts, up to a limit", async () => {
  const calls = await threeSets();
  const syntax = "-ERR syntax error";
  await calls.check([
    ["SINTERCARD 2 a b", 2],
    ["SINTERCARD 1 a", 4],
    ["SINTERCARD 1 a LIMIT 3", 3],
    ["SINTERCARD 1 a limit 0", 4],
    ["SINTERCARD 1 a LIMIT 9223372036854775807", 4],
    ["SINTERCARD 1 a LIMIT 1 LIMIT 2", 2],
    ["SINTERCARD 2 a none", 0],
    ["SINTERCARD 0 a", "-ERR numkeys should be greater than 0"],
    ["SINTERCARD x a", "-ERR numkeys should be greater than 0"],
    ["SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args"],
    ["SINTERCARD 1 a b", syntax],
    ["SINTERCARD 1 a LIMIT", syntax],
    ["SINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative"],
    ["SINTERCARD 1 a LIMIT x", "-ERR LIMIT can't be negative"],
  ]);
});
