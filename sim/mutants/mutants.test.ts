/** Planted bugs can still be planted, and planting one changes what is run. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MUTANTS } from "./catalogue.ts";
import { plant } from "./mutant.ts";

const ROOT = new URL("../../", import.meta.url);

for (const mutant of MUTANTS) {
  test(`${mutant.name} applies to ${mutant.file} as it is`, () => {
    const source = readFileSync(new URL(mutant.file, ROOT), "utf8");
    assert.notEqual(plant(mutant, source), source);
  });
}

test("a snippet that is gone, or stands twice, is refused", () => {
  const [mutant] = MUTANTS;
  assert.ok(mutant !== undefined);
  assert.throws(() => plant(mutant, "nothing like it"), /stands 0 times/);
  assert.throws(() => plant(mutant, mutant.find + mutant.find), /stands 2 times/);
});

test("each bug is recorded with the seed that finds it, or with the test that goes red; names are unique", () => {
  const recorded = JSON.parse(
    readFileSync(new URL("recorded-seeds.json", import.meta.url), "utf8"),
  ) as Record<string, unknown>;
  const names = MUTANTS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(
    Object.keys(recorded).filter((name) => !names.includes(name)),
    [],
  );
  for (const { name, seenBy } of MUTANTS) {
    assert.ok((recorded[name] === undefined) !== (seenBy === undefined), name);
  }
  assert.ok(Object.keys(recorded).length >= 25);
});
