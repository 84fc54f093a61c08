import assert from "node:assert/strict";
import { test } from "node:test";
import { Buffer } from "../../base/buffer.ts";
import { isApart, placeOf, pointerTo, putRecord, recordAt, recordBytes } from "./value-record.ts";

const PLACE = { file: 7, offset: 4_096, length: 70_000 };

test("a pointer tells its place, and nothing that differs from it in a bit is one", () => {
  const pointer = pointerTo(PLACE);
  assert.deepEqual(placeOf(pointer), PLACE);
  for (let bit = 0; bit < 8 * pointer.length; bit += 1) {
    const changed = Buffer.from(pointer);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.equal(placeOf(changed), undefined, `bit ${bit}`);
  }
  assert.equal(placeOf(pointer.subarray(1)), undefined);
  assert.equal(placeOf(Buffer.concat([pointer, Buffer.alloc(1)])), undefined);
});

test("large values are kept apart, and whatever looks like a pointer", () => {
  assert.ok(isApart(Buffer.alloc(100), 100));
  assert.ok(!isApart(Buffer.alloc(99), 100));
  assert.ok(isApart(pointerTo(PLACE), 100));
});

test("a record is found where it begins, in its own file, and nowhere else", () => {
  const pieces: Uint8Array[] = [];
  for (const [key, bytes] of [
    ["a", 3],
    ["\xff\x00", 16],
    ["b".repeat(300), 0],
  ] as const) {
    putRecord(pieces, 9, key, Buffer.alloc(bytes, 1));
  }
  const bytes = Buffer.concat(pieces);
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    assert.equal(recordAt(bytes, at, 1_000, 8), undefined, "of another file");
    const record = recordAt(bytes, at, 1_000, 9);
    assert.ok(record !== undefined && record !== "short");
    const value = bytes.subarray(record.offset - 1_000, record.offset - 1_000 + record.length);
    assert.ok(value.every((byte) => byte === 1));
    found.push(`${record.key.length}:${record.length}`);
    assert.equal((record.end - 1_000) % 8, 0);
    assert.equal(record.end - 1_000 - at, recordBytes(record.key, record.length));
    at = record.end - 1_000;
  }
  assert.deepEqual(found, ["1:3", "2:16", "300:0"]);
  assert.equal(recordAt(bytes.subarray(0, 8), 0, 0, 9), "short");
  assert.equal(recordAt(bytes.subarray(0, 16), 0, 0, 9), "short", "its key is not there");
  assert.equal(recordAt(bytes, 8, 0, 9), undefined);
});

test("a record whose header or key has changed in a bit is none", () => {
  const pieces: Uint8Array[] = [];
  putRecord(pieces, 9, "key", Buffer.alloc(5));
  const bytes = Buffer.concat(pieces);
  for (let bit = 0; bit < 8 * 19; bit += 1) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    const record = recordAt(changed, 0, 0, 9);
    assert.ok(record === undefined || record === "short", `bit ${bit}`);
  }
});
