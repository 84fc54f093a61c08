import assert from "node:assert/strict";
import { test } from "node:test";
import { blockingCount, majority } from "./quorum.ts";

test("two majorities always meet, and so do a majority and those who can block one", () => {
  for (let replicas = 1; replicas <= 16; replicas += 1) {
    assert.ok(2 * majority(replicas) > replicas);
    assert.ok(majority(replicas) + blockingCount(replicas) > replicas);
    assert.ok(majority(replicas) <= replicas);
  }
});

test("one fewer than a majority, or than a blocking set, may miss a majority", () => {
  for (let replicas = 1; replicas <= 16; replicas += 1) {
    assert.ok(2 * (majority(replicas) - 1) <= replicas);
    assert.equal(majority(replicas) + blockingCount(replicas) - 1, replicas);
  }
});
