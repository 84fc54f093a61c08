import assert from "node:assert/strict";
import { test } from "node:test";
import { nameFromPath, nameFromText, nameOfListed, pathOf, shownName } from "./key-name.ts";

test("a key comes back from the address of its page, whatever it is", () => {
  for (const text of ["user1", "cart/7", "..", "?64=abc", "a b#c%", "<b>", "日本", " "]) {
    const name = nameFromText(text);
    assert.deepEqual(nameFromPath(pathOf(name)), name);
    assert.equal(Buffer.from(name.key64, "base64url").toString(), text);
  }
});

test("bytes that are no text are named in base64url", () => {
  const name = nameOfListed({ key64: "_w" });
  assert.deepEqual(nameFromPath(pathOf(name)), name);
  assert.equal(shownName(name), "base64:_w");
});

test("an address that names no key names none", () => {
  for (const path of ["", "%", "?64=", "?64=a b"]) assert.equal(nameFromPath(path), undefined);
});
