import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldKey, NOW_MS } from "../../../test/support/held-key.ts";
import { bytesFromBinary } from "../../base/binary.ts";
import type { RootCell } from "../../model/cell.ts";
import type { Operation } from "../../model/operation.ts";

const add = (delta: bigint): Operation => ({ kind: "add", delta });
const hashAdd = (delta: bigint, name = "f"): Operation => ({ kind: "hash-add", name, delta });
const bytes = bytesFromBinary;
const set = (text: string): Operation => ({
  kind: "set",
  value: bytes(text),
  expiry: 0,
  when: "always",
  wantsOld: false,
});
const hashSet = (name: string, text: string): Operation => ({
  kind: "hash-set",
  entries: [[name, bytes(text)]],
  when: "always",
});
const REMOVE: Operation = { kind: "delete-if", condition: { kind: "exists" } };

test("numbers are added in 64 bits, and no further", () => {
  const key = new HeldKey();
  assert.equal(key.apply(add(5n)), "5");
  assert.equal(key.apply(add(-7n)), "-2");
  assert.equal(key.text(), "-2");
  key.apply(set("9223372036854775807"));
  assert.equal(key.apply(add(0n)), "9223372036854775807");
  assert.equal(key.apply(add(1n)), "overflow");
  key.apply(set("-9223372036854775808"));
  assert.equal(key.apply(add(-1n)), "overflow");
  for (const text of ["", "abc", " 1", "1 ", "01", "+1", "-0", "1.0", "9223372036854775808"]) {
    key.apply(set(text));
    assert.equal(key.apply(add(1n)), "not-an-integer", text);
    assert.equal(key.text(), text);
  }
});

test("what one node adds may be more than what all come to", () => {
  const key = new HeldKey();
  const greatest = 9223372036854775807n;
  key.apply(set("-9223372036854775808"));
  assert.equal(key.apply(add(greatest)), "-1");
  assert.equal(key.apply(add(greatest)), "9223372036854775806");
  assert.equal(key.apply(add(1n)), "9223372036854775807");
  assert.equal(key.apply(add(1n)), "overflow");
  const one = new HeldKey("one");
  const two = new HeldKey("two");
  one.apply(add(greatest));
  two.apply(add(greatest));
  one.merge(two);
  assert.equal(one.text(), "18446744073709551614", "nothing acknowledged is lost");
  assert.equal(one.apply(add(1n)), "overflow");
  assert.equal(one.apply(add(-greatest)), "9223372036854775807");
});

test("a counter begun over a number keeps the number's time, and is a string to everybody", () => {
  const key = new HeldKey();
  key.apply({ ...set("10"), expiry: NOW_MS + 50 } as Operation);
  assert.equal(key.apply(add(5n)), "15");
  assert.equal(key.view().current?.expiresAtMs, NOW_MS + 50);
  assert.equal(key.apply({ kind: "append", bytes: bytes("0") }), "3");
  assert.equal(key.text(), "150");
  assert.equal(key.apply(add(1n)), "151");
  assert.equal(key.apply({ kind: "take" }), '"151"');
  assert.equal(key.text(), undefined);
  assert.equal(key.apply(add(1n)), "1", "what was counted before the key was taken is gone");
});

test("what is added on two sides is all kept, and merging twice adds nothing", () => {
  const one = new HeldKey("one");
  one.apply(set("100"));
  const two = one.copy("two");
  for (let index = 0; index < 5; index += 1) one.apply(add(1n));
  for (let index = 0; index < 3; index += 1) two.apply(add(-10n));
  one.merge(two);
  two.merge(one);
  one.merge(two);
  assert.equal(one.text(), "75");
  assert.equal(two.text(), "75");
  assert.equal(one.apply(add(1n)), "76");
});

test("both sides may begin the same counter, from nothing", () => {
  const one = new HeldKey("one");
  const two = new HeldKey("two");
  one.apply(add(2n));
  two.apply(add(3n));
  one.merge(two);
  assert.equal(one.text(), "5");
  assert.equal(one.apply(add(1n)), "6");
});

test("a set or a delete takes along the additions that it did not know of", () => {
  for (const wipe of [set("7"), REMOVE]) {
    const one = new HeldKey("one");
    one.apply(add(1n));
    const two = one.copy("two");
    one.apply(wipe);
    two.apply(add(1n));
    two.apply(add(1n));
    one.merge(two);
    assert.equal(one.text(), wipe === REMOVE ? undefined : "7");
    two.merge(one);
    assert.equal(two.apply(add(1n)), wipe === REMOVE ? "1" : "8");
  }
});

