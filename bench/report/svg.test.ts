import assert from "node:assert/strict";
import { test } from "node:test";
import { element, linear, logarithmic, powersOfTen, roundSteps, shortNumber } from "./svg.ts";

test("scales take the ends of one range to those of the other", () => {
  const scale = linear([0, 10], [100, 200]);
  assert.deepEqual([scale(0), scale(5), scale(10)], [100, 150, 200]);
  const log = logarithmic([0.1, 1_000], [0, 400]);
  assert.deepEqual([log(0.1), Math.round(log(10)), Math.round(log(1_000))], [0, 200, 400]);
  assert.equal(log(0), 0);
});

test("axes are marked at powers of ten, or at round steps that reach the top", () => {
  assert.deepEqual(powersOfTen(0.1, 100), [0.1, 1, 10, 100]);
  assert.deepEqual(roundSteps(87), [0, 50, 100]);
  assert.ok((roundSteps(61_000).at(-1) ?? 0) >= 61_000);
});

test("numbers are shown with three digits that count", () => {
  assert.deepEqual([123_456, 999, 12.345, 0.12345, 0].map(shortNumber), [
    "123 000",
    "999",
    "12.3",
    "0.123",
    "0",
  ]);
});

test("text in attributes cannot end them", () => {
  assert.equal(element("a", { b: '"<' }), '<a b="&quot;&lt;"></a>');
});
