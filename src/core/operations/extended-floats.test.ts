import assert from "node:assert/strict";
import { test } from "node:test";
import { addDecimals } from "./extended-floats.ts";

/** The sum, or what is wrong with it. */
function add(a: string, b: string): string {
  const added = addDecimals(a, b);
  return "fault" in added ? added.fault : added.sum;
}

// As `%.17Lf` prints sums of `long double` on x86-64, which is what INCRBYFLOAT answers there, but for trailing zeros.
const SUMS: readonly (readonly [string, string, string])[] = [
  ["0", "1.23", "1.23"],
  ["1.23", "0.25", "1.48"],
  ["1", "-1.1", "-0.1"],
  ["1.5", "1.5", "3"],
  ["3", "-3", "0"],
  ["17179869184", "1.5", "17179869185.5"],
  ["3", "1e20", "100000000000000000000"],
  ["-0", "-0", "0"],
  ["5.0e3", "2.0e2", "5200"],
  ["0.1", "0.2", "0.3"],
  ["1e-18", "1e-18", "0"],
  ["+1", ".5", "1.5"],
  ["1.", "0", "1"],
  ["0x10", "3.0e3", "3016"],
  ["-0X1.8p1", "0x.8", "-2.5"],
  ["0x0", "0x1p-3", "0.125"],
];

test("sums are what the extended format gives, in 17 decimals at most", () => {
  for (const [a, b, sum] of SUMS) assert.equal(add(a, b), sum, `${a} + ${b}`);
});

test("what a number of 64 binary digits cannot hold shows as it does in Redis", () => {
  assert.equal(add("10000000000", "0.1"), "10000000000.09999999962747097");
  assert.equal(add("123456789.123456789", "1e-5"), "123456789.12346678900212282");
  assert.equal(add("1e18", "0.3"), "1000000000000000000.3125");
  assert.equal(add("9007199254740993", "0"), "9007199254740993");
});

test("what C reads as no number is none", () => {
  for (const text of [
    "",
    " 1",
    "1 ",
    "abc",
    "1e",
    "0x",
    "0x1g",
    "0x1p99999",
    "1,5",
    "--1",
    "nan",
    ".",
    "1e9999999",
  ]) {
    assert.equal(add("1", text), "not-a-float", text);
    assert.equal(add(text, "1"), "not-a-float", text);
  }
  assert.equal(add("1", "1e4999"), "not-a-float", "beyond the format");
  assert.equal(add("1", `1${"0".repeat(6_000)}`), "not-a-float", "longer than any number");
});

test("no sum is infinite", () => {
  assert.equal(add("1", "inf"), "not-finite");
  assert.equal(add("1e4932", "1e4932"), "not-finite");
});