test("additions begun after a delete do not bring back those from before it", () => {
  const one = new HeldKey("one");
  one.apply(add(50n));
  const two = one.copy("two");
  one.apply(REMOVE);
  one.apply(add(1n));
  two.apply(add(1n));
  one.merge(two);
  assert.equal(one.text(), "1");
});

test("a node that knows more of its own cell than a quorum adds to that", () => {
  const key = new HeldKey("me");
  key.apply(add(1n));
  const epoch = key.view().epoch();
  key.own = { epoch, base: undefined, sum: 40n };
  key.apply(add(2n));
  assert.equal(key.text(), "42");
});

test("fields of hashes count likewise", () => {
  const one = new HeldKey("one");
  one.apply(hashSet("f", "10"));
  const two = one.copy("two");
  assert.equal(one.apply(hashAdd(1n)), "11");
  assert.equal(two.apply(hashAdd(2n)), "12");
  assert.equal(two.apply(hashAdd(5n, "other")), "5");
  one.merge(two);
  assert.equal(one.field("f"), "13");
  assert.equal(one.field("other"), "5");
  assert.equal(one.apply(hashAdd(1n)), "14");
  assert.equal(one.apply(hashSet("f", "x")), "0");
  assert.equal(one.field("f"), "x");
  assert.equal(one.apply(hashAdd(1n)), "field-not-an-integer");
  assert.equal(one.apply(hashSet("f", "9223372036854775807")), "0");
  assert.equal(one.apply(hashAdd(1n)), "overflow");
});

test("a field that was removed, or set, counts from there", () => {
  const one = new HeldKey("one");
  one.apply(hashAdd(10n));
  const two = one.copy("two");
  one.apply({ kind: "hash-delete", names: ["f"] });
  assert.equal(one.field("f"), undefined);
  two.apply(hashAdd(1n));
  one.apply(hashAdd(3n));
  one.merge(two);
  assert.equal(one.field("f"), "3");
  assert.equal(one.apply(hashSet("f", "7")), "0");
  assert.equal(one.apply(hashAdd(1n)), "8");
});

test("what counts is sent with the root it was read under, and that root is not changed by it", () => {
  const key = new HeldKey("one");
  key.apply(add(1n));
  const [root] = key.changes(add(1n)).filter(({ field }) => field === undefined);
  assert.equal(root?.cell, key.view().root as RootCell);
});

test("a field that begins to count states the root of its hash anew: were the hash empty it might be collected", () => {
  const key = new HeldKey();
  key.apply(hashSet("f", "x"));
  const rootOf = (of: readonly { field: unknown; cell: { stamp: unknown } }[]): unknown =>
    of.find(({ field }) => field === undefined)?.cell.stamp;
  const begun = key.changes(hashAdd(1n, "g"));
  assert.deepEqual(rootOf(begun), begun.at(-1)?.cell.stamp);
  key.apply(hashAdd(1n, "g"));
  const held = key.view().root?.stamp;
  assert.deepEqual(rootOf(key.changes(hashAdd(1n, "g"))), held, "and then sends it as it is");
});

/** As collection leaves a key whose deletion is known everywhere: without its tombstones. */
function collect(key: HeldKey): void {
  for (const [field, { kind }] of key.cells)
    if (kind.endsWith("tombstone")) key.cells.delete(field);
}

test("what was counted beside a deletion does not return once the deletion is collected", () => {
  const one = new HeldKey("one");
  one.apply(add(5n));
  const two = one.copy("two");
  two.apply(REMOVE);
  one.apply(add(1n));
  two.merge(one);
  assert.equal(two.text(), undefined, "the deletion takes along what did not know of it");
  collect(two);
  assert.equal(two.apply(add(1n)), "1");
  assert.equal(two.text(), "1");
  one.merge(two);
  assert.equal(one.apply(add(1n)), "2", "also where it had been counted");
});

test("what was counted for a field beside its deletion does not return once that is collected", () => {
  const one = new HeldKey("one");
  one.apply(hashSet("g", "x"));
  one.apply(hashAdd(5n));
  const two = one.copy("two");
  two.apply({ kind: "hash-delete", names: ["f"] });
  const three = one.copy("three");
  three.apply(hashAdd(2n));
  two.merge(three);
  assert.equal(two.field("f"), undefined);
  collect(two);
  assert.equal(two.apply(hashAdd(1n)), "1");
  assert.equal(two.field("f"), "1");
});
