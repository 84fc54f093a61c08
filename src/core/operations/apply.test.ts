import assert from "node:assert/strict";
import { test } from "node:test";
import { binaryFromBytes, bytesFromBinary } from "../../base/binary.ts";
import type { RootCell } from "../../model/cell.ts";
import { bootIdFrom } from "../../model/ids.ts";
import type { ExpireWhen, Operation } from "../../model/operation.ts";
import { NO_STAMP, stampFrom } from "../../model/stamp.ts";
import { applyOperation } from "./apply.ts";
import type { ApplyContext } from "./changes.ts";
import { KeyView } from "./key-view.ts";

const NOW_MS = 1_000_000;
const CONTEXT: ApplyContext = {
  valueBytesMax: 100,
  ownCell: ({ addressOf }) => ({ address: addressOf("me"), sum: undefined }),
  below: () => 0,
};
const STAMP = stampFrom(NOW_MS, 5, bootIdFrom(7));

function held(text: string, expiresAtMs = 0, over: Partial<RootCell> = {}): RootCell {
  return {
    kind: "value",
    stamp: stampFrom(10, 0, bootIdFrom(7)),
    type: "string",
    expiresAtMs,
    cleared: stampFrom(10, 0, bootIdFrom(7)),
    contentType: "text/plain",
    payload: bytesFromBinary(text),
    ...over,
  };
}

function viewOf(root: RootCell | undefined): KeyView {
  const cells = root === undefined ? [] : [{ field: undefined, cell: root }];
  return new KeyView(cells, { nowMs: NOW_MS, collected: NO_STAMP, isEmpty: false });
}

/** What is answered, and what the key holds then: `text`, `text@expiry`, "deleted", or "as it was". */
function outcome(operation: Operation, root?: RootCell): readonly [string, string] {
  const { result, changes } = applyOperation(operation, viewOf(root), CONTEXT);
  return [shown(result), changes.length === 0 ? "as it was" : left(changes[0]?.cellAt(STAMP))];
}

function shown(result: ReturnType<typeof applyOperation>["result"]): string {
  switch (result.kind) {
    case "bytes":
      return `"${binaryFromBytes(result.bytes)}"`;
    case "integer":
      return String(result.value);
    case "fault":
      return result.fault;
    default:
      return result.kind;
  }
}

function left(cell: unknown): string {
  const root = cell as RootCell;
  assert.equal(root.stamp, STAMP);
  if (root.kind === "tombstone") return "deleted";
  const text = binaryFromBytes(root.payload);
  return root.expiresAtMs === 0 ? text : `${text}@${root.expiresAtMs}`;
}

const bytes = bytesFromBinary;
const set = (over: Partial<Extract<Operation, { kind: "set" }>>): Operation => ({
  kind: "set",
  value: bytes("new"),
  expiry: 0,
  when: "always",
  wantsOld: false,
  ...over,
});

test("a set takes the place of what was, under its conditions", () => {
  assert.deepEqual(outcome(set({})), ["done", "new"]);
  assert.deepEqual(outcome(set({}), held("old", NOW_MS + 5)), ["done", "new"]);
  assert.deepEqual(outcome(set({ when: "absent" })), ["done", "new"]);
  assert.deepEqual(outcome(set({ when: "absent" }), held("old")), ["none", "as it was"]);
  assert.deepEqual(outcome(set({ when: "exists" }), held("old")), ["done", "new"]);
  assert.deepEqual(outcome(set({ when: "exists" })), ["none", "as it was"]);
  assert.deepEqual(outcome(set({ when: "absent" }), held("old", NOW_MS - 1)), ["done", "new"]);
});

test("a set may keep the time of the key, set one, or end it at once", () => {
  const old = held("old", NOW_MS + 5);
  assert.deepEqual(outcome(set({ expiry: "keep" }), old), ["done", `new@${NOW_MS + 5}`]);
  assert.deepEqual(outcome(set({ expiry: "keep" }), held("old", NOW_MS - 1)), ["done", "new"]);
  assert.deepEqual(outcome(set({ expiry: NOW_MS + 9 }), old), ["done", `new@${NOW_MS + 9}`]);
  assert.deepEqual(outcome(set({ expiry: NOW_MS }), old), ["done", "deleted"]);
});

