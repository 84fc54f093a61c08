import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";

const NOT_AN_INTEGER = "-ERR value is not an integer or out of range";
const OVERFLOW = "-ERR increment or decrement would overflow";
const NOT_A_FLOAT = "-ERR value is not a valid float";
const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value";

test("integers are counted in 64 bits, and keep the time of their key", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["INCR n", 1],
    ["INCRBY n 41", 42],
    ["DECR n", 41],
    ["DECRBY n 40", 1],
    ["DECRBY n -9", 10],
    ["GET n", "10"],
    ["EXPIRE n 10", 1],
    ["INCR n", 11],
    ["TTL n", 10],
    ["SET n 9223372036854775806", "+OK"],
    ["INCR n", 9223372036854775807n],
    ["INCR n", OVERFLOW],
    ["DECRBY n -1", OVERFLOW],
    ["SET n -9223372036854775808", "+OK"],
    ["DECR n", OVERFLOW],
    ["INCRBY n 9223372036854775807", -1],
    ["DECRBY n 9223372036854775807", -9223372036854775808n],
    ["DECRBY n -9223372036854775808", "-ERR decrement would overflow"],
    ["INCRBY n abc", NOT_AN_INTEGER],
    ["INCRBY n 1.0", NOT_AN_INTEGER],
    ["INCRBY n +1", NOT_AN_INTEGER],
    ["DECRBY n abc", NOT_AN_INTEGER],
    ["SET n abc", "+OK"],
    ["INCR n", NOT_AN_INTEGER],
    ['SET n ""', "+OK"],
    ["DECR n", NOT_AN_INTEGER],
    ["INCR hash", WRONG_TYPE],
  ]);
});

test("decimals are added as Redis shows them", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["INCRBYFLOAT f 1.5", "1.5"],
    ["INCRBYFLOAT f +1e2", "101.5"],
    ["INCRBYFLOAT f -1.5", "100"],
    ["GET f", "100"],
    ["SET f 1 EX 10", "+OK"],
    ["INCRBYFLOAT f -1.1", "-0.1"],
    ["TTL f", 10],
    ["INCRBYFLOAT f abc", NOT_A_FLOAT],
    ['INCRBYFLOAT f ""', NOT_A_FLOAT],
    ["INCRBYFLOAT none nan", NOT_A_FLOAT],
    ["INCRBYFLOAT none inf", "-ERR increment would produce NaN or Infinity"],
    [`INCRBYFLOAT none ${"1".repeat(5_121)}`, NOT_A_FLOAT],
    ["SET f abc", "+OK"],
    ["INCRBYFLOAT f 1", NOT_A_FLOAT],
    ["INCRBYFLOAT hash abc", WRONG_TYPE],
  ]);
});

test("a counter is a string to every command, and goes on as one where that is no number", async () => {
  await new RedisCalls().check([
    ["SET n 5", "+OK"],
    ["INCR n", 6],
    ["GET n", "6"],
    ["STRLEN n", 1],
    ["APPEND n 0", 2],
    ["INCR n", 61],
    ["GETRANGE n 0 0", "6"],
    ["SETRANGE n 0 7", 2],
    ["DECRBY n 1", 70],
    ["INCRBYFLOAT n 0.5", "70.5"],
    ["INCR n", "-ERR value is not an integer or out of range"],
    ["GETSET n 9", "70.5"],
    ["INCR n", 10],
    ["EXPIRE n 100", 1],
    ["INCR n", 11],
    ["TTL n", 100],
    ["SET n 1 KEEPTTL", "+OK"],
    ["INCR n", 2],
    ["TTL n", 100],
    ["SET n 1 XX GET", "2"],
    ["TTL n", -1],
    ["SETBIT n 7 0", 1],
    ["GET n", "0"],
    ["INCR n", 1],
    ["GETDEL n", "1"],
    ["DECR n", -1],
    ["RENAME n m", "+OK"],
    ["INCR m", 0],
    ["COPY m n", 1],
    ["INCR n", 1],
    ["MGET m n", ["0", "1"]],
    ["OBJECT ENCODING n", "int"],
    ["SETNX n 3", 0],
    ["MSETNX n 3 o 4", 0],
    ["DEL n", 1],
    ["INCR n", 1],
  ]);
});
