import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldKey, NOW_MS } from "../../../test/support/held-key.ts";
import { bytesFromBinary } from "../../base/binary.ts";
import type { RootCell } from "../../model/cell.ts";
import type { Operation } from "../../model/operation.ts";
import { compareStamps } from "../../model/stamp.ts";

const bytes = bytesFromBinary;
const hashSet = (...pairs: readonly (readonly [string, string])[]): Operation => ({
  kind: "hash-set",
  entries: pairs.map(([name, text]) => [name, bytes(text)]),
  when: "always",
});
const setAdd = (...members: readonly string[]): Operation => ({ kind: "set-add", members });
const REMOVE: Operation = { kind: "delete-if", condition: { kind: "exists" } };
const SET: Operation = {
  kind: "set",
  value: bytes("v"),
  expiry: 0,
  when: "always",
  wantsOld: false,
};

test("a hash takes fields, counts new ones, and gives them up", () => {
  const key = new HeldKey();
  assert.equal(key.apply(hashSet(["a", "1"], ["b", "2"], ["a", "3"])), "2");
  assert.equal(key.apply(hashSet(["a", "4"], ["c", ""])), "1");
  assert.deepEqual(key.names("hash"), ["a", "b", "c"]);
  assert.deepEqual([key.field("a"), key.field("c"), key.field("x")], ["4", "", undefined]);
  const setAbsent = { ...hashSet(["a", "5"]), when: "absent" } as Operation;
  assert.equal(key.apply(setAbsent), "0");
  assert.equal(key.field("a"), "4");
  assert.equal(key.apply({ kind: "hash-delete", names: ["a", "a", "x"] }), "1");
  assert.equal(key.field("a"), undefined);
  assert.equal(key.apply(setAbsent), "1");
});

test("a field's float is added as text", () => {
  const key = new HeldKey();
  const add = (delta: string): Operation => ({ kind: "hash-add-float", name: "f", delta });
  assert.equal(key.apply(add("1.5")), '"1.5"');
  assert.equal(key.apply(add("-0.1")), '"1.4"');
  key.apply(hashSet(["f", "x"]));
  assert.equal(key.apply(add("1")), "field-not-a-float");
  assert.equal(key.apply({ kind: "hash-add-float", name: "g", delta: "inf" }), "not-finite");
});

test("a set takes members, and gives them up", () => {
  const key = new HeldKey();
  assert.equal(key.apply(setAdd("a", "b", "a")), "2");
  assert.equal(key.apply(setAdd("b", "c")), "1");
  assert.deepEqual(key.changes(setAdd("a")), [], "nothing is written for what is there");
  assert.equal(key.apply({ kind: "set-remove", members: ["a", "x"] }), "1");
  assert.deepEqual(key.names("set"), ["b", "c"]);
  assert.equal(key.apply({ kind: "set-pop", count: 5 }).split(" ").toSorted().join(" "), "b c");
  assert.deepEqual(key.names("set"), []);
  assert.equal(key.apply({ kind: "set-pop", count: 5 }), "");
});

test("a container without anything in it does not exist, and what comes next begins a new key", () => {
  const key = new HeldKey();
  key.apply(hashSet(["a", "1"]));
  key.apply({ kind: "expire", expiresAtMs: NOW_MS + 50, when: "always" });
  key.apply({ kind: "hash-delete", names: ["a"] });
  assert.equal(key.apply(REMOVE), "condition-failed");
  assert.equal(key.apply(setAdd("m")), "1", "of another type, too");
  assert.equal(key.view().current?.expiresAtMs, 0);
  assert.deepEqual(key.names("set"), ["m"]);
});

test("one type is in the way of the others", () => {
  const hash = new HeldKey();
  hash.apply(hashSet(["a", "1"]));
  const set = new HeldKey();
  set.apply(setAdd("m"));
  const text = new HeldKey();
  text.apply(SET);
  for (const key of [set, text]) assert.equal(key.apply(hashSet(["a", "1"])), "wrong-type");
  for (const key of [hash, text]) assert.equal(key.apply(setAdd("m")), "wrong-type");
  for (const key of [hash, set]) {
    assert.equal(key.apply({ kind: "add", delta: 1n }), "wrong-type");
    assert.equal(key.apply({ kind: "take" }), "wrong-type");
    assert.equal(key.apply(SET), "done");
  }
});

