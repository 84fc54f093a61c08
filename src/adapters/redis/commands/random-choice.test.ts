import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../base/prng.ts";
import type { HashEntry } from "../../../model/operation.ts";
import { chooseAny, chooseDistinct, chooseOne } from "./random-choice.ts";

const VALUE = new Uint8Array(0);
const ENTRIES: readonly HashEntry[] = ["a", "b", "c", "d", "e"].map((name) => [name, VALUE]);

function namesOf(entries: readonly HashEntry[] | undefined): string {
  assert.ok(entries !== undefined);
  return entries.map(([name]) => name).join("");
}

// Goal: each of the choices is as likely as any other.
// Method: so many draws from a seeded generator that each of them is expected 10 000 times; none is more than 5 % off, which is
// five standard deviations.
function assertEven(kinds: number, choose: () => string): void {
  const counts = new Map<string, number>();
  for (let draw = 0; draw < kinds * 10_000; draw += 1) {
    const chosen = choose();
    counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
  }
  assert.equal(counts.size, kinds);
  for (const [chosen, count] of counts) assert.ok(Math.abs(count - 10_000) < 500, chosen);
}

test("one is chosen evenly", () => {
  const random = new Prng(1);
  assertEven(5, () => chooseOne(ENTRIES, random)[0]);
});

test("different ones are chosen evenly, and what is chosen from stays as it is", () => {
  const random = new Prng(2);
  assertEven(10, () =>
    namesOf(chooseDistinct(ENTRIES, 2, random))
      .split("")
      .toSorted()
      .join(""),
  );
  assert.equal(namesOf(ENTRIES), "abcde");
  assert.equal(namesOf(chooseDistinct(ENTRIES, 9, random)), "abcde");
  assert.equal(namesOf(chooseDistinct(ENTRIES, 0, random)), "");
});

test("with repetitions all pairs are as likely, and too many are none", () => {
  const random = new Prng(3);
  assertEven(25, () => namesOf(chooseAny(ENTRIES, 2, random)));
  assert.equal(chooseAny(ENTRIES, 100_000_000, random), undefined);
  assert.equal(namesOf(chooseAny([], 3, random)), "");
  const large: HashEntry = ["a", new Uint8Array(1024 * 1024)];
  assert.equal(chooseAny([large], 1_000, random), undefined);
});
