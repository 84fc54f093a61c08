import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";

const NOT_AN_INTEGER = "-ERR value is not an integer or out of range";

test("a key ends when it is told to, in all four forms", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  const { nowMs } = calls.store;
  const seconds = nowMs / 1_000;
  await calls.check([
    ["SET k v", "+OK"],
    ["EXPIRE k 10", 1],
    ["TTL k", 10],
    ["PTTL k", 10_000],
    ["EXPIRETIME k", seconds + 10],
    ["PEXPIRETIME k", nowMs + 10_000],
    ["PEXPIRE k 1500", 1],
    ["PTTL k", 1_500],
    [`EXPIREAT k ${seconds + 100}`, 1],
    ["TTL k", 100],
    [`PEXPIREAT k ${nowMs + 2_000}`, 1],
    ["PTTL k", 2_000],
    ["GET k", "v"],
    ["EXPIRE none 10", 0],
    ["EXPIRE hash 10", 1],
    ["TTL hash", 10],
  ]);
});

test("seconds are the nearest ones", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["SET k v PX 1499", "+OK"],
    ["TTL k", 1],
    ["SET k v PX 1500", "+OK"],
    ["TTL k", 2],
    ["SET k v PX 499", "+OK"],
    ["TTL k", 0],
    ["SET k v PXAT 1800000000499", "+OK"],
    ["EXPIRETIME k", 1_800_000_000],
    ["SET k v PXAT 1800000000500", "+OK"],
    ["EXPIRETIME k", 1_800_000_001],
  ]);
});

test("a key without an expiry says -1, one that is not there -2", async () => {
  const calls = new RedisCalls();
  await calls.check([["SET k v", "+OK"]]);
  for (const command of ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]) {
    await calls.check([
      [`${command} k`, -1],
      [`${command} none`, -2],
    ]);
  }
});

test("a time that has passed deletes the key", async () => {
  const calls = new RedisCalls();
  for (const line of [
    "EXPIRE k 0",
    "EXPIRE k -10",
    "PEXPIREAT k 1",
    "EXPIREAT k 0",
    "PEXPIREAT k -9223372036854770000",
  ]) {
    await calls.check([
      ["SET k v", "+OK"],
      [line, 1],
      ["EXISTS k", 0],
      ["TTL k", -2],
    ]);
  }
});

test("an expiry is set under its conditions", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["SET k v", "+OK"],
    ["EXPIRE k 100 XX", 0],
    ["EXPIRE k 100 GT", 0],
    ["EXPIRE k 100 XX LT", 0],
    ["EXPIRE k 100 nx", 1],
    ["EXPIRE k 200 NX", 0],
    ["EXPIRE k 200 XX", 1],
    ["EXPIRE k 100 GT", 0],
    ["EXPIRE k 300 XX GT", 1],
    ["EXPIRE k 400 LT", 0],
    ["EXPIRE k 200 LT XX", 1],
    ["EXPIRE k 100 LT", 1],
    ["TTL k", 100],
    ["PERSIST k", 1],
    ["EXPIRE k 100 LT", 1],
    ["TTL k", 100],
    ["EXPIRE none 100 NX", 0],
  ]);
});

test("options that do not go together are refused before the time is looked at", async () => {
  const calls = new RedisCalls();
  const notWithNx = "-ERR NX and XX, GT or LT options at the same time are not compatible";
  await calls.check([
    ["SET k v", "+OK"],
    ["EXPIRE k abc NX XX", notWithNx],
    ["EXPIRE k 10 NX GT", notWithNx],
    ["EXPIRE k 10 LT NX", notWithNx],
    ["EXPIRE k 10 GT LT", "-ERR GT and LT options at the same time are not compatible"],
    ["EXPIRE k 10 NX GT LT", notWithNx],
    ["EXPIRE k abc Foo", "-ERR Unsupported option Foo"],
    ["EXPIRE k 10 NX foo", "-ERR Unsupported option foo"],
    ["EXPIRE k abc", NOT_AN_INTEGER],
    ['EXPIRE k ""', NOT_AN_INTEGER],
    ["TTL k", -1],
  ]);
});

test("times that do not fit 64 bits are refused, those that do but not the store are as good as the last", async () => {
  const calls = new RedisCalls();
  const invalid = (command: string): string => `-ERR invalid expire time in '${command}' command`;
  await calls.check([
    ["SET k v", "+OK"],
    ["EXPIRE k 9223370399119966", invalid("expire")],
    ["EXPIRE k 9223372036854776", invalid("expire")],
    ["EXPIRE k 10000000000000000", invalid("expire")],
    ["EXPIRE k -9223372036854776", invalid("expire")],
    ["expire k -9999999999999999", invalid("expire")],
    ["PEXPIRE k 9223372036854770000", invalid("pexpire")],
    ["EXPIREAT k 9223372036854776", invalid("expireat")],
    ["TTL k", -1],
    ["EXPIREAT k 9223372036854775", 1],
    ["PEXPIREAT k 9223372036854770000", 1],
    ["PEXPIRETIME k", 2 ** 48 - 1],
  ]);
});

test("PERSIST takes an expiry away", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["SET k v EX 10", "+OK"],
    ["PERSIST k", 1],
    ["TTL k", -1],
    ["PERSIST k", 0],
    ["PERSIST none", 0],
  ]);
});
