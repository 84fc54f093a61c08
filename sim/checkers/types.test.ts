import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesFromBinary } from "../../src/base/binary.ts";
import { bootIdFrom } from "../../src/model/ids.ts";
import { keyFromText } from "../../src/model/key.ts";
import type { OperationResult, QueryResult } from "../../src/model/operation.ts";
import { stampFrom } from "../../src/model/stamp.ts";
import type { TypedOperation, TypedQuery, TypedUse } from "../typed-workload.ts";
import { checkTypes } from "./types.ts";

const KEY = keyFromText("k");
const QUORUM = { acks: 2, of: 3, hinted: 0 };
const DONE: OperationResult = { kind: "integer", value: 1n };

/** What became of an operation: a stamp in milliseconds, "no" or "maybe". */
type Fate = number | "no" | "maybe";

let count = 0;

function operation(
  use: TypedUse,
  asked: TypedOperation["asked"],
  fate: Fate,
  result = DONE,
): TypedOperation {
  count += 1;
  return {
    id: count,
    use,
    key: KEY,
    machine: 0,
    asked,
    startMs: count,
    endMs: count + 1,
    isCutOff: false,
    outcome:
      typeof fate === "number"
        ? { kind: "applied", result, stamp: stampFrom(fate, 0, bootIdFrom(1)), quorum: QUORUM }
        : { kind: "failed", code: "timed-out", detail: "", stored: fate, quorum: QUORUM },
  };
}

function shown(use: TypedUse, result: QueryResult): TypedQuery {
  return {
    id: 1,
    key: KEY,
    use,
    query: { kind: "value" },
    startMs: 0,
    endMs: 1,
    outcome: { kind: "answered", result, quorum: QUORUM },
  };
}

const number = (text: string): QueryResult => ({ kind: "bytes", bytes: bytesFromBinary(text) });
const page = (fields: Readonly<Record<string, string>>): QueryResult => ({
  kind: "page",
  type: "hash",
  entries: Object.entries(fields).map(([name, text]) => [name, bytesFromBinary(text)]),
  next: undefined,
  expiresAtMs: 0,
  stamp: stampFrom(1, 0, bootIdFrom(1)),
});

function judged(
  operations: readonly TypedOperation[],
  final: TypedQuery,
  isCalm = false,
): readonly string[] {
  return checkTypes({ operations, finals: [final], isCalm }).map(({ detail }) => detail);
}

const ADD = { kind: "add", delta: 1n } as const;
const hashSet = (name: string, text: string): TypedOperation["asked"] => ({
  kind: "hash-set",
  entries: [[name, bytesFromBinary(text)]],
  when: "always",
});
const hashDelete = (name: string): TypedOperation["asked"] => ({
  kind: "hash-delete",
  names: [name],
});

test("a counter lies between what was acknowledged and what may have been stored", () => {
  const added = [
    operation("counter", ADD, 1),
    operation("counter", ADD, 2, { kind: "integer", value: 2n }),
    operation("counter", ADD, "maybe"),
    operation("counter", ADD, "no"),
  ];
  for (const value of ["2", "3"])
    assert.deepEqual(judged(added, shown("counter", number(value))), []);
  for (const value of ["1", "4"]) {
    assert.match(judged(added, shown("counter", number(value)))[0] ?? "", /counts/);
  }
  assert.match(judged(added, shown("counter", { kind: "none" }))[0] ?? "", /counts 0/);
});

test("a counter whose last query failed is not passed over", () => {
  const query = shown("counter", { kind: "fault", fault: "wrong-type" });
  assert.match(judged([operation("counter", ADD, 1)], query)[0] ?? "", /answered/);
});

test("in calm no two additions come to the same sum", () => {
  const twice = [operation("counter", ADD, 1), operation("counter", ADD, 2)];
  assert.deepEqual(judged(twice, shown("counter", number("2"))), []);
  assert.match(judged(twice, shown("counter", number("2")), true)[0] ?? "", /both came to/);
});

test("what was counted before an acknowledged delete does not count again", () => {
  const changes = [
    operation("wiped-counter", ADD, 1),
    operation("wiped-counter", ADD, 2),
    operation("wiped-counter", { kind: "remove" }, 3),
    operation("wiped-counter", ADD, 4),
    operation("wiped-counter", ADD, "maybe"),
  ];
  for (const value of ["0", "1", "2"]) {
    assert.deepEqual(judged(changes, shown("wiped-counter", number(value))), []);
  }
  assert.match(judged(changes, shown("wiped-counter", number("3")))[0] ?? "", /counts 3; 2/);
});

test("of a field the acknowledged change of the greatest stamp decides", () => {
  const changes = [
    operation("hash", hashSet("a", "first"), 1),
    operation("hash", hashDelete("a"), 3),
    operation("hash", hashSet("a", "second"), 2),
    operation("hash", hashSet("b", "kept"), 1),
  ];
  assert.deepEqual(judged(changes, shown("hash", page({ b: "kept" }))), []);
  assert.match(judged(changes, shown("hash", page({ a: "second", b: "kept" })))[0] ?? "", /"a" is/);
  assert.match(judged(changes, shown("hash", page({})))[0] ?? "", /"b" is nothing/);
});

test("what may have been stored may show, and nothing else", () => {
  const changes = [
    operation("hash", hashSet("a", "first"), 1),
    operation("hash", hashSet("a", "perhaps"), "maybe"),
    operation("hash", hashSet("a", "never"), "no"),
  ];
  for (const text of ["first", "perhaps"]) {
    assert.deepEqual(judged(changes, shown("hash", page({ a: text }))), []);
  }
  assert.match(judged(changes, shown("hash", page({ a: "never" })))[0] ?? "", /"a" is never/);
});

test("a delete and a flush take all fields below them", () => {
  for (const kind of ["remove", "flush"] as const) {
    const changes = [
      operation("hash", hashSet("a", "1"), 1),
      operation("hash", { kind }, 2),
      operation("hash", hashSet("b", "2"), 3),
    ];
    assert.deepEqual(judged(changes, shown("hash", page({ b: "2" }))), []);
    assert.match(judged(changes, shown("hash", page({ a: "1", b: "2" })))[0] ?? "", /"a" is 1/);
  }
});

test("members that were there already are not written again, and decide nothing", () => {
  const members = ["a", "b"];
  const changes = [
    operation("set", { kind: "set-add", members: ["a"] }, 1),
    operation("set", { kind: "set-remove", members: ["a"] }, 2),
    operation("set", { kind: "set-add", members }, 3, { kind: "integer", value: 1n }),
  ];
  for (const fields of [{ a: "", b: "" }, { b: "" }]) {
    assert.deepEqual(
      judged(changes, shown("set", page(fields))).filter((detail) => !detail.includes('"b"')),
      [],
    );
  }
  const both = [operation("set", { kind: "set-add", members }, 3, { kind: "integer", value: 2n })];
  assert.match(judged(both, shown("set", page({ b: "" })))[0] ?? "", /"a" is nothing/);
});
