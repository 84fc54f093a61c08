import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../base/prng.ts";
import { KnownChecksums, WAYS } from "./known-checksums.ts";

const ONE = { high: 1, low: 7 };
/** In the same set of places as `ONE`. */
const OTHER = { high: 2, low: 7 };

test("a checksum is known until it is noted anew, or forgotten", () => {
  const known = new KnownChecksums();
  assert.equal(known.get(ONE), undefined);
  known.note(ONE, 0xffff_ffff);
  assert.equal(known.get(ONE), 0xffff_ffff);
  assert.equal(known.get(OTHER), undefined);

  known.note(OTHER, 5);
  known.note(ONE, 6);
  assert.deepEqual([known.get(ONE), known.get(OTHER)], [6, 5]);
  known.forget(ONE);
  assert.deepEqual([known.get(ONE), known.get(OTHER)], [undefined, 5], "only its own cell");
  known.note(ONE, 7);
  known.clear();
  assert.deepEqual([known.get(ONE), known.get(OTHER)], [undefined, undefined]);
});

test("a full set of places takes the next cell in the place of one, and never tells the checksum of another", () => {
  const prng = new Prng(1);
  const known = new KnownChecksums();
  const truth = new Map<number, number>();
  let found = 0;
  for (let turn = 0; turn < 10_000; turn += 1) {
    const high = prng.below(2 * WAYS);
    const address = { high, low: 7 };
    const told = known.get(address);
    if (told !== undefined) {
      assert.equal(told, truth.get(high));
      found += 1;
    }
    const checksum = 1 + prng.below(1_000);
    truth.set(high, checksum);
    known.note(address, checksum);
    assert.equal(known.get(address), checksum, "what was noted last is known");
  }
  assert.ok(
    found > 3_000 && found < 7_000,
    `${found} of 10 000 were still known, of half that fit`,
  );
});

test("a place that was never used knows nothing of the key whose hash is zero", () => {
  assert.equal(new KnownChecksums().get({ high: 0, low: 0 }), undefined);
});
