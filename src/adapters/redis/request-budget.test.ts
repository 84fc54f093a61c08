import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestBudget } from "./request-budget.ts";

function waiter(told: string[], name: string, then: () => void = () => undefined) {
  return {
    onGranted: (): void => {
      told.push(name);
      then();
    },
  };
}

test("room is given in the order it was asked for, also past one that would fit", () => {
  const budget = new RequestBudget(10, 100);
  const told: string[] = [];
  assert.equal(budget.take(60, waiter(told, "a")), true);
  assert.equal(budget.take(60, waiter(told, "b")), false);
  assert.equal(budget.take(1, waiter(told, "c")), false);
  budget.give(60);
  assert.deepEqual(told, ["b", "c"]);
});

test("a single request may be larger than the bound", () => {
  const budget = new RequestBudget(10, 100);
  const told: string[] = [];
  assert.equal(budget.take(1_000, waiter(told, "a")), true);
  assert.equal(budget.take(0, waiter(told, "b")), false);
  budget.give(1_000);
  assert.deepEqual(told, ["b"]);
});

test("ten thousand waiters that are done at once are served without nesting", () => {
  const budget = new RequestBudget(1, 100);
  const told: string[] = [];
  assert.equal(budget.take(1, waiter(told, "first")), true);
  for (let index = 0; index < 10_000; index += 1) {
    budget.take(
      1,
      waiter(told, String(index), () => budget.give(1)),
    );
  }
  budget.give(1);
  assert.equal(told.length, 10_000);
  assert.equal(told.at(-1), "9999");
});
