import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSuiteOutput } from "./suite-output.ts";

const OUTPUT = `Cleanup: may take some time... OK
[ready]: 4711
Testing unit/thing
[ok]: A thing (that) holds (3 ms)
[ignore]: Another: Tag: slow denied
[err]: A thing in tests/unit/type/thing.tcl
Expected 'x' to be equal to 'y' (context: type eval line 3)
  and more
[ok]: The last (12 ms)
[err]: cannot go on
    while executing
[1/1 done]: unit/thing (0 seconds)

                   The End

*** [err]: A thing in tests/unit/type/thing.tcl
`;

test("each test that ran is a result, and what failed outside of one is kept apart", () => {
  const { tests, broken, ignoredCount, isComplete } = parseSuiteOutput(OUTPUT);
  assert.deepEqual(tests, [
    { name: "A thing (that) holds", status: "passed", detail: "" },
    {
      name: "A thing",
      status: "failed",
      detail: "Expected 'x' to be equal to 'y' (context: type eval line 3)\n  and more",
    },
    { name: "The last", status: "passed", detail: "" },
  ]);
  assert.deepEqual(broken, ["cannot go on\n    while executing"]);
  assert.equal(ignoredCount, 1);
  assert.equal(isComplete, true);
});

test("a run that is cut off is not complete", () => {
  const { tests, isComplete } = parseSuiteOutput(OUTPUT.slice(0, OUTPUT.indexOf("[err]")));
  assert.equal(tests.length, 1);
  assert.equal(isComplete, false);
});

test("an exception of the suite is no test", () => {
  const { tests, broken } = parseSuiteOutput("[exception]: Executing test client: no\nmore\n");
  assert.deepEqual(tests, []);
  assert.deepEqual(broken, ["Executing test client: no\nmore"]);
});
