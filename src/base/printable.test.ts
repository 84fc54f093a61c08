import assert from "node:assert/strict";
import { test } from "node:test";
import { printable } from "./printable.ts";

test("what steers a terminal, breaks a line or reorders text is escaped as JSON would", () => {
  const hostile = "\u001b[2J\u009b31m\r\n\t\u0000\u007f\u2028\u202e\u2066\ufeff\ud800";
  assert.match(printable(hostile), /^[\x20-\x7e]*$/);
  const json = JSON.stringify({ hostile });
  assert.deepEqual(JSON.parse(printable(json)), { hostile });
});

test("letters of any script, and pairs of surrogates, stay as they are", () => {
  for (const text of ["plain", "Grüße", "日本語", "😀", "█░●"]) assert.equal(printable(text), text);
});