test("a set answers with what was there, whether it was allowed or not", () => {
  assert.deepEqual(outcome(set({ wantsOld: true }), held("old")), ['"old"', "new"]);
  assert.deepEqual(outcome(set({ wantsOld: true })), ["none", "new"]);
  const absent = set({ wantsOld: true, when: "absent" });
  assert.deepEqual(outcome(absent, held("old")), ['"old"', "as it was"]);
  assert.deepEqual(outcome(absent), ["none", "new"]);
  const hash = held("", 0, { kind: "container", type: "hash" });
  assert.deepEqual(outcome(set({ wantsOld: true }), hash), ["wrong-type", "as it was"]);
  assert.deepEqual(outcome(set({}), hash), ["done", "new"]);
});

test("what is taken is gone", () => {
  assert.deepEqual(outcome({ kind: "take" }, held("old")), ['"old"', "deleted"]);
  assert.deepEqual(outcome({ kind: "take" }), ["none", "as it was"]);
});

test("strings grow at their end and in their middle, and keep their time", () => {
  const root = held("abc", NOW_MS + 5);
  assert.deepEqual(outcome({ kind: "append", bytes: bytes("de") }, root), [
    "5",
    `abcde@${NOW_MS + 5}`,
  ]);
  assert.deepEqual(outcome({ kind: "append", bytes: bytes("") }), ["0", ""]);
  const range = (offset: number, text: string): Operation => ({
    kind: "set-range",
    offset,
    bytes: bytes(text),
  });
  assert.deepEqual(outcome(range(1, "X"), root), ["3", `aXc@${NOW_MS + 5}`]);
  assert.deepEqual(outcome(range(5, "X"), held("abc")), ["6", "abc\0\0X"]);
  assert.deepEqual(outcome(range(5, ""), held("abc")), ["3", "as it was"]);
  assert.deepEqual(outcome(range(5, "")), ["0", "as it was"]);
});

test("no string outgrows the limit, and none is made to find that out", () => {
  const root = held("abc");
  const long = bytes("x".repeat(98));
  assert.deepEqual(outcome({ kind: "append", bytes: long }, root), ["too-long", "as it was"]);
  const range: Operation = { kind: "set-range", offset: 2 ** 50, bytes: bytes("x") };
  assert.deepEqual(outcome(range, root), ["too-long", "as it was"]);
  const bit: Operation = { kind: "set-bit", offset: 2 ** 50, bit: 1 };
  assert.deepEqual(outcome(bit, root), ["too-long", "as it was"]);
});

test("bits are counted from the most significant of the first byte", () => {
  const setBit = (offset: number, bit: 0 | 1): Operation => ({ kind: "set-bit", offset, bit });
  assert.deepEqual(outcome(setBit(1, 1), held("\x00")), ["0", "\x40"]);
  assert.deepEqual(outcome(setBit(1, 0), held("\x40")), ["1", "\x00"]);
  assert.deepEqual(outcome(setBit(15, 1)), ["0", "\x00\x01"]);
  assert.deepEqual(outcome(setBit(0, 0)), ["0", "\x00"]);
  assert.deepEqual(outcome(setBit(1, 0), held("\x00")), ["0", "as it was"]);
  assert.deepEqual(outcome(setBit(1, 1), held("\x40")), ["1", "as it was"]);
  assert.deepEqual(outcome(setBit(8, 0), held("\x40")), ["0", "\x40\x00"]);
});

test("the payload that was read is left as it is", () => {
  const root = held("abc");
  applyOperation({ kind: "set-range", offset: 0, bytes: bytes("X") }, viewOf(root), CONTEXT);
  applyOperation({ kind: "set-bit", offset: 0, bit: 1 }, viewOf(root), CONTEXT);
  assert.equal(binaryFromBytes(root.payload), "abc");
});

