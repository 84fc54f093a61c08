import assert from "node:assert/strict";
import { test } from "node:test";
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
