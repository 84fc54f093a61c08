import assert from "node:assert/strict";
import { test } from "node:test";
import { DndError } from "../dnd-error.ts";
import { BATCH_FIELDS_MAX, batchesOf, changeInBatches } from "./batches.ts";
import type { Applied } from "./key-calls.ts";

const FEW = ["a", "b", "c"];
const MANY = Array.from({ length: BATCH_FIELDS_MAX + 1 }, () => "x");

function applied(value: bigint, acks: number, stamp: string | undefined): Applied {
  return { result: { kind: "integer", value }, receipt: { stamp, acks, of: 3, hinted: 3 - acks } };
}

function countsOf(items: readonly string[], bytesOf: (item: string) => number): number[] {
  return [...batchesOf(items, bytesOf)].map((batch) => batch.length);
}

test("a batch ends where it has enough items, or bytes; one item goes whatever its size", () => {
  assert.deepEqual(
    countsOf([], () => 1),
    [],
  );
  assert.deepEqual(
    countsOf(FEW, () => 0),
    [3],
  );
  assert.deepEqual(
    countsOf(FEW, () => 512 * 1024),
    [2, 1],
  );
  assert.deepEqual(
    countsOf(FEW, () => 16 * 1024 * 1024),
    [1, 1, 1],
  );
  assert.deepEqual(
    countsOf(MANY, () => 1),
    [BATCH_FIELDS_MAX, 1],
  );
});

test("many operations have as few copies as the least of them, and the last stamp", async () => {
  const answers = [applied(2n, 2, "1"), applied(1n, 3, "2"), applied(0n, 3, undefined)];
  const together = await changeInBatches(
    FEW,
    () => 1024 * 1024,
    () => Promise.resolve(answers.shift() ?? assert.fail("three were asked")),
  );
  const receipt = { stamp: "2", acks: 2, of: 3, hinted: 1 };
  assert.deepEqual(together, { count: 3, receipt });
});

test("of nothing to change nobody is asked", async () => {
  const never = (): never => assert.fail("nobody is asked");
  const { count, receipt } = await changeInBatches([], () => 0, never);
  assert.deepEqual([count, receipt.stamp, receipt.acks], [0, undefined, 0]);
});

test("a call that fails after a part of it was stored says so", async () => {
  const failing = (written: readonly Applied[]): Promise<unknown> => {
    const answers = [...written];
    return changeInBatches(
      FEW,
      () => 1024 * 1024,
      () => {
        const answer = answers.shift();
        if (answer !== undefined) return Promise.resolve(answer);
        return Promise.reject(new DndError("not-ready", "the node is leaving"));
      },
    );
  };
  const stored = (expected: string) => (error: unknown) => {
    assert.ok(error instanceof DndError);
    return error.code === "not-ready" && error.stored === expected;
  };
  await assert.rejects(failing([]), stored("no"));
  await assert.rejects(failing([applied(0n, 3, undefined)]), stored("no"));
  await assert.rejects(failing([applied(1n, 3, "1")]), stored("maybe"));
});