test("floats are added as text", () => {
  const add = (delta: string): Operation => ({ kind: "add-float", delta });
  assert.deepEqual(outcome(add("1.5")), ['"1.5"', "1.5"]);
  assert.deepEqual(outcome(add("-1.1"), held("1", NOW_MS + 5)), ['"-0.1"', `-0.1@${NOW_MS + 5}`]);
  assert.deepEqual(outcome(add("1"), held("abc")), ["not-a-float", "as it was"]);
  assert.deepEqual(outcome(add("inf"), held("1")), ["not-finite", "as it was"]);
});

test("an expiry is set, kept and taken away under its conditions", () => {
  const expire = (expiresAtMs: number, when: ExpireWhen = "always"): Operation => ({
    kind: "expire",
    expiresAtMs,
    when,
  });
  const soon = NOW_MS + 5;
  const later = NOW_MS + 9;
  assert.deepEqual(outcome(expire(soon), held("a")), ["1", `a@${soon}`]);
  assert.deepEqual(outcome(expire(soon)), ["0", "as it was"]);
  assert.deepEqual(outcome(expire(NOW_MS), held("a")), ["1", "deleted"]);
  assert.deepEqual(outcome(expire(soon, "none"), held("a", later)), ["0", "as it was"]);
  assert.deepEqual(outcome(expire(soon, "none"), held("a")), ["1", `a@${soon}`]);
  assert.deepEqual(outcome(expire(soon, "some"), held("a")), ["0", "as it was"]);
  assert.deepEqual(outcome(expire(soon, "some"), held("a", later)), ["1", `a@${soon}`]);
  assert.deepEqual(outcome(expire(later, "later"), held("a", soon)), ["1", `a@${later}`]);
  assert.deepEqual(outcome(expire(soon, "later"), held("a", soon)), ["0", "as it was"]);
  assert.deepEqual(outcome(expire(soon, "later"), held("a")), ["0", "as it was"]);
  assert.deepEqual(outcome(expire(soon, "earlier"), held("a")), ["1", `a@${soon}`]);
  assert.deepEqual(outcome(expire(soon, "earlier"), held("a", soon)), ["0", "as it was"]);
  assert.deepEqual(outcome(expire(soon, "some-earlier"), held("a")), ["0", "as it was"]);
  assert.deepEqual(outcome(expire(soon, "some-earlier"), held("a", soon)), ["0", "as it was"]);
  assert.deepEqual(outcome(expire(soon, "some-earlier"), held("a", later)), ["1", `a@${soon}`]);
  assert.deepEqual(outcome({ kind: "persist" }, held("a", soon)), ["1", "a"]);
  assert.deepEqual(outcome({ kind: "persist" }, held("a")), ["0", "as it was"]);
  const get: Operation = { kind: "get-expire", expiry: soon };
  assert.deepEqual(outcome(get, held("a")), ['"a"', `a@${soon}`]);
  assert.deepEqual(outcome({ kind: "get-expire", expiry: 0 }, held("a", soon)), ['"a"', "a"]);
  assert.deepEqual(outcome({ kind: "get-expire", expiry: 0 }, held("a")), ['"a"', "as it was"]);
  assert.deepEqual(outcome({ kind: "get-expire", expiry: NOW_MS }, held("a")), ['"a"', "deleted"]);
  assert.deepEqual(outcome(get), ["none", "as it was"]);
});

test("setting an expiry clears nothing: what others add to the key meanwhile stays", () => {
  const root = held("", 0, { kind: "container", type: "hash", cleared: NO_STAMP });
  const operation: Operation = { kind: "expire", expiresAtMs: NOW_MS + 5, when: "always" };
  const cell = applyOperation(operation, viewOf(root), CONTEXT).changes[0]?.cellAt(
    STAMP,
  ) as RootCell;
  assert.equal(cell.cleared, NO_STAMP);
  assert.equal(cell.kind, "container");
});

test("a string is nothing that a hash could answer", () => {
  const hash = held("", 0, { kind: "container", type: "hash" });
  assert.deepEqual(outcome({ kind: "take" }, hash), ["wrong-type", "as it was"]);
  assert.deepEqual(outcome({ kind: "add", delta: 1n }, hash), ["wrong-type", "as it was"]);
});
