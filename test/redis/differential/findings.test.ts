import assert from "node:assert/strict";
import { test } from "node:test";
import type { Difference } from "./difference.ts";
import { Findings, History, showGroup } from "./findings.ts";

const DIFFERENCE: Difference = {
  request: ["GET", "k:s1"],
  left: { kind: "bulk", text: "a" },
  right: { kind: "null-bulk" },
  note: "",
};

test("a difference that is known is counted, and no other is", () => {
  const findings = new Findings([
    { name: "one", reason: "for a test", matches: ({ request }) => request[1] === "k:s1" },
  ]);
  findings.add(DIFFERENCE, []);
  assert.equal(findings.count, 0);
  assert.deepEqual([...findings.knownCounts], [["one", 1]]);
  findings.add({ ...DIFFERENCE, request: ["GET", "k:s2"] }, []);
  assert.equal(findings.count, 1);
});

test("differences of one command that are alike are told once, with what led to the first", () => {
  const findings = new Findings([]);
  findings.add(DIFFERENCE, ["SET k:s1 a"]);
  findings.add({ ...DIFFERENCE, request: ["GET", "k:s2"] }, ["SET k:s2 b"]);
  findings.add({ ...DIFFERENCE, left: { kind: "error", text: "ERR" } }, []);
  const [first, second] = findings.groups;
  assert.equal(first?.count, 2);
  assert.equal(second?.count, 1);
  assert.equal(
    first === undefined ? "" : showGroup(first),
    'GET k:s1   2 times\n    here       bulk "a"\n    reference  null-bulk\n      SET k:s1 a',
  );
});

test("the history of a request is that of its keys, since they were last made equal", () => {
  const history = new History();
  const reply = { kind: "simple", text: "OK" } as const;
  history.add(["SET", "k:s1", "a"], reply);
  history.add(["SET", "k:s2", "b"], reply);
  assert.deepEqual(history.of(["GET", "k:s1"]), ['SET k:s1 a  ->  simple "OK"']);
  assert.equal(history.of(["DBSIZE"]).length, 2);
  history.restart("k:s1", "none");
  assert.deepEqual(history.of(["GET", "k:s1"]), ["(made equal: none)"]);
});
