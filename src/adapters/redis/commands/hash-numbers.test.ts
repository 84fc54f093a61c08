import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";

const NOT_AN_INTEGER = "-ERR value is not an integer or out of range";
const OVERFLOW = "-ERR increment or decrement would overflow";
const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value";

test("HINCRBY adds to a field, and begins with nothing", async () => {
  await new RedisCalls().check([
    ["HINCRBY h a 5", 5],
    ["HINCRBY h a -7", -2],
    ["HGET h a", "-2"],
    ["HSTRLEN h a", 2],
    ["HSET h a 40 b 1", 1],
    ["HINCRBY h a 2", 42],
    ["HGETALL h", ["a", "42", "b", "1"]],
    ["HDEL h a", 1],
    ["HINCRBY h a 1", 1],
  ]);
});

test("HINCRBY says what is wrong with the number, the field, or their sum", async () => {
  await new RedisCalls().check([
    ["HSET h text x max 9223372036854775807 min -9223372036854775808 spaced 1a", 4],
    ["HINCRBY h text 1", "-ERR hash value is not an integer"],
    ["HINCRBY h spaced 1", "-ERR hash value is not an integer"],
    ["HINCRBY h max 1", OVERFLOW],
    ["HINCRBY h min -1", OVERFLOW],
    ["HINCRBY h max x", NOT_AN_INTEGER],
    ["HINCRBY h max 9223372036854775808", NOT_AN_INTEGER],
    ["SET s 1", "+OK"],
    ["HINCRBY s a x", NOT_AN_INTEGER],
    ["HINCRBY s a 1", WRONG_TYPE],
  ]);
});

test("HINCRBYFLOAT adds decimals, and a counted field becomes a text", async () => {
  await new RedisCalls().check([
    ["HINCRBYFLOAT h a 1.5", "1.5"],
    ["HINCRBYFLOAT h a 3.0e3", "3001.5"],
    ["HINCRBYFLOAT h a -0.5", "3001"],
    ["HINCRBY h a 1", 3002],
    ["HINCRBYFLOAT h a 0.25", "3002.25"],
    ["HINCRBY h a 1", "-ERR hash value is not an integer"],
    ["HGETALL h", ["a", "3002.25"]],
  ]);
});

test("HINCRBYFLOAT says what is wrong, first with the number", async () => {
  await new RedisCalls().check([
    ["SET s 1", "+OK"],
    ["HSET h text x", 1],
    ["HINCRBYFLOAT h text 1", "-ERR hash value is not a float"],
    ["HINCRBYFLOAT h a x", "-ERR value is not a valid float"],
    ["HINCRBYFLOAT h a inf", "-ERR value is NaN or Infinity"],
    ["HINCRBYFLOAT s a x", "-ERR value is not a valid float"],
    ["HINCRBYFLOAT s a 1", WRONG_TYPE],
    [`HINCRBYFLOAT h a 1${"0".repeat(6_000)}`, "-ERR value is not a valid float"],
    ["HEXISTS h a", 0],
  ]);
});
