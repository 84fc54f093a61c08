import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";

const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const SYNTAX = "-ERR syntax error";
const NOT_AN_INTEGER = "-ERR value is not an integer or out of range";
const TOO_LONG = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";

test("a string that is set can be got, whatever its bytes", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["GET k", null],
    ["SET k v", "+OK"],
    ["get k", "v"],
    ['SET k ""', "+OK"],
    ["GET k", ""],
  ]);
  assert.equal(await calls.askWith(["SET", "\x00\xff", "\r\n\x80"]), "+OK");
  assert.equal(await calls.askWith(["GET", "\x00\xff"]), "\r\n\x80");
});

test("a plain set is a blind write, also with an expiry, and tells the session of its copies", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["SET a 1", "+OK"],
    ["SET b 1 EX 10", "+OK"],
    ["SETEX c 10 1", "+OK"],
    ["PSETEX d 10 1", "+OK"],
    ["MSET e 1 f 1", "+OK"],
  ]);
  assert.equal(calls.store.puts.length, 6);
  assert.equal(calls.store.reads.length, 0);
  assert.equal(calls.writes.length, 5);
  await calls.check([
    ["SET a 1 XX", "+OK"],
    ["SET a 1 KEEPTTL", "+OK"],
    ["SET a 1 GET", "1"],
  ]);
  assert.equal(calls.store.puts.length, 6);
  assert.equal(calls.writes.length, 8);
});

test("a set is bound to its conditions, and gives what was there if asked", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["SET k 1 XX", null],
    ["SET k 1 XX GET", null],
    ["GET k", null],
    ["SET k 1 NX", "+OK"],
    ["SET k 2 nx", null],
    ["SET k 2 NX GET", "1"],
    ["SET k 3 XX", "+OK"],
    ["SET k 4 XX GET", "3"],
    ["SET k 5 GET", "4"],
    ["SET k2 1 NX GET", null],
    ["GET k2", "1"],
    ["SET k v NX NX GET GET", "5"],
    ["SET k v NX XX", SYNTAX],
    ["SET k v XX NX", SYNTAX],
    ["SET k v FOO", SYNTAX],
    ['SET k v ""', SYNTAX],
    ["SET k v PERSIST", SYNTAX],
    ["SET hash v GET", WRONG_TYPE],
    ["SET hash v NX", null],
    ["SET hash v XX", "+OK"],
    ["GET hash", "v"],
  ]);
});

test("a set gives the key a time, keeps the one it has, or takes it away", async () => {
  const calls = new RedisCalls();
  const { nowMs } = calls.store;
  const seconds = nowMs / 1_000;
  await calls.check([
    ["SET k v EX 10", "+OK"],
    ["PTTL k", 10_000],
    ["SET k v px 1500", "+OK"],
    ["PTTL k", 1_500],
    [`SET k v EXAT ${seconds + 7}`, "+OK"],
    ["PTTL k", 7_000],
    [`SET k v PXAT ${nowMs + 3}`, "+OK"],
    ["PTTL k", 3],
    ["SET k v KEEPTTL", "+OK"],
    ["PTTL k", 3],
    ["SET k v KEEPTTL KEEPTTL", "+OK"],
    ["SET k v EX 10 NX", null],
    ["SET k v EX 10 XX GET", "v"],
    ["PTTL k", 10_000],
    ["SET k v EX 10 EX 20", "+OK"],
    ["PTTL k", 20_000],
    ["SET k v", "+OK"],
    ["PTTL k", -1],
    ["SET k v PXAT 1", "+OK"],
    ["GET k", null],
  ]);
});

