import assert from "node:assert/strict";
import { test } from "node:test";
import type { FieldCell, RootCell } from "../../model/cell.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../../model/stamp.ts";
import { hiddenDueMs, isFieldCollectable, isRootCollectable } from "./collectable.ts";

function at(ms: number): Stamp {
  return stampFrom(ms, 0, 0);
}

function root(kind: RootCell["kind"], ms: number, change: Partial<RootCell> = {}): RootCell {
  return {
    kind,
    stamp: at(ms),
    type: "hash",
    expiresAtMs: 0,
    cleared: NO_STAMP,
    contentType: "",
    payload: new Uint8Array(0),
    ...change,
  };
}

function field(ms: number, change: Partial<FieldCell> = {}): FieldCell {
  return {
    kind: "field",
    stamp: at(ms),
    type: "hash",
    expiresAtMs: 0,
    since: NO_STAMP,
    payload: new Uint8Array(0),
    ...change,
  };
}

test("a tombstone goes at its stamp, a value never", () => {
  assert.equal(isRootCollectable(root("tombstone", 50), at(50), true), true);
  assert.equal(isRootCollectable(root("tombstone", 51), at(50), false), false);
  assert.equal(isRootCollectable(root("value", 10), at(50), false), false);
  assert.equal(isRootCollectable(root("container", 10), at(50), true), false);
});

test("the root of a hash or set goes with its last field, that of a counter holds a number", () => {
  assert.equal(isRootCollectable(root("container", 10), at(50), false), true);
  assert.equal(isRootCollectable(root("container", 51), at(50), false), false);
  assert.equal(isRootCollectable(root("container", 10, { cleared: at(51) }), at(50), false), false);
  assert.equal(isRootCollectable(root("container", 10, { type: "counter" }), at(50), false), false);
});

test("a field has the moment at which its root hid it", () => {
  const cleared = root("value", 40, { cleared: at(40) });
  assert.equal(hiddenDueMs(at(40), cleared), 40);
  assert.equal(hiddenDueMs(at(41), cleared), Number.POSITIVE_INFINITY);
  assert.equal(hiddenDueMs(at(1), undefined), Number.POSITIVE_INFINITY);
});

test("a root that cleared beyond C stays: it hides what may still come", () => {
  assert.equal(isRootCollectable(root("tombstone", 40, { cleared: at(60) }), at(50), false), false);
});

test("what expires goes only when its stamp and all of its last millisecond are at or below C", () => {
  const expiring = root("value", 10, { expiresAtMs: 50 });
  assert.equal(
    isRootCollectable(expiring, at(50), false),
    false,
    "the millisecond of the expiry is not over",
  );
  assert.equal(isRootCollectable(expiring, at(51), true), true);
  assert.equal(isRootCollectable(root("value", 90, { expiresAtMs: 50 }), at(60), false), false);
});

test("a field goes as a tombstone, by its expiry, or hidden by what its root cleared up to C", () => {
  const cleared = root("container", 40, { cleared: at(30) });
  assert.equal(isFieldCollectable(field(20, { kind: "field-tombstone" }), undefined, at(50)), true);
  assert.equal(isFieldCollectable(field(20, { expiresAtMs: 40 }), undefined, at(50)), true);
  assert.equal(isFieldCollectable(field(30), cleared, at(50)), true);
  assert.equal(isFieldCollectable(field(31), cleared, at(50)), false);
  assert.equal(isFieldCollectable(field(20), undefined, at(50)), false);
});

test("a field hidden by a root that cleared beyond C stays until C gets there", () => {
  const cleared = root("tombstone", 60, { cleared: at(60) });
  assert.equal(isFieldCollectable(field(20), cleared, at(50)), false);
  assert.equal(isFieldCollectable(field(20), cleared, at(60)), true);
});

test("an expired root hides its fields up to its expiry, once C is past it", () => {
  const expired = root("container", 10, { expiresAtMs: 40 });
  assert.equal(isFieldCollectable(field(20), expired, at(50)), true);
  assert.equal(isFieldCollectable(field(45), expired, at(50)), false);
});
