import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls, type Shown } from "../../../../test/support/redis-calls.ts";
import { POP_MEMBERS_MAX } from "../../../core/operations/sets.ts";

const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_POSITIVE = "-ERR value is out of range, must be positive";
const SYNTAX = "-ERR syntax error";

function sorted(shown: Shown): string[] {
  assert.ok(Array.isArray(shown), `a list, not ${String(shown)}`);
  return (shown as readonly string[]).toSorted();
}

test("SADD and SREM count what changes, each member once", async () => {
  await new RedisCalls().check([
    ["SADD s a b a", 2],
    ["SADD s b c", 1],
    ["SADD s a", 0],
    ["SMEMBERS s", ["a", "b", "c"]],
    ["SREM s a a none", 1],
    ["SCARD s", 2],
    ["SREM none a", 0],
    ["SREM s b c", 2],
    ["EXISTS s", 0],
    ['SADD s ""', 1],
    ['SISMEMBER s ""', 1],
  ]);
});

test("SISMEMBER and SMISMEMBER tell what is in a set", async () => {
  await new RedisCalls().check([
    ["SADD s a b", 2],
    ["SISMEMBER s a", 1],
    ["SISMEMBER s c", 0],
    ["SISMEMBER none a", 0],
    ["SMISMEMBER s c a c b", [0, 1, 0, 1]],
    ["SMISMEMBER none a b", [0, 0]],
    ["SCARD none", 0],
    ["SMEMBERS none", []],
  ]);
});

test("SPOP takes members away", async () => {
  const calls = new RedisCalls();
  await calls.check([["SADD s a b c d e", 5]]);
  const one = await calls.ask("SPOP s");
  assert.ok(typeof one === "string");
  const two = sorted(await calls.ask("SPOP s 2"));
  const left = sorted(await calls.ask("SMEMBERS s"));
  assert.deepEqual([one, ...two, ...left].toSorted(), ["a", "b", "c", "d", "e"]);
  assert.deepEqual(sorted(await calls.ask("SPOP s 9223372036854775807")), left);
  await calls.check([
    ["EXISTS s", 0],
    ["SPOP s", null],
    ["SPOP s 3", []],
    ["SPOP s -1", NOT_POSITIVE],
    ["SPOP s x", NOT_POSITIVE],
    ["SPOP s 1 x", SYNTAX],
    ["SADD s a", 1],
    ["SPOP s 0", []],
    ["SCARD s", 1],
  ]);
});

test("SPOP of more than one write holds takes several", async () => {
  const calls = new RedisCalls();
  const members = Array.from({ length: POP_MEMBERS_MAX + 5 }, (_, index) => String(index));
  await calls.askWith(["SADD", "s", ...members]);
  const before = calls.writes.length;
  assert.deepEqual(sorted(await calls.ask("SPOP s 1000000")), members.toSorted());
  assert.equal(calls.writes.length - before, 2);
  await calls.check([["EXISTS s", 0]]);
});

test("SRANDMEMBER leaves the set as it is", async () => {
  const calls = new RedisCalls();
  const all = ["a", "b", "c", "d"];
  await calls.check([["SADD s a b c d", 4]]);
  assert.ok(all.includes(String(await calls.ask("SRANDMEMBER s"))));
  assert.equal(new Set(sorted(await calls.ask("SRANDMEMBER s 3"))).size, 3);
  assert.deepEqual(sorted(await calls.ask("SRANDMEMBER s 9")), all);
  const many = sorted(await calls.ask("SRANDMEMBER s -100"));
  assert.equal(many.length, 100);
  assert.ok(many.every((member) => all.includes(member)));
  const range = "between -9223372036854775807 and 9223372036854775807";
  await calls.check([
    ["SCARD s", 4],
    ["SRANDMEMBER s 0", []],
    ["SRANDMEMBER none", null],
    ["SRANDMEMBER none 3", []],
    ["SRANDMEMBER none -3", []],
    ["SRANDMEMBER s x", "-ERR value is not an integer or out of range"],
    ["SRANDMEMBER s 1 x", SYNTAX],
    ["SRANDMEMBER s -9223372036854775808", `-ERR value is out of range, value must ${range}`],
    ["SRANDMEMBER s -100000000", "-ERR more than one reply may hold: ask for fewer at a time"],
  ]);
});

test("HRANDFIELD gives names, or names and values", async () => {
  const calls = new RedisCalls();
  await calls.check([["HSET h a 1 b 2 c 3", 3]]);
  assert.ok(["a", "b", "c"].includes(String(await calls.ask("HRANDFIELD h"))));
  assert.deepEqual(sorted(await calls.ask("HRANDFIELD h 5")), ["a", "b", "c"]);
  assert.equal(sorted(await calls.ask("HRANDFIELD h -7")).length, 7);
  const flat = await calls.ask("HRANDFIELD h 5 WITHVALUES");
  assert.deepEqual(flat, ["a", "1", "b", "2", "c", "3"]);
  calls.protocol = 3;
  assert.deepEqual(await calls.ask("HRANDFIELD h 5 withvalues"), [
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
  ]);
  await calls.check([
    ["HRANDFIELD none", null],
    ["HRANDFIELD none 3", []],
    ["HRANDFIELD h 0", []],
    ["HRANDFIELD h 1 FOO", SYNTAX],
    ["HRANDFIELD h 1 WITHVALUES x", SYNTAX],
    ["HRANDFIELD h x", "-ERR value is not an integer or out of range"],
    ["HRANDFIELD h -9223372036854775807 WITHVALUES", "-ERR value is out of range"],
    ["HRANDFIELD h 9223372036854775807 WITHVALUES", "-ERR value is out of range"],
  ]);
});

test("a key of another type is told, whatever is asked of it", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["SET s 1", "+OK"],
    ["HSET h 1 1", 1],
  ]);
  const lines = ["SADD # a", "SREM # a", "SMEMBERS #", "SISMEMBER # a", "SMISMEMBER # a b"];
  lines.push("SCARD #", "SPOP #", "SPOP # 2", "SPOP # 0", "SRANDMEMBER #", "SRANDMEMBER # 2");
  lines.push("SSCAN # 0", "SINTER #", "SUNION none #", "SDIFF none #", "SINTERSTORE d none #");
  lines.push("SINTERCARD 2 none #", "SMOVE # none a", "SUNIONSTORE d #", "SDIFFSTORE d #");
  for (const key of ["s", "h"]) {
    for (const line of lines) {
      assert.equal(await calls.ask(line.replace("#", key)), WRONG_TYPE, line);
    }
  }
});
