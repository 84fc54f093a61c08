import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../base/prng.ts";
import { KeyLocks, keyHashes } from "./key-locks.ts";

function words(text: string): Uint8Array[] {
  return text.split(" ").map((word) => Buffer.from(word));
}

test("keys are found where the positions say, and where a count says how many there are", () => {
  const hashOf = (key: string) => keyHashes(words(`get ${key}`), { first: 1, last: 1, step: 1 })[0];
  const mset = keyHashes(words("mset a 1 b 2"), { first: 1, last: -1, step: 2 });
  assert.deepEqual(mset, [hashOf("a"), hashOf("b")]);

  const counted = { first: 2, last: 0, step: 1, countAt: 1 };
  assert.deepEqual(keyHashes(words("sintercard 2 a b LIMIT 1"), counted), mset);
  assert.deepEqual(keyHashes(words("sintercard 9 a b"), counted), mset);
  assert.deepEqual(keyHashes(words("sintercard x a b"), counted).length <= 2, true);
  assert.deepEqual(keyHashes(words("sintercard"), counted), []);
  assert.deepEqual(keyHashes(words("ping"), undefined), []);
});

test("many may read a key, one write it", () => {
  const locks = new KeyLocks();
  locks.take([1, 2, 2], false);
  locks.take([1], false);
  assert.ok(locks.isFree([1], false));
  assert.ok(!locks.isFree([3, 1], true));
  locks.release([1, 2, 2], false);
  assert.ok(!locks.isFree([1], true));
  assert.ok(locks.isFree([2], true));
  locks.release([1], false);
  locks.take([1, 1], true);
  assert.ok(!locks.isFree([1], false));
  locks.release([1, 1], true);
  assert.ok(locks.isFree([1], true));
});

test("as many keys as come and go, among those that stay", () => {
  const prng = new Prng(7);
  const locks = new KeyLocks();
  /** Of each hash: readers, or -1. */
  const expected = new Map<number, number>();
  const taken: { readonly hashes: readonly number[]; readonly isWriter: boolean }[] = [];
  let [granted, refused] = [0, 0];
  for (let turn = 0; turn < 20_000; turn += 1) {
    const isFilling = turn % 4_000 < 2_000;
    if (taken.length > 0 && (taken.length > 400 || prng.below(10) < (isFilling ? 3 : 7))) {
      const [{ hashes, isWriter }] = taken.splice(prng.below(taken.length), 1) as [
        (typeof taken)[0],
      ];
      locks.release(hashes, isWriter);
      for (const hash of hashes) {
        const left = isWriter ? 0 : (expected.get(hash) ?? 0) - 1;
        if (left <= 0) expected.delete(hash);
        else expected.set(hash, left);
      }
      continue;
    }
    const isWriter = prng.below(2) === 0;
    const count = prng.below(100) === 0 ? 3_000 : 1 + prng.below(3);
    // Hashes are integers of 32 bits with a sign, as they are made; few, so that they meet, and some beside each other.
    const hashes = Array.from({ length: count }, () =>
      prng.below(2) === 0 ? -prng.below(600) : Math.imul(prng.below(600), 0x9e3779b1),
    );
    const isFree = hashes.every((hash) => {
      const holders = expected.get(hash);
      return holders === undefined || (!isWriter && holders > 0);
    });
    assert.equal(locks.isFree(hashes, isWriter), isFree);
    if (isFree) granted += 1;
    else refused += 1;
    if (!isFree) continue;
    locks.take(hashes, isWriter);
    taken.push({ hashes, isWriter });
    for (const hash of hashes) expected.set(hash, isWriter ? -1 : (expected.get(hash) ?? 0) + 1);
  }
  assert.ok(granted > 1_000 && refused > 1_000, `${granted} granted, ${refused} refused`);
  for (const { hashes, isWriter } of taken) locks.release(hashes, isWriter);
  assert.ok(locks.isFree([...expected.keys()], true));
});
