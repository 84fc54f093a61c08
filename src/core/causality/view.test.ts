import assert from "node:assert/strict";
import { test } from "node:test";
import type { FieldCell, RootCell } from "../../model/cell.ts";
import { bootIdFrom } from "../../model/ids.ts";
import { lastStampOf, NO_STAMP, stampFrom } from "../../model/stamp.ts";
import {
  clearedOf,
  heldAtField,
  heldAtRoot,
  isClearing,
  isExpired,
  isFieldLive,
  visibleRoot,
} from "./view.ts";

const NOW = 1_000;
const at = (ms: number) => stampFrom(ms, 0, bootIdFrom(7));

function root(over: Partial<RootCell>): RootCell {
  return {
    kind: "value",
    stamp: at(10),
    type: "string",
    expiresAtMs: 0,
    cleared: NO_STAMP,
    contentType: "",
    payload: Uint8Array.of(1),
    ...over,
  };
}

function container(over: Partial<RootCell> = {}): RootCell {
  return root({ kind: "container", type: "hash", payload: new Uint8Array(), ...over });
}

function field(over: Partial<FieldCell>): FieldCell {
  return {
    kind: "field",
    stamp: at(20),
    type: "hash",
    expiresAtMs: 0,
    since: NO_STAMP,
    payload: Uint8Array.of(1),
    ...over,
  };
}

test("a value is seen, a tombstone is not", () => {
  const value = root({});
  assert.equal(visibleRoot(value, NOW), value);
  assert.equal(visibleRoot(root({ kind: "tombstone" }), NOW), undefined);
  assert.equal(visibleRoot(undefined, NOW), undefined);
});

test("a cell lives through the millisecond of its expiry, and not beyond", () => {
  const value = root({ expiresAtMs: NOW });
  assert.equal(visibleRoot(value, NOW), value);
  assert.equal(visibleRoot(value, NOW + 1), undefined);
  assert.equal(isExpired(root({ expiresAtMs: 0 }), NOW), false);
});

test("a write stamped in the first millisecond after an expiry is above all that it cleared", () => {
  const value = root({ expiresAtMs: NOW });
  const firstMs = NOW + 1;
  assert.ok(isExpired(value, firstMs));
  assert.deepEqual(heldAtRoot(value, NO_STAMP, firstMs), lastStampOf(NOW));
  assert.ok(firstMs > lastStampOf(NOW).ms);
});

test("a flush hides roots at or below its floor", () => {
  assert.equal(visibleRoot(root({ stamp: at(10) }), NOW, at(10)), undefined);
  assert.notEqual(visibleRoot(root({ stamp: at(11) }), NOW, at(10)), undefined);
});

test("a field is live above what was cleared, until it is removed or expires", () => {
  const isLive = (over: Partial<FieldCell>): boolean => isFieldLive(field(over), at(30), NOW);
  assert.equal(isLive({ stamp: at(30) }), false);
  assert.equal(isLive({ stamp: at(31) }), true);
  assert.equal(isLive({ stamp: at(40), kind: "field-tombstone" }), false);
  assert.equal(isLive({ stamp: at(40), expiresAtMs: NOW - 1 }), false);
});

test("an expired root hides the fields of its time, not those after it", () => {
  const expired = container({ expiresAtMs: 500 });
  const isLive = (ms: number, nowMs: number): boolean =>
    isFieldLive(field({ stamp: at(ms) }), clearedOf(expired, nowMs), nowMs);
  assert.deepEqual([isLive(500, 500), isLive(501, 500)], [true, true]);
  assert.deepEqual([isLive(500, 501), isLive(501, 501)], [false, true]);
});

test("a root clears when nothing below it is left, be it for the fields of its own stamp", () => {
  assert.equal(isClearing(root({ stamp: at(10), cleared: at(10) })), true);
  assert.equal(
    isClearing(container({ stamp: at(10), cleared: stampFrom(10, 0, bootIdFrom(6)) })),
    true,
  );
  assert.equal(isClearing(container({ stamp: at(10), cleared: at(9) })), false);
  assert.equal(isClearing(container({ stamp: at(10) })), false);
});

test("what is held is the greatest of the cell, what was cleared, and the flush floor", () => {
  const cell = field({ stamp: at(20) });
  assert.deepEqual(heldAtField(container(), cell, NO_STAMP, NOW), at(20));
  assert.deepEqual(heldAtField(container({ cleared: at(25) }), cell, NO_STAMP, NOW), at(25));
  assert.deepEqual(heldAtField(container(), cell, at(30), NOW), at(30));
  assert.deepEqual(heldAtField(container({ expiresAtMs: 40 }), cell, at(30), NOW), lastStampOf(40));
  assert.deepEqual(heldAtField(container({ stamp: at(90) }), undefined, NO_STAMP, NOW), NO_STAMP);
  assert.deepEqual(heldAtRoot(root({ stamp: at(90) }), at(30), NOW), at(90));
  assert.deepEqual(heldAtRoot(root({ stamp: at(20) }), at(30), NOW), at(30));
  assert.deepEqual(heldAtRoot(undefined, at(30), NOW), at(30));
  assert.deepEqual(clearedOf(undefined, NOW), NO_STAMP);
});
