import assert from "node:assert/strict";
import { test } from "node:test";
import type { FailureCode } from "../../model/outcome.ts";
import { failureReply, faultReply } from "./failures.ts";

const CODES: readonly FailureCode[] = [
  "quorum-unreachable",
  "timed-out",
  "overloaded",
  "too-new",
  "damaged",
  "storage-failed",
  "not-ready",
  "shutting-down",
  "contended",
];

function told(code: FailureCode, stored: "no" | "maybe"): string {
  const quorum = { acks: 0, of: 3, hinted: 0 };
  return failureReply({ kind: "failed", code, detail: "so it is", stored, quorum }).text;
}

test("whatever may have been stored is told with a code on which no client tries again", () => {
  for (const code of CODES) {
    assert.equal(told(code, "maybe"), `ERR indeterminate: ${code}: so it is`);
  }
});

test("a node that cannot serve says CLUSTERDOWN, one with too much to do BUSY", () => {
  assert.equal(told("not-ready", "no"), "CLUSTERDOWN not-ready: so it is");
  assert.equal(told("quorum-unreachable", "no"), "CLUSTERDOWN quorum-unreachable: so it is");
  assert.equal(told("overloaded", "no"), "BUSY so it is");
  assert.equal(told("damaged", "no"), "ERR damaged: so it is");
});

test("faults of operations have Redis's words", () => {
  assert.match(faultReply("wrong-type").text, /^WRONGTYPE Operation against a key/);
  assert.equal(faultReply("overflow").text, "ERR increment or decrement would overflow");
});
