import assert from "node:assert/strict";
import { test } from "node:test";
import { doubleFromText, textFromDouble } from "./double-text.ts";

// What printf("%.17g") gives.
test("doubles are spelled with 17 digits", () => {
  const spellings: readonly (readonly [number, string])[] = [
    [0, "0"],
    [-0, "-0"],
    [1, "1"],
    [-3, "-3"],
    [3.25, "3.25"],
    [0.1, "0.10000000000000001"],
    [-0.5, "-0.5"],
    [100, "100"],
    [1.5e10, "15000000000"],
    [1234.5678, "1234.5678"],
    [2 ** 53, "9007199254740992"],
    [1e16, "10000000000000000"],
    [1e17, "1e+17"],
    [1.5e300, "1.5000000000000001e+300"],
    [123456789012345680000, "1.2345678901234568e+20"],
    [0.0001, "0.0001"],
    [0.00012345, "0.00012344999999999999"],
    [0.00001, "1.0000000000000001e-05"],
    [1e-7, "9.9999999999999995e-08"],
    [5e-324, "4.9406564584124654e-324"],
    [Number.MAX_VALUE, "1.7976931348623157e+308"],
    [Number.POSITIVE_INFINITY, "inf"],
    [Number.NEGATIVE_INFINITY, "-inf"],
    [Number.NaN, "nan"],
  ];
  for (const [value, text] of spellings) {
    assert.equal(textFromDouble(value), text);
    assert.ok(Object.is(doubleFromText(text), value), text);
  }
});

test("halfway between two spellings the even one is taken", () => {
  assert.equal(textFromDouble(10_000_000_000_000.0625), "10000000000000.062");
  assert.equal(textFromDouble(-10_000_000_000_000.1875), "-10000000000000.188");
});

test("what spells no double is none", () => {
  for (const text of ["", "x", "1x", "1e", ".", "--1", "0x10", " 1", "Infinity", "NaN"]) {
    assert.equal(doubleFromText(text), undefined, text);
  }
});
