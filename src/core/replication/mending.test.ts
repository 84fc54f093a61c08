import assert from "node:assert/strict";
import { test } from "node:test";
import { answersNeeded, judgeMending } from "./mending.ts";

const NOBODY = { held: 0, absent: 0, damaged: 0, silent: 0, voteless: 0, votelessHeld: 0 };

test("a primary of three needs both others, one of five needs three of four", () => {
  assert.equal(answersNeeded(2, true), 1);
  assert.equal(answersNeeded(3, true), 2);
  assert.equal(answersNeeded(5, true), 3);
  assert.equal(answersNeeded(3, false), 3, "who holds a foreign cell is none of them");
});

test("what enough replicas hold takes the place of a damaged cell", () => {
  assert.equal(judgeMending({ ...NOBODY, held: 2 }, 2), "mend");
  assert.equal(judgeMending({ ...NOBODY, held: 1, absent: 1 }, 2), "mend");
});

test("one replica alone may lack what the other two acknowledged, so its cell does not do", () => {
  assert.equal(judgeMending({ ...NOBODY, held: 1, silent: 1 }, 2), "later");
  assert.equal(judgeMending({ ...NOBODY, absent: 1, silent: 1 }, 2), "later");
});

test("where the others are damaged too, what is left is all there is", () => {
  assert.equal(judgeMending({ ...NOBODY, held: 1, damaged: 1 }, 2), "mend");
});

test("a cell that is damaged everywhere stays, and is not absent", () => {
  assert.equal(judgeMending({ ...NOBODY, damaged: 2 }, 2), "all-damaged");
  assert.equal(judgeMending({ ...NOBODY, damaged: 1, absent: 1 }, 2), "all-damaged");
});

test("a cell that nobody else ever had is lost", () => {
  assert.equal(judgeMending({ ...NOBODY, absent: 2 }, 2), "lost");
});

test("a node that is alone cannot heal itself", () => {
  assert.equal(judgeMending(NOBODY, 1), "later");
});

test("who has lost commits is waited for no longer than the others, and what it holds is taken", () => {
  assert.equal(judgeMending({ ...NOBODY, held: 1, voteless: 1 }, 2), "mend");
  assert.equal(judgeMending({ ...NOBODY, absent: 1, votelessHeld: 1 }, 2), "mend");
  assert.equal(judgeMending({ ...NOBODY, votelessHeld: 2 }, 2), "mend");
  assert.equal(judgeMending({ ...NOBODY, votelessHeld: 1, silent: 1 }, 2), "later");
  assert.equal(judgeMending({ ...NOBODY, damaged: 1, voteless: 1 }, 2), "all-damaged");
  assert.equal(judgeMending({ ...NOBODY, absent: 1, voteless: 1 }, 2), "lost");
});
