import assert from "node:assert/strict";
import { test } from "node:test";
import { keyFault, parseField, parseKey, RESERVED_PREFIX } from "./key.ts";
import { FIELD_BYTES_MAX, KEY_BYTES_MAX } from "./limits.ts";

test("a key spelled like a fault is a key", () => {
  for (const spelled of ["empty", "too-long", "undefined"]) {
    assert.equal(parseKey(spelled), spelled);
    assert.equal(keyFault(spelled), undefined);
    assert.equal(parseField(spelled), spelled);
  }
});

test("a key has 1 to 32768 bytes, or fewer where the cluster is set lower", () => {
  assert.equal(parseKey(""), undefined);
  assert.equal(parseKey("k".repeat(KEY_BYTES_MAX))?.length, KEY_BYTES_MAX);
  assert.equal(parseKey("k".repeat(KEY_BYTES_MAX + 1)), undefined);
  assert.equal(keyFault(""), "empty");
  assert.equal(keyFault("kkk", 2), "too-long");
  assert.equal(keyFault("kk", 2), undefined);
});

test("keys of the store's own are none that a client may name, though peers may", () => {
  assert.equal(keyFault(`${RESERVED_PREFIX}x`), "reserved");
  assert.equal(parseKey(`${RESERVED_PREFIX}x`), `${RESERVED_PREFIX}x`);
  assert.equal(keyFault("\0\0dnd"), undefined);
});

test("a field may be empty and has at most 32768 bytes", () => {
  assert.equal(parseField(""), "");
  assert.equal(parseField("f".repeat(FIELD_BYTES_MAX + 1)), undefined);
});
