import assert from "node:assert/strict";
import { test } from "node:test";
import type { Expectation } from "./expectation.ts";
import type { SuiteTest } from "./suite-output.ts";
import type { UnitResult } from "./suite-unit.ts";
import { judgeUnit } from "./suite-verdict.ts";

const EXPECTED: Expectation = {
  tests: { scan: 3 },
  passedMin: 2,
  notPassing: [
    { unit: "scan", test: "listed", needs: ["ZSCAN"] },
    { unit: "other", test: "b", needs: ["EVAL"] },
  ],
};

interface Found {
  readonly passed?: readonly string[];
  readonly failed?: readonly string[];
  readonly broken?: readonly string[];
  readonly hung?: readonly string[];
  readonly isAlive?: boolean;
}

function result({ passed = [], failed = [], broken = [], hung = [], isAlive = true }: Found) {
  const tests: SuiteTest[] = [
    ...passed.map((name) => ({ name, status: "passed", detail: "" }) as const),
    ...failed.map((name) => ({ name, status: "failed", detail: "why" }) as const),
  ];
  const run = { unit: "scan", seconds: 1, hasHung: false, tests, broken, ignoredCount: 0 };
  const found: UnitResult = {
    run: { ...run, isComplete: true },
    hung,
    isAlive,
    needs: new Map(),
    requestCount: 0,
  };
  return found;
}

test("a listed test that fails is not offered, and all others that pass have passed", () => {
  const verdict = judgeUnit(result({ passed: ["a", "b"], failed: ["listed"] }), EXPECTED);
  assert.deepEqual(verdict, { unit: "scan", passed: 2, notOffered: 1, failures: [] });
});

test("a test that fails and is not listed for this unit is a failure", () => {
  const verdict = judgeUnit(result({ passed: ["a"], failed: ["b", "listed"] }), EXPECTED);
  assert.deepEqual(verdict.failures, ["b\nwhy"]);
  assert.equal(verdict.passed, 1);
});

test("a listed test that passes is a failure, and counts neither as passed nor as not offered", () => {
  const verdict = judgeUnit(result({ passed: ["a", "b", "listed"] }), EXPECTED);
  assert.deepEqual(verdict.failures, ["listed\nis listed as not passing, and passes"]);
  assert.equal(verdict.passed, 2);
  assert.equal(verdict.notOffered, 0);
});

test("a listed test may be one that did not run; any other that did not is a failure with the reason", () => {
  assert.deepEqual(judgeUnit(result({ passed: ["a", "b"] }), EXPECTED).failures, []);
  const verdict = judgeUnit(result({ broken: ["no CONFIG"] }), EXPECTED);
  assert.deepEqual(verdict.failures, [
    "a test that did not run, 1 of 2\nno CONFIG",
    "a test that did not run, 2 of 2",
  ]);
});

test("a test that hangs is a failure unless it is listed", () => {
  assert.deepEqual(
    judgeUnit(result({ passed: ["a", "b"], hung: ["listed"] }), EXPECTED).failures,
    [],
  );
  assert.deepEqual(judgeUnit(result({ passed: ["a"], hung: ["b"] }), EXPECTED).failures, [
    "b\nhangs",
  ]);
});

test("more tests than are known, and a server that is gone, are failures", () => {
  const more = judgeUnit(result({ passed: ["a", "b", "c"] }), EXPECTED);
  assert.deepEqual(more.failures, ["4 tests, and only 3 are known"]);
  const gone = judgeUnit(result({ passed: ["a", "b"], isAlive: false }), EXPECTED);
  assert.deepEqual(gone.failures, ["the server does not answer any more"]);
});