test("times that cannot be are refused, and so are two kinds of time", async () => {
  const calls = new RedisCalls();
  const invalid = "-ERR invalid expire time in 'set' command";
  await calls.check([
    ["SET k v EX 0", invalid],
    ["SET k v PX -1", invalid],
    ["SET k v EXAT 0", invalid],
    ["SET k v EX 9223372036854776", invalid],
    ["SET k v EX 10000000000000000", invalid],
    ["SET k v EX -9999999999999999", invalid],
    ["SET k v PX 9223372036854775807", invalid],
    ["SET k v EX abc", NOT_AN_INTEGER],
    ['SET k v EX ""', NOT_AN_INTEGER],
    ["SET k v EX 9223372036854775808", NOT_AN_INTEGER],
    ["SET k v EX", SYNTAX],
    ["SET k v EX 10 PX 10", SYNTAX],
    ["SET k v EX 10 KEEPTTL", SYNTAX],
    ["SET k v KEEPTTL EX 10", SYNTAX],
    ["GET k", null],
    ["SETEX k 0 v", "-ERR invalid expire time in 'setex' command"],
    ["SETEX k 9223372036854775 v", "-ERR invalid expire time in 'setex' command"],
    ["SETEX k abc v", NOT_AN_INTEGER],
    ["PSETEX k -1 v", "-ERR invalid expire time in 'psetex' command"],
    ["GET k", null],
  ]);
});

test("a time beyond what is kept is as good as the last one", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["SET k v PXAT 9223372036854775807", "+OK"],
    ["PEXPIRETIME k", 2 ** 48 - 1],
    ["GETEX k PXAT 9223372036854775807", "v"],
    ["PEXPIRETIME k", 2 ** 48 - 1],
  ]);
});

test("SETNX, GETSET and GETDEL depend on what is there", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["SETNX k 1", 1],
    ["SETNX k 2", 0],
    ["SETNX hash 2", 0],
    ["GETSET k 3", "1"],
    ["GETSET other 3", null],
    ["GETSET hash 3", WRONG_TYPE],
    ["EXPIRE k 10", 1],
    ["GETSET k 4", "3"],
    ["TTL k", -1],
    ["GETDEL k", "4"],
    ["GETDEL k", null],
    ["GETDEL hash", WRONG_TYPE],
    ["EXISTS k", 0],
  ]);
});

test("GETEX sets and takes away a time, and without options is a plain read", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  const { nowMs } = calls.store;
  await calls.check([
    ["GETEX k EX 10", null],
    ["SET k v", "+OK"],
    ["GETEX k", "v"],
    ["TTL k", -1],
    ["GETEX k EX 10", "v"],
    ["TTL k", 10],
    ["GETEX k", "v"],
    ["TTL k", 10],
    ["GETEX k PX 1500", "v"],
    ["PTTL k", 1_500],
    [`GETEX k EXAT ${nowMs / 1_000 + 9}`, "v"],
    ["TTL k", 9],
    ["GETEX k EX 1 EX 2", "v"],
    ["TTL k", 2],
    ["GETEX k PERSIST", "v"],
    ["TTL k", -1],
    ["GETEX k PERSIST PERSIST", "v"],
    ["GETEX k EX 10 PERSIST", SYNTAX],
    ["GETEX k PERSIST EX 10", SYNTAX],
    ["GETEX k KEEPTTL", SYNTAX],
    ["GETEX k EX", SYNTAX],
    ["GETEX k NX", SYNTAX],
    ["GETEX k EX 0", "-ERR invalid expire time in 'getex' command"],
    ["GETEX k EX 10000000000000000", "-ERR invalid expire time in 'getex' command"],
    ["GETEX k EX abc", NOT_AN_INTEGER],
    ["GETEX none EX 0", null],
    ["GETEX none EX abc", null],
    ["GETEX none EX", SYNTAX],
    ["GETEX hash EX 0", WRONG_TYPE],
    ["GETEX k PXAT 1", "v"],
    ["EXISTS k", 0],
    ["GETEX hash", WRONG_TYPE],
    ["GETEX hash PERSIST", WRONG_TYPE],
  ]);
});

test("strings grow at their end, and are measured", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["APPEND k abc", 3],
    ["APPEND k de", 5],
    ["GET k", "abcde"],
    ["STRLEN k", 5],
    ["STRLEN none", 0],
    ["STRLEN hash", WRONG_TYPE],
    ["APPEND hash x", WRONG_TYPE],
  ]);
});

