import assert from "node:assert/strict";
import { test } from "node:test";
import { OwnCommits } from "./own-commits.ts";

function commit(commits: OwnCommits, times: number): void {
  for (let count = 0; count < times; count += 1) {
    commits.seal();
    commits.noteDurable();
  }
}

test("what was committed since a copy was made is known as lost, however many commits the start makes first", () => {
  const before = new OwnCommits(0);
  commit(before, 10);
  const copied = before.durable;
  commit(before, 3);
  const after = new OwnCommits(copied);
  commit(after, 20);
  assert.ok(after.hasLost(before.durable));
  assert.ok(!after.hasLost(copied));
  assert.ok(!after.hasLost(after.durable));
});

test("a start from all that was committed has lost nothing, before its first commit and after", () => {
  const before = new OwnCommits(0);
  commit(before, 10);
  const after = new OwnCommits(before.durable);
  assert.ok(!after.hasLost(before.durable));
  commit(after, 1);
  assert.ok(!after.hasLost(before.durable));
  assert.ok(!after.hasLost(after.durable));
  assert.ok(after.hasLost(after.durable + 1));
});

test("a copy from several starts ago has lost what came since", () => {
  const first = new OwnCommits(0);
  commit(first, 5);
  const copied = first.durable;
  const second = new OwnCommits(copied);
  commit(second, 5);
  const third = new OwnCommits(second.durable);
  commit(third, 5);
  const restored = new OwnCommits(copied);
  commit(restored, 2);
  assert.ok(restored.hasLost(third.durable));
});

test("commits go on above a number that was skipped to", () => {
  const commits = new OwnCommits(0);
  commits.skipTo(2 ** 40);
  assert.equal(commits.seal(), 2 ** 40 + 1);
});
