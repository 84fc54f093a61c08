import assert from "node:assert/strict";
import { test } from "node:test";
import { matchesGlob } from "./glob.ts";

function check(pattern: string, matching: readonly string[], others: readonly string[]): void {
  for (const text of matching) assert.ok(matchesGlob(pattern, text), `${pattern} matches ${text}`);
  for (const text of others) assert.ok(!matchesGlob(pattern, text), `${pattern} passes ${text}`);
}

test("letters stand for themselves, and all of the text counts", () => {
  check("key", ["key"], ["ke", "keys", "KEY", ""]);
  check("", [""], ["a"]);
});

test("a star stands for any bytes, a question mark for one", () => {
  check("*", ["a", "abc"], [""]);
  check("a*", ["a", "abc"], ["ba"]);
  check("*c", ["c", "abc", "cc"], ["cb"]);
  check("a**b*c", ["abc", "aXbYc", "abbc"], ["ab", "acb"]);
  check("h?llo", ["hello", "h*llo"], ["hllo", "heello"]);
  check("?", ["a"], ["", "ab"]);
});

test("what follows a star is looked for further on when it was met too early", () => {
  check("*ab", ["aab", "abab"], ["aba"]);
  check("a*b*cd", ["abxcxcd"], ["abcdx"]);
});

test("a class is one of its bytes, a negated one any other", () => {
  check("[abc]", ["a", "c"], ["d", "ab", ""]);
  check("[^abc]", ["d"], ["a", ""]);
  check("[a-c]x", ["ax", "bx"], ["dx", "-x"]);
  check("[c-a]", ["b"], ["d", "-"]);
  check("[\x80-\xff]", ["\xa0"], ["\x7f"]);
});

test("a class takes signs of its own for bytes where they have no meaning", () => {
  check("[\\]]", ["]"], ["\\"]);
  check("[\\a-]", ["a", "-"], ["\\", "b"]);
  check("[]a", [], ["]a", "a"]);
  check("[^]a", ["xa"], ["a"]);
  check("[a-]b", ["a", "]", "b"], ["-"]);
});

test("a class that is not closed ends with the pattern", () => {
  check("[ab", ["a", "b"], ["ab", "c"]);
  check("[", [], ["[", "a"]);
  check("[^", ["a"], [""]);
  check("x[\\", ["x\\"], ["x"]);
});

test("a backslash takes away the meaning of what follows it", () => {
  check("\\*", ["*"], ["a", "\\*"]);
  check("\\?\\[", ["?["], ["a["]);
  check("a\\", ["a\\"], ["a"]);
  check("\\a", ["a"], ["\\a"]);
});

test("patterns may be given as bytes, any bytes", () => {
  assert.ok(matchesGlob(Uint8Array.of(0, 0x2a, 0xff), "\x00abc\xff"));
});

// Goal: no pattern makes the work explode. Method: one that a recursive matcher needs 2^30 steps for is done at all.
test("many stars before a byte that is not there are no more work than one", () => {
  assert.ok(!matchesGlob(`${"a*".repeat(30)}b`, "a".repeat(30_000)));
});
