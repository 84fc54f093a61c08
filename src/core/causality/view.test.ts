import assert from "node:assert/strict";
import { test } from "node:test";
import type { FieldCell, RootCell } from "../../model/cell.ts";
import { bootIdFrom } from "../../model/ids.ts";
import type { Field } from "../../model/key.ts";
import { lastStampOf, NO_STAMP, stampFrom } from "../../model/stamp.ts";
import { clearedOf, heldAtField, heldAtRoot, isExpired, visibleKey, visibleRoot } from "./view.ts";

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

function field(name: string, over: Partial<FieldCell>): readonly [Field, FieldCell] {
  const cell: FieldCell = {
    kind: "field",
    stamp: at(20),
    type: "hash",
    expiresAtMs: 0,
    since: NO_STAMP,
    payload: Uint8Array.of(1),
    ...over,
  };
  return [name as Field, cell];
}

function namesOf(key: ReturnType<typeof visibleKey>): string[] | undefined {
  return key?.fields.map(([name]) => name);
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

test("a flush hides roots and fields at or below its floor", () => {
  assert.equal(visibleRoot(root({ stamp: at(10) }), NOW, at(10)), undefined);
  assert.notEqual(visibleRoot(root({ stamp: at(11) }), NOW, at(10)), undefined);
  const fields = [field("old", { stamp: at(20) }), field("new", { stamp: at(31) })];
  assert.deepEqual(namesOf(visibleKey(container(), fields, NOW, at(30))), ["new"]);
});

test("a field is seen above `cleared` and in the root's type", () => {
  const fields = [
    field("cleared", { stamp: at(30) }),
    field("seen", { stamp: at(31) }),
    field("set member", { stamp: at(40), type: "set" }),
    field("removed", { stamp: at(40), kind: "field-tombstone" }),
    field("expired", { stamp: at(40), expiresAtMs: NOW - 1 }),
  ];
  const key = visibleKey(container({ stamp: at(30), cleared: at(30) }), fields, NOW);
  assert.deepEqual(namesOf(key), ["seen"]);
  assert.equal(key?.type, "hash");
});

test("a container without a visible field does not exist, unless it holds a number itself", () => {
  assert.equal(visibleKey(container(), [], NOW), undefined);
  const gone = [field("gone", { kind: "field-tombstone" })];
  assert.equal(visibleKey(container(), gone, NOW), undefined);
  const number = container({ type: "counter", payload: Uint8Array.of(5) });
  assert.equal(visibleKey(number, [], NOW)?.root, number);
});

test("a value does not need fields, and shows none of other types", () => {
  const key = visibleKey(root({}), [field("f", {})], NOW);
  assert.deepEqual([key?.type, namesOf(key)], ["string", []]);
});

test("fields newer than a tombstone revive the key, in the type of the greatest", () => {
  const deleted = root({ kind: "tombstone", stamp: at(30), cleared: at(30) });
  const fields = [
    field("before", { stamp: at(29), type: "set" }),
    field("hash", { stamp: at(40), type: "hash" }),
    field("member", { stamp: at(50), type: "set" }),
  ];
  const key = visibleKey(deleted, fields, NOW);
  assert.deepEqual([key?.type, namesOf(key), key?.root], ["set", ["member"], undefined]);
  assert.deepEqual(visibleKey(deleted, fields.toReversed(), NOW), key);
  assert.equal(visibleKey(deleted, fields.slice(0, 1), NOW), undefined);
});

test("what revives is what is seen: a removed or expired field decides no type", () => {
  const deleted = root({ kind: "tombstone", stamp: at(30), cleared: at(30) });
  const fields = [
    field("seen", { stamp: at(40) }),
    field("removed", { stamp: at(50), type: "set", kind: "field-tombstone" }),
    field("expired", { stamp: at(60), type: "set", expiresAtMs: 1 }),
  ];
  assert.deepEqual(namesOf(visibleKey(deleted, fields, NOW)), ["seen"]);
});

test("equal stamps of two types revive the same type in either order", () => {
  const fields = [field("a", { stamp: at(40), type: "set" }), field("b", { stamp: at(40) })];
  const forth = visibleKey(undefined, fields, NOW);
  assert.deepEqual(visibleKey(undefined, fields.toReversed(), NOW), forth);
  assert.equal(forth?.type, "set");
});

test("a counter's cell counts only over the `cleared` it was begun under", () => {
  const counter = container({ type: "counter", stamp: at(30), cleared: at(30) });
  const fields = [
    field("under", { type: "counter", stamp: at(40), since: at(30) }),
    field("before", { type: "counter", stamp: at(40), since: NO_STAMP }),
  ];
  assert.deepEqual(namesOf(visibleKey(counter, fields, NOW)), ["under"]);
  const deleted = root({ kind: "tombstone", stamp: at(30), cleared: at(30) });
  assert.deepEqual(namesOf(visibleKey(deleted, fields, NOW)), ["under"]);
  assert.equal(visibleKey(deleted, fields.slice(1), NOW), undefined);
  // After a flush nothing counts that was begun before it.
  assert.equal(visibleKey(counter, fields, NOW, at(35)), undefined);
});

test("an expired root hides the fields of its time, not those after it", () => {
  const expired = container({ expiresAtMs: 500 });
  const fields = [field("within", { stamp: at(500) }), field("after", { stamp: at(501) })];
  assert.deepEqual(namesOf(visibleKey(expired, fields, 500)), ["within", "after"]);
  assert.deepEqual(namesOf(visibleKey(expired, fields, 501)), ["after"]);
});

test("what is held is the greatest of the cell, what was cleared, and the flush floor", () => {
  const [, cell] = field("f", { stamp: at(20) });
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
