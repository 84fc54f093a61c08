import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { fill, parseTemplate } from "./template.ts";

const draw = (pool: string): string[] => [pool.toUpperCase()];

/** All that comes of a template in many fillings. */
function outcomes(text: string): string[] {
  const template = parseTemplate(text);
  const prng = new Prng(1);
  const found = new Set<string>();
  for (let count = 0; count < 500; count += 1) found.add(fill(template, prng, draw).join(" "));
  return [...found].sort((one, other) => (one < other ? -1 : 1));
}

test("words stay, pools are drawn from, and parts are there or not, repeated, or one of several", () => {
  assert.deepEqual(outcomes("SET {key} v"), ["SET KEY v"]);
  assert.deepEqual(outcomes("A [B]"), ["A", "A B"]);
  assert.deepEqual(outcomes("A <{x} y>"), [
    "A X y",
    "A X y X y",
    "A X y X y X y",
    "A X y X y X y X y",
  ]);
  assert.deepEqual(outcomes("(A|B {x}|) C"), ["A C", "B X C", "C"]);
});

test("parts nest", () => {
  assert.deepEqual(outcomes("A [B [(C|D)]]"), ["A", "A B", "A B C", "A B D"]);
});

test("a template that is not well formed is refused", () => {
  assert.throws(() => parseTemplate("A ] B"), /closes nothing/);
});
