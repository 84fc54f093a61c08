import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "../reply-parser.ts";
import { choiceProblem } from "./choice.ts";
import { comparisonOf } from "./commands.ts";
import { isEqual } from "./compare.ts";

const bulk = (text: string): Reply => ({ kind: "bulk", text });
const integer = (text: string): Reply => ({ kind: "integer", text });
const error = (text: string): Reply => ({ kind: "error", text });
const array = (...texts: string[]): Reply => ({ kind: "array", items: texts.map(bulk) });
const map = (...texts: string[]): Reply => ({ kind: "map", items: texts.map(bulk) });

test("an exact comparison keeps apart order, types of reply and both nulls", () => {
  assert.ok(isEqual("exact", array("a", "b"), array("a", "b")));
  assert.ok(!isEqual("exact", array("a", "b"), array("b", "a")));
  assert.ok(!isEqual("exact", array("a"), array("a", "b")));
  assert.ok(!isEqual("exact", bulk("1"), integer("1")));
  assert.ok(!isEqual("exact", { kind: "null-bulk" }, { kind: "null-array" }));
});

test("errors are equal in their words only, however values are compared", () => {
  for (const comparison of ["exact", "sorted", "shape", "seconds", "scan"] as const) {
    assert.ok(isEqual(comparison, error("ERR a"), error("ERR a")));
    assert.ok(!isEqual(comparison, error("ERR a"), error("ERR b")), comparison);
  }
});

test("members may come in any order; values stay with their fields", () => {
  assert.ok(isEqual("sorted", array("a", "b"), array("b", "a")));
  assert.ok(!isEqual("sorted", array("a", "a"), array("a", "b")));
  assert.ok(isEqual("pairs", map("f", "1", "g", "2"), map("g", "2", "f", "1")));
  assert.ok(!isEqual("pairs", map("f", "1", "g", "2"), map("g", "1", "f", "2")));
  assert.ok(!isEqual("pairs", map("f", "1"), array("f", "1")));
});

test("times may be as far apart as two servers; none is no time", () => {
  assert.ok(isEqual("milliseconds", integer("100000"), integer("101000")));
  assert.ok(!isEqual("milliseconds", integer("100000"), integer("103000")));
  assert.ok(!isEqual("milliseconds", integer("-1"), integer("0")));
  assert.ok(!isEqual("milliseconds", integer("-1"), integer("-2")));
  assert.ok(isEqual("seconds", integer("9223372036854775807"), integer("9223372036854775806")));
});

test("of a shape only the kind counts, and the keys of a map", () => {
  assert.ok(isEqual("shape", bulk("a"), bulk("b")));
  assert.ok(isEqual("shape", map("a", "1"), map("a", "2")));
  assert.ok(!isEqual("shape", map("a", "1"), map("b", "1")));
});

test("a command is compared by its name and that of a subcommand, in any case", () => {
  assert.equal(comparisonOf(["smembers", "k"]), "sorted");
  assert.equal(comparisonOf(["client", "id"]), "shape");
  assert.equal(comparisonOf(["client", "getname"]), "exact");
  assert.equal(comparisonOf(["nosuch"]), "exact");
});

test("a choice is from what is there, none twice unless that was asked for, and SPOP takes it", () => {
  const [before, after] = [array("a", "b", "c"), array("c")];
  const choose = (request: string[], reply: Reply, left: Reply): string | undefined =>
    choiceProblem({ request, before, reply, after: left });
  assert.equal(choose(["SPOP", "k", "2"], array("b", "a"), after), undefined);
  assert.equal(choose(["SPOP", "k", "2"], array("b", "a"), before), "did not leave what it must");
  assert.equal(choose(["SRANDMEMBER", "k", "2"], array("b", "b"), before), "chose one twice");
  assert.equal(choose(["SRANDMEMBER", "k", "-2"], array("b", "b"), before), undefined);
  assert.equal(choose(["SRANDMEMBER", "k"], bulk("x"), before), "chose what is not there");
  assert.equal(choose(["SRANDMEMBER", "k"], bulk("a"), after), "did not leave what it must");
  assert.equal(choose(["SRANDMEMBER", "k", "2"], array(), before), "chose nothing");
});

test("fields chosen with their values are pairs that are there", () => {
  const before = map("f", "1", "g", "2");
  const request = ["HRANDFIELD", "k", "1", "WITHVALUES"];
  const choose = (reply: Reply): string | undefined =>
    choiceProblem({ request, before, reply, after: before });
  assert.equal(choose(array("f", "1")), undefined);
  assert.equal(choose({ kind: "array", items: [array("g", "2")] }), undefined);
  assert.equal(choose(array("f", "2")), "chose what is not there");
});
