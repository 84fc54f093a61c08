import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../base/prng.ts";
import { KnownChecksums, PARTS, SETS_MAX, WAYS } from "./known-checksums.ts";

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

/** So many addresses, all different, over all parts or in one. */
function* addresses(count: number, highMax: number): Generator<{ high: number; low: number }> {
  const prng = new Prng(3);
  for (let index = 0; index < count; index += 1) {
    yield { high: prng.below(highMax), low: prng.below(2 ** 32) };
  }
}

test("it grows with what is noted, knows most of it, and never tells a checksum that is not the cell's", () => {
  const known = new KnownChecksums();
  const atFirst = known.bytes;
  const cells = [...addresses(200_000, 2 ** 32)].map((address, index) => ({
    address,
    checksum: index + 1,
  }));
  for (const { address, checksum } of cells) known.note(address, checksum);
  let found = 0;
  for (const { address, checksum } of cells) {
    const told = known.get(address);
    if (told !== undefined) found += 1;
    assert.ok(told === undefined || told === checksum);
  }
  assert.ok(found > 0.9 * cells.length, `${found} of ${cells.length}`);
  assert.ok(known.bytes < 30 * cells.length, `${known.bytes} bytes`);

  const before = known.bytes;
  for (const { address } of cells) known.forget(address);
  for (const { address, checksum } of cells.slice(0, 100_000)) known.note(address, checksum);
  assert.equal(known.bytes, before, "a place that was forgotten is free again");
  known.clear();
  assert.equal(known.bytes, atFirst);
  assert.equal(known.get(cells[0]?.address ?? ONE), undefined);
});

test("a part grows to its bound, and forgets beyond it", () => {
  const known = new KnownChecksums();
  const places = SETS_MAX * WAYS;
  // Of the first part alone.
  let checksum = 0;
  for (const address of addresses(2 * places, 2 ** 32 / PARTS)) known.note(address, ++checksum);
  const others = new KnownChecksums().bytes;
  assert.ok(known.bytes > 12 * places && known.bytes < 12 * places + others);
  const last = [...addresses(2 * places, 2 ** 32 / PARTS)].slice(-places);
  const found = last.filter((address) => known.get(address) !== undefined).length;
  assert.ok(found > places / 3, `${found} of the last ${places}`);
});

test("a checksum of 0 is not known", () => {
  const known = new KnownChecksums();
  known.note(ONE, 3);
  known.note(ONE, 0);
  assert.equal(known.get(ONE), undefined);
});

// Goal: an answer is what was noted last for that very address, or none, also after cells have moved between their two sets.
// Method: few addresses whose sets, or halves, coincide, noted, forgotten and asked for at random, beside a map that forgets nothing.
for (const [what, highs, lows] of [
  ["all in one set", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [7]],
  ["two sets of a part", [0, 1, 0xffff, 0xfffe, 0x8000, 0x8001], [0, 1, 0xffff_0000, 0xffff_0001]],
  ["equal halves", [5, 6, 0xff00_0005, 0xffff_ffff], [5, 6, 0x8000_0000, 0xffff_ffff]],
  [
    "enough to grow",
    Array.from({ length: 40 }, (_, i) => i * 1_601),
    Array.from({ length: 40 }, (_, i) => i * 107_374_182),
  ],
] as const) {
  test(`what is answered was noted last: ${what}`, () => {
    const prng = new Prng(11);
    const known = new KnownChecksums();
    const truth = new Map<string, number>();
    for (let turn = 0; turn < 60_000; turn += 1) {
      const high = highs[prng.below(highs.length)] as number;
      const low = lows[prng.below(lows.length)] as number;
      const name = `${high} ${low}`;
      const told = known.get({ high, low });
      assert.ok(told === undefined || told === truth.get(name), `turn ${turn}: ${name}`);
      if (prng.below(3) === 0) {
        known.forget({ high, low });
        truth.delete(name);
      } else {
        truth.set(name, 1 + turn);
        known.note({ high, low }, 1 + turn);
      }
    }
  });
}
