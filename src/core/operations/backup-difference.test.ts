import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import "../../../test/support/fixed-seed.ts";
import type { RootCell } from "../../model/cell.ts";
import { type Key, keyFromText } from "../../model/key.ts";
import { stampFrom } from "../../model/stamp.ts";
import { encodeCell } from "../causality/cell-codec.ts";
import { cellKey } from "../causality/storage-key.ts";
import { slotOfKey } from "../placement/slot-of-key.ts";
import { changesSince, type PlacedCell, recordOf } from "./backup-difference.ts";

function placed(key: Key, ms: number): PlacedCell {
  const stamp = stampFrom(ms, 0, 0);
  const payload = Buffer.from(`${ms}`);
  const rest = { type: "string", expiresAtMs: 0, cleared: stamp, contentType: "" } as const;
  const cell: RootCell = { kind: "value", stamp, payload, ...rest };
  const slot = slotOfKey(key);
  const bytes = encodeCell(cell, key, undefined);
  return { position: cellKey(slot, key, undefined), slot, key, field: undefined, cell, bytes };
}

const keys = Array.from({ length: 12 }, (_none, index) => keyFromText(`key${index}`));

/** Milliseconds of the stamp of each key that there is. */
type State = ReadonlyMap<Key, number>;

const anyState: fc.Arbitrary<State> = fc
  .array(fc.tuple(fc.constantFrom(...keys), fc.integer({ min: 1, max: 4 })))
  .map((entries) => new Map(entries));

function cellsOf(state: State): PlacedCell[] {
  const cells = [...state].map(([key, ms]) => placed(key, ms));
  return cells.sort((a, b) => (a.position < b.position ? -1 : 1));
}

/** What stands after the changes, as text. */
function laidOver(base: State, changes: ReturnType<typeof changesSince>): string[] {
  const cells = new Map(cellsOf(base).map((cell) => [cell.position, cell]));
  for (const { before, after } of changes) {
    const position = (after ?? before)?.position as string;
    assert.equal(cells.get(position)?.bytes.length, before?.bytes.length);
    if (after === undefined) cells.delete(position);
    else cells.set(position, after);
  }
  return [...cells.values()].map(({ key, cell }) => `${key} ${cell.stamp.ms}`).sort();
}

function text(state: State): string[] {
  return [...state].map(([key, ms]) => `${key} ${ms}`).sort();
}

test("changes laid over the base are what is there now, and there is none where nothing changed", () => {
  fc.assert(
    fc.property(
      anyState,
      anyState,
      fc.array(fc.boolean(), { maxLength: 12 }),
      (base, now, told) => {
        const cells = cellsOf(base);
        // Of what is the same some is told to be so, and is not sent.
        const isSame = (index: number): boolean => {
          const cell = cells[index] as PlacedCell;
          return told[index] === true && now.get(cell.key) === cell.cell.stamp.ms;
        };
        const unsent = new Set(cells.filter((_cell, index) => isSame(index)).map(({ key }) => key));
        const found = cellsOf(now).filter(({ key }) => !unsent.has(key));
        const changes = changesSince({ base: cells, found, isSame, isThin: () => false });
        assert.deepEqual(laidOver(base, changes), text(now));
        const differing = keys.filter((key) => base.get(key) !== now.get(key));
        assert.equal(changes.length, differing.length);
      },
    ),
  );
});

test("where too few were heard nothing is gone, and nothing gives way to what is older", () => {
  fc.assert(
    fc.property(anyState, anyState, (base, now) => {
      const stretch = { base: cellsOf(base), found: cellsOf(now), isSame: () => false };
      const changes = changesSince({ ...stretch, isThin: () => true });
      const greatest = new Map(base);
      for (const [key, ms] of now) greatest.set(key, Math.max(ms, base.get(key) ?? 0));
      assert.deepEqual(laidOver(base, changes), text(greatest));
    }),
  );
});

test("what is gone is a record of no bytes in its place", () => {
  const [before] = cellsOf(new Map([[keyFromText("key1"), 1]])) as [PlacedCell];
  const { key, bytes } = recordOf({ before, after: undefined });
  assert.deepEqual([key, bytes.length], ["key1", 0]);
  assert.deepEqual(recordOf({ before, after: before }).bytes, before.bytes);
});