test("what is added on two sides is all kept", () => {
  const one = new HeldKey("one");
  const two = new HeldKey("two");
  one.apply(hashSet(["a", "1"], ["both", "1"]));
  two.apply(hashSet(["b", "2"], ["both", "2"]));
  one.merge(two);
  two.merge(one);
  assert.deepEqual(one.names("hash"), ["a", "b", "both"]);
  assert.deepEqual(two.names("hash"), ["a", "b", "both"]);
  assert.equal(one.field("both"), "2");
  const removed = one.copy("three");
  removed.apply({ kind: "hash-delete", names: ["a"] });
  one.apply(hashSet(["c", "3"]));
  one.merge(removed);
  assert.deepEqual(one.names("hash"), ["b", "both", "c"]);
});

test("a delete takes what it knew of, and a field that is set later stands", () => {
  const one = new HeldKey("one");
  one.apply(hashSet(["a", "1"]));
  const two = one.copy("two");
  one.apply(REMOVE);
  two.apply(hashSet(["b", "2"]));
  one.merge(two);
  assert.deepEqual(one.names("hash"), ["b"]);
  const three = one.copy("three");
  one.apply(hashSet(["c", "3"]));
  three.apply(REMOVE);
  one.merge(three);
  assert.deepEqual(one.names("hash"), [], "set before the delete, on the other side");
});

test("of two types begun on two sides the later one is the key", () => {
  const one = new HeldKey("one");
  const two = new HeldKey("two");
  one.apply(setAdd("m"));
  two.apply(hashSet(["a", "1"]));
  one.merge(two);
  two.merge(one);
  assert.deepEqual(one.names("hash"), ["a"]);
  assert.equal(two.apply(setAdd("n")), "wrong-type");
});

test("an emptied container of another type does not let go of what it hid", () => {
  const one = new HeldKey("one");
  const two = new HeldKey("two");
  one.apply(hashSet(["old", "1"]));
  two.apply(setAdd("m"));
  one.merge(two);
  assert.deepEqual(one.names("set"), ["m"]);
  one.apply({ kind: "set-remove", members: ["m"] });
  one.apply(hashSet(["new", "1"]));
  assert.deepEqual(one.names("hash"), ["new"]);
});

test("what replaces a key leaves nothing of it, and clears no field of its own", () => {
  const key = new HeldKey();
  key.apply(hashSet(["a", "1"], ["b", "2"]));
  const entries = [["b", bytes("3")]] as const;
  const hash = { kind: "hash-replace", entries, expiresAtMs: NOW_MS + 9, when: "always" } as const;
  const set = { kind: "set-replace", members: ["m", "n"], expiresAtMs: 0, when: "always" } as const;
  assert.equal(key.apply(hash), "1");
  assert.deepEqual(key.names("hash"), ["b"]);
  assert.equal(key.view().current?.expiresAtMs, NOW_MS + 9);
  assert.equal(key.apply({ ...set, when: "absent" }), "none");
  assert.equal(key.apply({ ...hash, when: "absent" }), "none");
  assert.deepEqual(key.names("hash"), ["b"]);
  assert.equal(key.apply(set), "2");
  assert.deepEqual(key.names("set"), ["m", "n"]);
  assert.equal(key.apply({ ...set, members: [] }), "0");
  assert.equal(key.view().current, undefined);
  assert.equal(key.apply({ ...hash, when: "absent" }), "1");
  assert.deepEqual(key.names("hash"), ["b"]);
});

test("every field set states the root anew, as it was read", () => {
  const key = new HeldKey();
  key.apply(hashSet(["a", "1"]));
  key.apply({ kind: "expire", expiresAtMs: NOW_MS + 50, when: "always" });
  const before = key.view().root as RootCell;
  const after = key.changes(hashSet(["b", "1"]))[0]?.cell as RootCell;
  assert.ok(compareStamps(after.stamp, before.stamp) > 0);
  assert.deepEqual([after.expiresAtMs, after.cleared], [before.expiresAtMs, before.cleared]);
});

// Goal: what touches many fields takes time in their number, not in its square.
// Method: as many fields as one write may have, a few of them counted for. Squared, each step takes minutes.
test("operations on as many fields as there may be come to an end", () => {
  const key = new HeldKey();
  const count = 65_536;
  const names = Array.from({ length: count }, (_, index) => `f${index}`);
  const all = hashSet(...names.map((name) => [name, "1"] as const));
  assert.equal(key.apply(all), String(count));
  for (const name of names.slice(0, 4)) key.apply({ kind: "hash-add", name, delta: 1n });
  assert.equal(key.apply(all), "0");
  assert.equal(key.field("f0"), "1");
  assert.equal(key.apply({ kind: "hash-delete", names }), String(count));
  assert.deepEqual(key.names("hash"), []);
});
