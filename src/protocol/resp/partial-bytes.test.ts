import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../base/assert.ts";
import { PartialBytes } from "./partial-bytes.ts";

test("pieces come out in one", () => {
  const partial = new PartialBytes(10);
  assert.equal(partial.first, undefined);
  partial.append(Buffer.from("abcdef"), 1, 3);
  partial.append(Buffer.from("xyz"), 0, 3);
  assert.equal(partial.first, "b".charCodeAt(0));
  assert.equal(partial.finish().toString(), "bcxyz");
});

test("memory follows what has arrived, up to the bound", () => {
  const partial = new PartialBytes(1_000_000);
  const piece = Buffer.alloc(1_000, "p");
  let growths = 0;
  for (let count = 1; count <= 1_000; count += 1) {
    const before = partial.capacity;
    partial.append(piece, 0, piece.length);
    if (partial.capacity > before) growths += 1;
    assert.ok(partial.capacity <= Math.max(1_024, 2 * partial.length));
  }
  assert.equal(partial.capacity, 1_000_000, "the last buffer has just the length of the bound");
  assert.ok(growths <= 11, `each byte is copied few times: ${growths} growths`);
});

test("more than the bound is our own mistake", () => {
  const partial = new PartialBytes(2);
  assert.throws(() => partial.append(Buffer.from("abc"), 0, 3), AssertionError);
});
