import assert from "node:assert/strict";
import { test } from "node:test";
import { cpuSecondsIn, threadSeconds, usageOf } from "./usage.ts";

test("CPU time is found behind a name with spaces and brackets", () => {
  const stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 11 0 99";
  assert.equal(cpuSecondsIn(stat), 2);
});

test("the main thread and the others together are the process", () => {
  const { main, others } = threadSeconds(process.pid);
  assert.ok(Math.abs(main + others - usageOf(process.pid).cpuSeconds) < 0.1);
});
