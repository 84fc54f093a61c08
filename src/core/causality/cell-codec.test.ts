import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesFromBinary } from "../../base/binary.ts";
import { crc32 } from "../../base/checksum.ts";
import { hashBinary } from "../../base/hash.ts";
import type { FieldCell, RootCell } from "../../model/cell.ts";
import { bootIdFrom } from "../../model/ids.ts";
import { type Field, type Key, keyFromText } from "../../model/key.ts";
import { NO_STAMP, stampFrom } from "../../model/stamp.ts";
import {
  checksumOf,
  decodeCell,
  decodeField,
  decodeRoot,
  encodeCell,
  peekStamp,
} from "./cell-codec.ts";

const KEY = keyFromText("user1");
const FIELD = "name" as Field;
const STAMP = stampFrom(0x0123_4567_89ab, 0xcdef, bootIdFrom(0x1f_0203_0405_0607));

const ROOT: RootCell = {
  kind: "value",
  stamp: STAMP,
  type: "string",
  expiresAtMs: 0x0a0b_0c0d_0e0f,
  cleared: stampFrom(1, 2, bootIdFrom(3)),
  contentType: "text/plain",
  payload: bytesFromBinary("Jack"),
};
const FIELD_CELL: FieldCell = {
  kind: "field",
  stamp: STAMP,
  type: "counter",
  expiresAtMs: 0,
  since: NO_STAMP,
  payload: Uint8Array.of(7),
};

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Bytes with a right checksum, whatever else is wrong with them: what a newer or a hostile node could send. */
function signed(bytes: Uint8Array, key: Key): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.writeUInt32BE(crc32(copy.subarray(4), hashBinary(key).low), 0);
  return copy;
}

test("the layout is what the table says, for ever", () => {
  assert.equal(
    hexOf(encodeCell(ROOT, KEY, undefined)),
    "85b369f7" +
      "a2" + // value, string, has expiry, mark written out
      "0123456789abcdef001f020304050607" +
      "0a0b0c0d0e0f" +
      "00000000000100020000000000000003" +
      "0a746578742f706c61696e" +
      "4a61636b",
  );
  assert.equal(
    hexOf(encodeCell(FIELD_CELL, KEY, FIELD)),
    "996d2257" + "1c" + "0123456789abcdef001f020304050607" + "07",
  );
});

test("a `cleared` equal to the stamp, and none at all, take no room", () => {
  const plain = { ...ROOT, expiresAtMs: 0, contentType: "" };
  const overwritten = encodeCell({ ...plain, cleared: STAMP }, KEY, undefined);
  const fresh = encodeCell({ ...plain, cleared: NO_STAMP }, KEY, undefined);
  assert.equal(overwritten.length, 4 + 1 + 16 + 1 + 4);
  assert.equal(fresh.length, overwritten.length);
  const decoded = decodeRoot(overwritten, KEY);
  assert.ok(decoded !== "damaged");
  assert.deepEqual(decoded.cleared, STAMP);
});

test("a cell read from another place is damaged", () => {
  const bytes = encodeCell(ROOT, KEY, undefined);
  assert.equal(decodeCell(bytes, keyFromText("user2"), undefined), "damaged");
  assert.equal(decodeCell(bytes, KEY, "" as Field), "damaged");
  const ofField = encodeCell(FIELD_CELL, KEY, FIELD);
  assert.equal(decodeCell(ofField, KEY, "nam" as Field), "damaged");
  assert.equal(decodeCell(ofField, keyFromText("user1n"), "ame" as Field), "damaged");
  assert.equal(decodeCell(ofField, KEY, undefined), "damaged");
});

test("a root's kind at a field's address is damaged even under a right checksum, and so is the reverse", () => {
  const field = "" as Field;
  const bytes = Buffer.from(encodeCell(FIELD_CELL, KEY, field));
  bytes[4] = 2;
  bytes.writeUInt32BE(crc32(bytes.subarray(4), hashBinary(field, hashBinary(KEY, 1).low).low), 0);
  assert.equal(decodeField(bytes, KEY, field), "damaged");
  const root = Buffer.from(encodeCell({ ...ROOT, cleared: NO_STAMP }, KEY, undefined));
  root[4] = 4;
  assert.equal(decodeRoot(signed(root, KEY), KEY), "damaged");
});

test("kinds and marks of formats to come are damaged, not guessed at", () => {
  for (const head of [5, 6, 7, 0xc2]) {
    const bytes = encodeCell({ ...ROOT, expiresAtMs: 0, cleared: NO_STAMP }, KEY, undefined);
    bytes[4] = head;
    assert.equal(decodeCell(signed(bytes, KEY), KEY, undefined), "damaged", `head ${head}`);
  }
});

test("a cell cut short is damaged at every length, also under a right checksum", () => {
  const bytes = encodeCell({ ...ROOT, payload: new Uint8Array() }, KEY, undefined);
  for (let length = 0; length < bytes.length; length += 1) {
    const cut = bytes.subarray(0, length);
    assert.equal(decodeCell(cut, KEY, undefined), "damaged");
    if (length < 4) continue;
    assert.equal(decodeCell(signed(cut, KEY), KEY, undefined), "damaged", `${length} bytes`);
  }
});

test("a second spelling of the same cell is damaged: one cell, one checksum", () => {
  const bytes = Buffer.from(encodeCell({ ...ROOT, expiresAtMs: 0 }, KEY, undefined));
  const markIndex = 21;
  const withNone = Buffer.from(bytes);
  withNone.fill(0, markIndex, markIndex + 16);
  assert.equal(decodeCell(signed(withNone, KEY), KEY, undefined), "damaged");
  const withStamp = Buffer.from(bytes);
  bytes.copy(withStamp, markIndex, 5, 21);
  assert.equal(decodeCell(signed(withStamp, KEY), KEY, undefined), "damaged");
  const withZeroExpiry = Buffer.from(encodeCell(ROOT, KEY, undefined));
  withZeroExpiry.fill(0, 21, 27);
  assert.equal(decodeCell(signed(withZeroExpiry, KEY), KEY, undefined), "damaged");
});

test("a boot id beyond 53 bits is damaged", () => {
  const bytes = Buffer.from(encodeCell({ ...ROOT, cleared: NO_STAMP }, KEY, undefined));
  bytes[13] = 0xff;
  assert.equal(decodeCell(signed(bytes, KEY), KEY, undefined), "damaged");
});

test("a payload is a view of the bytes it came in, wherever they lie", () => {
  const encoded = encodeCell(ROOT, KEY, undefined);
  const frame = new Uint8Array(encoded.length + 9);
  frame.set(encoded, 5);
  const decoded = decodeRoot(frame.subarray(5, 5 + encoded.length), KEY);
  assert.ok(decoded !== "damaged");
  assert.equal(decoded.payload.buffer, frame.buffer);
  assert.deepEqual(decoded.payload, Uint8Array.from(ROOT.payload));
});

test("stamp and checksum are read without decoding", () => {
  const bytes = encodeCell(ROOT, KEY, undefined);
  assert.deepEqual(peekStamp(bytes), STAMP);
  assert.equal(checksumOf(bytes), crc32(bytes.subarray(4), hashBinary(KEY).low));
  assert.equal(peekStamp(bytes.subarray(0, 20)), undefined);
  assert.equal(checksumOf(new Uint8Array()), 0);
});

test("a field's cell is refused at a root's address when encoding: that is our own bug", () => {
  assert.throws(() => encodeCell(FIELD_CELL, KEY, undefined));
  assert.throws(() => encodeCell(ROOT, KEY, FIELD));
});