test("a range counts from either end, and is cut to the string", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["SET k abcdef", "+OK"],
    ["GETRANGE k 0 -1", "abcdef"],
    ["SUBSTR k 0 -1", "abcdef"],
    ["GETRANGE k 1 2", "bc"],
    ["GETRANGE k -3 -2", "de"],
    ["GETRANGE k -1 -5", ""],
    ["GETRANGE k -100 -200", ""],
    ["GETRANGE k -100 -99", "a"],
    ["GETRANGE k 0 -7", "a"],
    ["GETRANGE k 5 100", "f"],
    ["GETRANGE k 3 1", ""],
    ["GETRANGE k -3 1", ""],
    ["GETRANGE k 10 20", ""],
    ["GETRANGE k -9223372036854775808 9223372036854775807", "abcdef"],
    ["GETRANGE none 0 -1", ""],
    ["GETRANGE hash 0 -1", WRONG_TYPE],
    ["GETRANGE k a 1", NOT_AN_INTEGER],
    ["GETRANGE k 0 9223372036854775808", NOT_AN_INTEGER],
  ]);
});

test("a range is overwritten, and zeros fill what was not there", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["SET k Hello", "+OK"],
    ["SETRANGE k 1 u", 5],
    ["GET k", "Hullo"],
    ["SETRANGE k 7 x", 8],
    ["GET k", "Hullo\0\0x"],
    ['SETRANGE k 100 ""', 8],
    ['SETRANGE none 9223372036854775807 ""', 0],
    ["EXISTS none", 0],
    ["SETRANGE none 2 a", 3],
    ["GET none", "\0\0a"],
    ['SETRANGE hash 0 ""', WRONG_TYPE],
    ["SETRANGE hash 9223372036854775807 a", WRONG_TYPE],
    ["SETRANGE k -1 a", "-ERR offset is out of range"],
    ['SETRANGE k -1 ""', "-ERR offset is out of range"],
    ["SETRANGE k a a", NOT_AN_INTEGER],
    ["SETRANGE k 536870911 ab", TOO_LONG],
    ["SETRANGE k 9223372036854775807 a", TOO_LONG],
    ["GET k", "Hullo\0\0x"],
  ]);
});

test("keys and values beyond the cluster's limits are refused, and nothing is asked of the store", async () => {
  const calls = new RedisCalls();
  calls.store.shared = { ...calls.store.shared, keyBytesMax: 4, valueBytesMax: 8 };
  const badKey = "-ERR key is empty or longer than 4 bytes";
  await calls.check([
    ["SET abcde 1", badKey],
    ['GET ""', badKey],
    ["MSET a 1 abcde 2", badKey],
    ["MGET a abcde", badKey],
    ["SET abcd 123456789", TOO_LONG],
    ["SET abcd 123456789 NX", TOO_LONG],
    ["MSET a 1 b 123456789", TOO_LONG],
    ["APPEND abcd 123456789", TOO_LONG],
  ]);
  assert.equal(calls.store.puts.length + calls.store.reads.length, 0);
  await calls.check([
    ["SET abcd 12345678", "+OK"],
    ["APPEND abcd 1", TOO_LONG],
    ["SETRANGE abcd 8 1", TOO_LONG],
    ["SETBIT abcd 64 1", "-ERR bit offset is not an integer or out of range"],
    ["GET abcd", "12345678"],
  ]);
});

test("the limits are asked for again after a second", async () => {
  const calls = new RedisCalls();
  await calls.check([["SET abcde 1", "+OK"]]);
  calls.store.shared = { ...calls.store.shared, keyBytesMax: 4 };
  await calls.check([["SET abcde 1", "+OK"]]);
  calls.store.nowMs += 1_000;
  await calls.check([["SET abcde 1", "-ERR key is empty or longer than 4 bytes"]]);
});

test("GETEX looks at the key before it looks at the time, and at the words before both", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  const invalid = "-ERR invalid expire time in 'getex' command";
  await calls.check([
    ["SET a 1", "+OK"],
    ["GETEX a EX 0", invalid],
    ["GETEX a EX x", "-ERR value is not an integer or out of range"],
    ["GETEX none EX 0", null],
    ["GETEX none EX x", null],
    ["GETEX hash EX 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"],
    ["GETEX none EX 0 PX 1", "-ERR syntax error"],
  ]);
});
