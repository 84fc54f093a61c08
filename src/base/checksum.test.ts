import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 as runtimeCrc32 } from "node:zlib";
import { crc32 } from "./checksum.ts";
import { Prng } from "./prng.ts";

test("the check value of the catalogue", () => {
  assert.equal(crc32(Buffer.from("123456789")), 0xcbf43926);
});

test("any length, beginning and seed gives what the runtime gives", () => {
  const prng = new Prng(1);
  const data = Uint8Array.from({ length: 520 }, () => prng.below(256));
  for (let length = 0; length <= 512; length += 1) {
    const start = prng.below(9);
    const seed = prng.below(2 ** 32);
    const end = start + length;
    const expected = runtimeCrc32(data.subarray(start, end), seed);
    assert.equal(crc32(data, seed, start, end), expected, `${length} bytes from ${start}`);
    assert.equal(crc32(data.subarray(start, end), seed), expected);
  }
});
