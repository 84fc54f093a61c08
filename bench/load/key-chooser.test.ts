import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { keyChooser, zetaOf, zipfRanks } from "./key-chooser.ts";

const DRAWS = 200_000;

function counts(count: number, draw: () => number): number[] {
  const found = Array.from({ length: count }, () => 0);
  for (let index = 0; index < DRAWS; index += 1) {
    const drawn = draw();
    assert.ok(Number.isInteger(drawn) && drawn >= 0 && drawn < count, `${drawn} of ${count}`);
    found[drawn] = (found[drawn] ?? 0) + 1;
  }
  return found;
}

test("ranks come as often as Zipf's law says", () => {
  const count = 1_000;
  const found = counts(count, zipfRanks(count, new Prng(7)));
  for (const rank of [0, 1, 9, 99]) {
    const expected = DRAWS / (rank + 1) ** 0.99 / zetaOf(count);
    const share = (found[rank] ?? 0) / expected;
    assert.ok(share > 0.8 && share < 1.25, `rank ${rank}: ${share} of what it should be`);
  }
});

test("the most frequent keys do not stand beside one another", () => {
  const count = 1_000;
  const found = counts(count, keyChooser("zipf", count, new Prng(7)));
  const most = found
    .map((times, key) => ({ times, key }))
    .toSorted((a, b) => b.times - a.times)
    .slice(0, 4)
    .map(({ key }) => key);
  for (const key of most) assert.ok(!most.includes(key + 1), `${most.join(", ")}`);
});

test("uniform keys come about equally often, and one key always", () => {
  const found = counts(10, keyChooser("uniform", 10, new Prng(3)));
  for (const times of found) assert.ok(Math.abs(times / (DRAWS / 10) - 1) < 0.05);
  assert.equal(keyChooser("one", 10, new Prng(3))(), 0);
});
