/** Laws of the cell codec and of storage keys: round trips, and no damage that goes unseen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import "../support/fixed-seed.ts";
import { decodeCell, encodeCell } from "../../src/core/causality/cell-codec.ts";
import {
  cellKey,
  keyRange,
  nextStorageKey,
  parseCellKey,
  slotRange,
} from "../../src/core/causality/storage-key.ts";
import { slotFrom } from "../../src/model/slot.ts";
import { anyFieldName, anyKey, anyPlacedCell } from "./arbitrary-cells.ts";

const anySlot = fc.integer({ min: 0, max: 16_383 }).map(slotFrom);
const anyAddress = fc.option(anyFieldName, { nil: undefined });

test("a cell decodes to itself at its address", () => {
  fc.assert(
    fc.property(anyPlacedCell, ({ cell, key, field }) => {
      const decoded = decodeCell(encodeCell(cell, key, field), key, field);
      assert.ok(decoded !== "damaged");
      assert.deepEqual({ ...decoded, payload: Uint8Array.from(decoded.payload) }, cell);
    }),
    { numRuns: 3_000 },
  );
});

test("any one bit that flips is seen", () => {
  fc.assert(
    fc.property(anyPlacedCell, fc.nat(), ({ cell, key, field }, position) => {
      const bytes = encodeCell(cell, key, field);
      const bitIndex = position % (bytes.length * 8);
      bytes[bitIndex >> 3] = (bytes[bitIndex >> 3] as number) ^ (1 << (bitIndex & 7));
      assert.equal(decodeCell(bytes, key, field), "damaged");
    }),
    { numRuns: 3_000 },
  );
});

test("bytes that no cell encoded are damaged, never an exception", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), anyKey, anyAddress, (bytes, key, field) => {
      assert.equal(decodeCell(bytes, key, field), "damaged");
    }),
    { numRuns: 3_000 },
  );
});

test("a cell in another cell's place is damaged", () => {
  fc.assert(
    fc.property(anyPlacedCell, anyKey, anyAddress, ({ cell, key, field }, otherKey, otherField) => {
      fc.pre(key !== otherKey || field !== otherField);
      assert.equal(decodeCell(encodeCell(cell, key, field), otherKey, otherField), "damaged");
    }),
    { numRuns: 3_000 },
  );
});

test("a storage key parses back to its place, lies in its ranges, and in no other key's", () => {
  fc.assert(
    fc.property(anySlot, anyKey, anyAddress, anyKey, (slot, key, field, otherKey) => {
      const storageKey = cellKey(slot, key, field);
      assert.deepEqual(parseCellKey(storageKey), { slot, key, field });
      for (const range of [slotRange(slot), keyRange(slot, key)]) {
        assert.ok(range.from <= storageKey && storageKey < range.before);
      }
      if (otherKey === key) return;
      const other = keyRange(slot, otherKey);
      assert.ok(storageKey < other.from || storageKey >= other.before);
    }),
    { numRuns: 3_000 },
  );
});

test("storage keys sort by slot, then key length, then key, the root before the fields", () => {
  const anyPlace = fc.tuple(anySlot, anyKey, anyAddress);
  fc.assert(
    fc.property(anyPlace, anyPlace, (a, b) => {
      const order =
        a[0] - b[0] ||
        a[1].length - b[1].length ||
        compare(a[1], b[1]) ||
        Number(a[2] !== undefined) - Number(b[2] !== undefined) ||
        compare(a[2] ?? "", b[2] ?? "");
      assert.equal(Math.sign(order), compare(cellKey(...a), cellKey(...b)));
      if (order < 0) assert.ok(nextStorageKey(cellKey(...a)) <= cellKey(...b));
    }),
    { numRuns: 3_000 },
  );
});

test("text that is no cell's storage key does not parse, or is that place's only name", () => {
  const anyText = fc
    .uint8Array({ maxLength: 12, max: 3 })
    .map((bytes) => `d${Buffer.from(bytes).toString("latin1")}`);
  fc.assert(
    fc.property(anyText, (text) => {
      const place = parseCellKey(text);
      if (place !== undefined) assert.equal(cellKey(place.slot, place.key, place.field), text);
    }),
    { numRuns: 5_000 },
  );
});

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
