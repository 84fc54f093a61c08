import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";

const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const BAD_OFFSET = "-ERR bit offset is not an integer or out of range";
const BAD_BIT = "-ERR bit is not an integer or out of range";

test("bits are set and got from the most significant of the first byte on", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["SETBIT k 1 1", 0],
    ["GET k", "@"],
    ["SETBIT k 1 0", 1],
    ["SETBIT k 15 1", 0],
    ["GET k", "\0\x01"],
    ["GETBIT k 15", 1],
    ["GETBIT k 14", 0],
    ["GETBIT k 1000", 0],
    ["GETBIT none 0", 0],
    ["GETBIT hash 0", WRONG_TYPE],
    ["SETBIT hash 0 1", WRONG_TYPE],
  ]);
});

test("offsets and bits that cannot be are refused, whatever the key holds", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["SETBIT hash -1 1", BAD_OFFSET],
    ["SETBIT hash abc 1", BAD_OFFSET],
    ["SETBIT hash 4294967296 1", BAD_OFFSET],
    ["SETBIT hash 9223372036854775807 1", BAD_OFFSET],
    ["SETBIT hash abc 2", BAD_OFFSET],
    ["SETBIT hash 0 2", BAD_BIT],
    ["SETBIT hash 0 -1", BAD_BIT],
    ["SETBIT hash 0 x", BAD_BIT],
    ["SETBIT hash 0 01", BAD_BIT],
    ["GETBIT hash -1", BAD_OFFSET],
    ["GETBIT hash 4294967296", BAD_OFFSET],
  ]);
});
