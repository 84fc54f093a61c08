import assert from "node:assert/strict";
import { test } from "node:test";
import { KnownChecksums } from "./known-checksums.ts";

const ONE = { high: 1, low: 7 };
/** In the place of `ONE`. */
const OTHER = { high: 2, low: 7 };

test("a checksum is known until another cell takes its place, or it is forgotten", () => {
  const known = new KnownChecksums();
  assert.equal(known.get(ONE), undefined);
  known.note(ONE, 0xffff_ffff);
  assert.equal(known.get(ONE), 0xffff_ffff);
  assert.equal(known.get(OTHER), undefined);

  known.note(OTHER, 5);
  assert.equal(known.get(ONE), undefined);
  known.forget(ONE);
  assert.equal(known.get(OTHER), 5, "only its own cell is forgotten");
  known.forget(OTHER);
  assert.equal(known.get(OTHER), undefined);

  known.note(ONE, 6);
  known.clear();
  assert.equal(known.get(ONE), undefined);
});

test("a place that was never used knows nothing of the key whose hash is zero", () => {
  assert.equal(new KnownChecksums().get({ high: 0, low: 0 }), undefined);
});
