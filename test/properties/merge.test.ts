/**
 * Laws of merge: what makes replicas converge whatever the order, number and grouping of what they receive.
 * Cells are compared by their encodings, which is what an exchange compares.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import "../support/fixed-seed.ts";
import { encodeCell } from "../../src/core/causality/cell-codec.ts";
import {
  compareFields,
  compareRoots,
  mergeCells,
  mergeFields,
  mergeRoots,
} from "../../src/core/causality/merge.ts";
import type { Cell, RootCell } from "../../src/model/cell.ts";
import { type Field, keyFromText } from "../../src/model/key.ts";
import { compareStamps, maxStamp } from "../../src/model/stamp.ts";
import { anyField, anyRoot } from "./arbitrary-cells.ts";

const KEY = keyFromText("k");
const RUNS = { numRuns: 2_000 };

function bytesOf(cell: Cell): string {
  const field =
    cell.kind === "field" || cell.kind === "field-tombstone" ? ("f" as Field) : undefined;
  return Buffer.from(encodeCell(cell, KEY, field)).toString("hex");
}

for (const [name, anyCell] of [
  ["roots", anyRoot],
  ["fields", anyField],
] as const) {
  const cells: fc.Arbitrary<Cell> = anyCell;

  test(`merge of ${name} is commutative`, () => {
    fc.assert(
      fc.property(cells, cells, (a, b) => {
        assert.equal(bytesOf(mergeCells(a, b)), bytesOf(mergeCells(b, a)));
      }),
      RUNS,
    );
  });

  test(`merge of ${name} is associative`, () => {
    fc.assert(
      fc.property(cells, cells, cells, (a, b, c) => {
        const left = mergeCells(mergeCells(a, b), c);
        assert.equal(bytesOf(left), bytesOf(mergeCells(a, mergeCells(b, c))));
      }),
      RUNS,
    );
  });

  test(`merge of ${name} is idempotent, and says by identity that nothing changed`, () => {
    fc.assert(
      fc.property(cells, cells, (a, b) => {
        const merged = mergeCells(a, b);
        assert.equal(mergeCells(merged, a), merged);
        assert.equal(mergeCells(merged, b), merged);
        assert.equal(mergeCells(a, structuredClone(a)), a);
      }),
      RUNS,
    );
  });

  test(`${name} received in any order end as the same bytes`, () => {
    fc.assert(
      fc.property(
        fc
          .array(cells, { minLength: 1, maxLength: 6 })
          .chain((all) =>
            fc.tuple(
              fc.constant(all),
              fc.shuffledSubarray(all, { minLength: all.length }),
              fc.nat(),
            ),
          ),
        ([all, shuffled, again]) => {
          const once = all.reduce<Cell | undefined>(mergeCells, undefined) as Cell;
          const repeated = all[again % all.length] as Cell;
          const twice = [...shuffled, repeated].reduce<Cell | undefined>(
            mergeCells,
            undefined,
          ) as Cell;
          assert.equal(bytesOf(once), bytesOf(twice));
        },
      ),
      RUNS,
    );
  });

  test(`a merge of ${name} never goes back`, () => {
    fc.assert(
      fc.property(cells, cells, (a, b) => {
        const merged = mergeCells(a, b);
        assert.ok(compareStamps(merged.stamp, a.stamp) >= 0);
        assert.ok(compareStamps(merged.stamp, b.stamp) >= 0);
      }),
      RUNS,
    );
  });
}

test("`cleared` merges by maximum, whichever root wins", () => {
  fc.assert(
    fc.property(anyRoot, anyRoot, (a, b) => {
      const merged = mergeRoots(a, b);
      assert.deepEqual(merged.cleared, maxStamp(a.cleared, b.cleared));
      const winner = compareRoots(a, b) >= 0 ? a : b;
      assert.deepEqual({ ...merged, cleared: undefined }, { ...winner, cleared: undefined });
    }),
    RUNS,
  );
});

test("a merge is a new object only where the parts of two roots survive", () => {
  fc.assert(
    fc.property(anyRoot, anyRoot, (a, b) => {
      const merged: RootCell = mergeRoots(a, b);
      if (merged === a || merged === b) return;
      assert.notEqual(bytesOf(merged), bytesOf(a));
      assert.notEqual(bytesOf(merged), bytesOf(b));
    }),
    RUNS,
  );
});

test("cells that compare equal are the same bytes: no tie is left to the order of arrival", () => {
  fc.assert(
    fc.property(anyField, anyField, (a, b) => {
      assert.equal(compareFields(a, b) === 0, bytesOf(a) === bytesOf(b));
      assert.equal(mergeFields(a, b), compareFields(a, b) >= 0 ? a : b);
    }),
    RUNS,
  );
  fc.assert(
    fc.property(anyRoot, anyRoot, (a, b) => {
      const withMark = { ...b, cleared: a.cleared };
      assert.equal(compareRoots(a, b) === 0, bytesOf(a) === bytesOf(withMark));
    }),
    RUNS,
  );
});
