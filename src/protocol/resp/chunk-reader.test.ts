import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkReader } from "./chunk-reader.ts";

const ASTERISK = 0x2a;

function reader(...chunks: readonly string[]): ChunkReader {
  const all = new ChunkReader();
  for (const chunk of chunks) all.push(Buffer.from(chunk, "latin1"));
  return all;
}

test("a short count line is read without a copy, and only if it is whole and plain", () => {
  assert.equal(reader("*0\r\n").takeCount(ASTERISK), 0);
  assert.equal(reader("*123456789012345\r\n").takeCount(ASTERISK), 123_456_789_012_345);
  const others = ["", "*", "*1", "*1\r", "$1\r\n", "*\r\n", "*01\r\n", "*-1\r\n", "*1x\r\n"];
  for (const line of [...others, "*1\n", "*1\rx", "*1234567890123456\r\n"]) {
    const part = reader(line);
    assert.equal(part.takeCount(ASTERISK), -1, line);
    assert.equal(part.heldBytes, line.length, "and takes nothing otherwise");
  }
  assert.equal(reader("*1", "\r\n").takeCount(ASTERISK), -1);
});

test("a line that has begun is gone on with where it was left", () => {
  const part = reader("*1");
  assert.equal(part.takeLine(10), undefined);
  assert.equal(part.peek(), ASTERISK);
  part.push(Buffer.from("2\r"));
  assert.equal(part.takeCount(ASTERISK), -1);
  assert.equal(part.takeLine(10), undefined);
  part.push(Buffer.from("\nrest"));
  assert.equal(part.takeLine(10)?.toString(), "*12\r");
  assert.equal(part.peek(), "r".charCodeAt(0));
});

test("runs are taken over any number of chunks", () => {
  const part = reader("ab", "c", "d\r", "\nx");
  assert.equal(part.takeRun(4)?.toString(), "abcd");
  assert.equal(part.heldBytes, 1);
});

test("a run whose end is cut off is not there", () => {
  const part = reader("abcd\r");
  assert.equal(part.takeRun(4), undefined);
  part.push(Buffer.from("\n"));
  assert.equal(part.takeRun(4)?.toString(), "abcd");
});

test("a reader without bytes holds no chunk", () => {
  const part = reader("ab\r\n");
  assert.equal(part.takeRun(2)?.toString(), "ab");
  assert.equal(part.peek(), undefined);
  assert.equal(part.heldBytes, 0);
});

// Goal: chunks that wait are gone through in time linear in their number.
// Method: as many as would take minutes if each step moved those that are left.
test("a million chunks may wait", () => {
  const part = new ChunkReader();
  const letter = Uint8Array.of(0x61);
  for (let index = 0; index < 1_000_000; index += 1) part.push(letter);
  part.push(Buffer.from("\r\n"));
  assert.equal(part.heldBytes, 1_000_002);
  assert.equal(part.takeRun(1_000_000)?.length, 1_000_000);
});
