import assert from "node:assert/strict";
import { test } from "node:test";
import { parseContentType, SNIFF_JSON_BYTES_MAX, sniffContentType } from "./content-type.ts";

function sniff(value: string | Uint8Array): string {
  return sniffContentType(Buffer.from(value));
}

test("a form label and none are sniffed, any other is kept as it came", () => {
  for (const header of [
    undefined,
    "",
    "application/x-www-form-urlencoded",
    "Application/X-WWW-Form-Urlencoded; charset=a",
  ]) {
    assert.deepEqual(parseContentType(header), { label: undefined });
  }
  assert.deepEqual(parseContentType("text/HTML;  x=1"), { label: "text/HTML;  x=1" });
  assert.deepEqual(parseContentType("application/x-www-form-urlencoded2"), {
    label: "application/x-www-form-urlencoded2",
  });
});

test("a label that could not be sent back is refused", () => {
  assert.ok("kind" in parseContentType(`text/${"x".repeat(251)}`));
  assert.ok("kind" in parseContentType("text/plain\r\nX: y"));
  assert.ok("kind" in parseContentType("text/pl\u00e4in"));
});

test("JSON, then text, then bytes", () => {
  for (const text of ['{"name": "Jack"}', " [1]\n", "5", "-1e9", "null", '"x"']) {
    assert.equal(sniff(text), "application/json", text);
  }
  for (const text of ["", "hello", "{name: 1}", "true story", "\ufeff{}", "a=1&b=2"]) {
    assert.equal(sniff(text), "text/plain; charset=utf-8", text);
  }
  assert.equal(sniff(Uint8Array.of(0xff, 0xfe)), "application/octet-stream");
  // A surrogate half in UTF-8 is no text.
  assert.equal(sniff(Uint8Array.of(0xed, 0xa0, 0x80)), "application/octet-stream");
});

test("what is too large to parse is text even if it is JSON", () => {
  const text = `"${"x".repeat(SNIFF_JSON_BYTES_MAX)}"`;
  assert.equal(sniff(text), "text/plain; charset=utf-8");
  assert.equal(sniff(text.slice(0, SNIFF_JSON_BYTES_MAX - 1) + '"'), "application/json");
});
