import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import "../../../test/support/fixed-seed.ts";
import type { Field, Key } from "../../model/key.ts";
import type { KeyedCell } from "../../model/peer-message.ts";
import type { Slot } from "../../model/slot.ts";
import { encodeRecords, RECORD_BYTES_MAX, RecordReader } from "./cell-record.ts";
import { encodeKnownCells, encodeSame, parseKnownCells, parseSame } from "./known-cells.ts";
import { parseManifest } from "./manifest.ts";
import { encodePage, parsePage } from "./page.ts";

const binary = (minLength: number) =>
  fc.uint8Array({ minLength, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1"));

const cells: fc.Arbitrary<KeyedCell[]> = fc.array(
  fc.record({
    key: binary(1) as fc.Arbitrary<Key>,
    field: fc.option(binary(0) as fc.Arbitrary<Field>, { nil: undefined }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  }),
  { maxLength: 20 },
);

function plain(all: readonly KeyedCell[]): unknown {
  return all.map(({ key, field, bytes }) => [key, field, Buffer.from(bytes).toString("hex")]);
}

test("records read back as they were written, however they are cut on their way", () => {
  fc.assert(
    fc.property(cells, fc.array(fc.nat({ max: 300 })), (written, sizes) => {
      const bytes = encodeRecords(written);
      const reader = new RecordReader();
      const read: KeyedCell[] = [];
      let index = 0;
      for (const size of [...sizes, bytes.length]) {
        const found = reader.feed(bytes.subarray(index, index + size));
        assert.ok(typeof found === "object");
        read.push(...found);
        index = Math.min(bytes.length, index + size);
      }
      assert.deepEqual(plain(read), plain(written));
      assert.equal(reader.isAtEnd, true);
    }),
  );
});

test("whatever bytes come, they are records or they are refused, and nothing throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), cells, (noise, before) => {
      const reader = new RecordReader();
      const found = reader.feed(Buffer.concat([encodeRecords(before), noise]));
      if (typeof found === "object") assert.ok(found.length >= before.length);
      assert.ok(["string", "object"].includes(typeof parsePage(noise)));
      assert.ok(["string", "object"].includes(typeof parseKnownCells(noise)));
      assert.ok(["string", "object"].includes(typeof parseManifest(Buffer.from(noise).toString())));
    }),
    { numRuns: 300 },
  );
});

test("a length beyond any cell is refused before its bytes have come", () => {
  const reader = new RecordReader();
  const head = Buffer.alloc(4);
  head.writeUInt32BE(RECORD_BYTES_MAX + 1);
  assert.equal(typeof reader.feed(head), "string");
});

test("what is known of some slots reads back, and so does what of it is the same", () => {
  const slots = fc.uniqueArray(fc.integer({ min: 0, max: 16_383 }), { minLength: 1 });
  const digests = fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { maxLength: 20 });
  fc.assert(
    fc.property(slots, digests, fc.array(fc.nat({ max: 19 })), (some, sent, told) => {
      const known = { slots: some.sort((a, b) => a - b) as Slot[], digests: sent };
      const parsed = parseKnownCells(encodeKnownCells(known));
      assert.ok(typeof parsed === "object");
      assert.deepEqual(parsed.slots, known.slots);
      assert.deepEqual(Buffer.concat(parsed.digests), Buffer.concat(sent));
      const indices = new Set(told.filter((index) => index < sent.length));
      const isSame = parseSame(encodeSame(indices, sent.length), sent.length);
      assert.ok(typeof isSame === "function");
      for (let index = 0; index < 24; index += 1) assert.equal(isSame(index), indices.has(index));
    }),
  );
});

test("a page is its head and its records", () => {
  const cell = { key: "k" as Key, field: undefined, bytes: Buffer.from("cell") };
  const thin = [{ firstSlot: 1, lastSlot: 2, copies: 1 }];
  const head = { cells: 1, cursor: "c", thin } as unknown as Parameters<typeof encodePage>[0];
  const page = parsePage(encodePage(head, [cell]));
  assert.ok(typeof page === "object");
  assert.deepEqual(page.head, head);
  assert.deepEqual(page.records, encodeRecords([cell]));
  for (const text of ["", "no head", "{}\n", '{"cells":"1"}\n', '{"cells":1,"cursor":2}\n']) {
    assert.equal(typeof parsePage(Buffer.from(text)), "string", text);
  }
});
