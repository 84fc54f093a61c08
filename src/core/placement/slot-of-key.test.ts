import assert from "node:assert/strict";
import { test } from "node:test";
import { type Key, keyFromText } from "../../model/key.ts";
import { crc16, slotOfKey } from "./slot-of-key.ts";

const slotOf = (text: string) => slotOfKey(keyFromText(text));

test("the checksum is CRC-16/XMODEM", () => {
  assert.equal(crc16("123456789"), 0x31c3);
  assert.equal(crc16(""), 0);
  assert.equal(crc16("x123456789y", 1, 10), 0x31c3);
});

test("slots are those of Redis Cluster", () => {
  assert.equal(slotOf("123456789"), 0x31c3 % 16_384);
  assert.equal(slotOf("foo"), 12_182);
  assert.equal(slotOf("bar"), 5_061);
  assert.equal(slotOf("hello"), 866);
});

test("keys with one hash tag share the tag's slot", () => {
  assert.equal(slotOf("{user1000}.following"), slotOf("user1000"));
  assert.equal(slotOf("{user1000}.followers"), slotOf("user1000"));
  assert.equal(slotOf("a{foo}b"), 12_182);
});

test("only the first `{` and the first `}` after it count", () => {
  assert.equal(slotOf("foo{{bar}}zap"), slotOf("{bar"));
  assert.equal(slotOf("foo{bar}{zap}"), slotOf("bar"));
  assert.equal(slotOf("}{bar}"), slotOf("bar"));
});

test("an empty tag, or one that does not end, is no tag: the whole key is hashed", () => {
  const whole = (text: string) => crc16(text) % 16_384;
  for (const text of ["foo{}{bar}", "{}", "foo{bar", "foo}bar", "{", "foo{}"]) {
    assert.equal(slotOf(text), whole(text), text);
  }
});

test("every byte counts, also those that are no text", () => {
  const slots = new Set<number>();
  for (let byte = 0; byte < 256; byte += 1) slots.add(slotOfKey(String.fromCharCode(byte) as Key));
  assert.equal(slots.size, 256);
});
