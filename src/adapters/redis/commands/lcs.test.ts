import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";

const SYNTAX = "-ERR syntax error";

test("LCS gives the bytes, their number, or where they stand", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["MSET a ohmytext b mynewtext", "+OK"],
    ["LCS a b", "mytext"],
    ["LCS a b LEN", 6],
    ["LCS a b WITHMATCHLEN MINMATCHLEN 4", "mytext"],
    [
      "LCS a b IDX",
      [
        "matches",
        [
          [
            [4, 7],
            [5, 8],
          ],
          [
            [2, 3],
            [0, 1],
          ],
        ],
        "len",
        6,
      ],
    ],
    ["LCS a b idx minmatchlen 4 withmatchlen", ["matches", [[[4, 7], [5, 8], 4]], "len", 6]],
    ["LCS a b IDX MINMATCHLEN 5", ["matches", [], "len", 6]],
    [
      "LCS a a IDX MINMATCHLEN -5",
      [
        "matches",
        [
          [
            [0, 7],
            [0, 7],
          ],
        ],
        "len",
        8,
      ],
    ],
    ["LCS a none", ""],
    ["LCS none a LEN", 0],
    ["LCS none none IDX", ["matches", [], "len", 0]],
  ]);
});

test("of several that are equally long it is the one that Redis gives", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["MSET a acbdab b abcab", "+OK"],
    ["LCS a b", "abab"],
    ["LCS b a", "acab"],
    ["MSET a xayb b bxya", "+OK"],
    ["LCS a b", "xy"],
    ["LCS b a", "xa"],
  ]);
});

test("LCS refuses what is no string before anything else, and then what it does not understand", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  const notStrings = "-ERR The specified keys must contain string values";
  await calls.check([
    ["SET a abc", "+OK"],
    ["LCS a hash", notStrings],
    ["LCS hash none FOO", notStrings],
    ["LCS a a FOO", SYNTAX],
    ["LCS a a MINMATCHLEN", SYNTAX],
    ["LCS a a MINMATCHLEN x", "-ERR value is not an integer or out of range"],
    ["LCS a a IDX LEN", "-ERR If you want both the length and indexes, please just use IDX."],
  ]);
});

test("strings whose table would not fit are refused", async () => {
  const calls = new RedisCalls();
  await calls.askWith(["MSET", "a", "x".repeat(5_000), "b", "y".repeat(5_000), "c", "x"]);
  assert.equal(
    await calls.ask("LCS a b"),
    "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
  );
  assert.equal(await calls.ask("LCS a c"), "x");
});
