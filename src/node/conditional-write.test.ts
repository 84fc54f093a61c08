import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReadVerdict } from "../core/replication/read-coordinator.ts";
import { keyFromText } from "../model/key.ts";
import type { WriteOutcome } from "../model/outcome.ts";
import { NO_STAMP } from "../model/stamp.ts";
import { type ConditionalRequest, ConditionalWrites } from "./conditional-write.ts";

const KEY = keyFromText("k");

/** Reads that never end, so that whoever comes second waits. */
function place() {
  const reads: ((verdict: ReadVerdict) => void)[] = [];
  const writes = new ConditionalWrites({
    monotonicMs: () => 0,
    wallMs: () => 0,
    mintAbove: () => NO_STAMP,
    read: (_key, _deadlineMs, done) => reads.push(done),
    write: () => assert.fail("nothing is written"),
  });
  const outcomes: (WriteOutcome | undefined)[] = [];
  const ask = (deadlineMs: number): void => {
    const index = outcomes.push(undefined) - 1;
    const request: ConditionalRequest = {
      key: KEY,
      condition: { kind: "exists" },
      w: undefined,
      deadlineMs,
      rootAt: () => assert.fail("nothing is written"),
    };
    writes.run(request, (outcome) => {
      assert.equal(outcomes[index], undefined, "answered once");
      outcomes[index] = outcome;
    });
  };
  const kinds = (): string[] =>
    outcomes.map((outcome) => {
      if (outcome === undefined) return "-";
      return outcome.kind === "failed" ? `${outcome.code} ${outcome.stored}` : outcome.kind;
    });
  return { reads, writes, kinds, ask };
}

test("a write that waits for another one of its key is answered by its own deadline", () => {
  const { reads, writes, kinds, ask } = place();
  ask(5_000);
  ask(100);
  ask(1_000);
  writes.expire(99);
  assert.deepEqual(kinds(), ["-", "-", "-"]);
  writes.expire(100);
  assert.deepEqual(kinds(), ["-", "timed-out no", "-"]);
  // The one that expired no longer takes a turn; the one behind it does.
  const quorum = { acks: 0, of: 3, hinted: 0 };
  reads[0]?.({ kind: "failed", code: "timed-out", quorum } as ReadVerdict);
  assert.equal(reads.length, 2);
  assert.deepEqual(kinds(), ["timed-out no", "timed-out no", "-"]);
});
