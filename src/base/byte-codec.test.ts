import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "./assert.ts";
import { type ByteReader, decodeAll } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

test("what was written is read back, over growth of the buffer", () => {
  const writer = new ByteWriter(1);
  const big = new Uint8Array(5_000).map((_, index) => index);
  writer.u8(255);
  writer.u16(65_535);
  writer.u32(4_294_967_295);
  writer.u48(2 ** 48 - 1);
  writer.u53(Number.MAX_SAFE_INTEGER);
  writer.f64(-0.5);
  writer.binary8("\u0000\u00ff");
  writer.binary16("abc");
  writer.binary32("x".repeat(70_000));
  writer.bytes8(big.subarray(0, 255));
  writer.bytes16(big);
  writer.bytes32(big);
  const decoded = decodeAll(writer.finish(), (reader) => [
    reader.u8(),
    reader.u16(),
    reader.u32(),
    reader.u48(),
    reader.u53(),
    reader.f64(),
    reader.binary8(),
    reader.binary16(),
    reader.binary32().length,
    Uint8Array.from(reader.bytes8()),
    Uint8Array.from(reader.bytes16()),
    Uint8Array.from(reader.bytes32()),
  ]);
  assert.deepEqual(decoded, {
    kind: "decoded",
    value: [
      255,
      65_535,
      4_294_967_295,
      2 ** 48 - 1,
      Number.MAX_SAFE_INTEGER,
      -0.5,
      "\u0000\u00ff",
      "abc",
      70_000,
      big.slice(0, 255),
      big,
      big,
    ],
  });
});

test("every read beyond the end is malformed, not an exception", () => {
  const reads: readonly ((reader: ByteReader) => unknown)[] = [
    (reader) => reader.u16(),
    (reader) => reader.u32(),
    (reader) => reader.u48(),
    (reader) => reader.u53(),
    (reader) => reader.f64(),
    (reader) => reader.bytes(2),
    (reader) => reader.binary8(),
    (reader) => reader.binary(2),
  ];
  for (const read of reads) {
    assert.equal(decodeAll(Uint8Array.of(7), read).kind, "malformed");
  }
});

test("left-over bytes, 54-bit integers and implausible counts are malformed", () => {
  assert.equal(decodeAll(Uint8Array.of(1, 2), (reader) => reader.u8()).kind, "malformed");
  assert.equal(decodeAll(new Uint8Array(8).fill(255), (reader) => reader.u53()).kind, "malformed");
  assert.equal(
    decodeAll(Uint8Array.of(255, 255, 0), (reader) => reader.count16(1)).kind,
    "malformed",
  );
});

test("a value outside its field is our own mistake", () => {
  const writer = new ByteWriter();
  assert.throws(() => writer.u8(256), AssertionError);
  assert.throws(() => writer.u16(-1), AssertionError);
  assert.throws(() => writer.u32(0.5), AssertionError);
  assert.throws(() => writer.u53(2 ** 53), AssertionError);
  assert.throws(() => writer.binary8("x".repeat(256)), AssertionError);
});

test("counts are filled in afterwards and what does not fit is forgotten", () => {
  const writer = new ByteWriter();
  writer.u16(0);
  writer.u32(0);
  writer.u8(9);
  writer.truncate(6);
  writer.setU16(0, 3);
  writer.setU32(2, 4);
  assert.deepEqual([...writer.finish()], [0, 3, 0, 0, 0, 4]);
});
