import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "./prng.ts";
import { SortedStrings } from "./sorted-strings.ts";

function listFrom(strings: SortedStrings, from: string): string[] {
  const seen: string[] = [];
  strings.forEachFrom(from, (item) => seen.push(item) > 0);
  return seen;
}

// Goal: no order of additions and removals breaks the order across chunks.
// Method: random churn over few enough strings to hit duplicates and empty chunks, against a plain set.
test("it stays an ordered set under random additions and removals", () => {
  const random = new Prng(7);
  const strings = new SortedStrings();
  const model = new Set<string>();
  for (let round = 0; round < 40_000; round += 1) {
    const item = String(random.below(6_000));
    // Growing first, then shrinking to nothing much: chunks split, and later run empty.
    if (random.chance(round < 20_000 ? 3 : 1, 4)) {
      assert.equal(strings.add(item), !model.has(item));
      model.add(item);
    } else {
      assert.equal(strings.remove(item), model.delete(item));
    }
    assert.equal(strings.size, model.size);
    if (round % 4_000 === 0) {
      const from = String(random.below(6_000));
      const expected = [...model].filter((held) => held >= from).sort();
      assert.deepEqual(listFrom(strings, from), expected);
    }
  }
  for (const item of model) assert.equal(strings.remove(item), true);
  assert.deepEqual(listFrom(strings, ""), []);
  assert.equal(strings.add("again"), true);
  assert.deepEqual(listFrom(strings, ""), ["again"]);
});

test("a visit ends where it says so", () => {
  const strings = new SortedStrings();
  for (let index = 0; index < 2_000; index += 1) strings.add(String(index).padStart(4, "0"));
  const seen: string[] = [];
  strings.forEachFrom("0998", (item) => seen.push(item) < 3);
  assert.deepEqual(seen, ["0998", "0999", "1000"]);
});
