import assert from "node:assert/strict";
import { test } from "node:test";
import { flushKeyOf } from "../core/placement/flush-keys.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { type Key, keyFromText } from "../model/key.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { Failure, FlushOutcome, WriteOutcome } from "../model/outcome.ts";
import { slotFrom } from "../model/slot.ts";
import { NO_STAMP } from "../model/stamp.ts";
import { flushSlots } from "./flush.ts";
import { placeOfCursor } from "./list-cursor.ts";

const root = {
  kind: "value",
  stamp: NO_STAMP,
  type: "string",
  expiresAtMs: 0,
  cleared: NO_STAMP,
  contentType: "",
  payload: new Uint8Array(0),
} as const;
const FAILED: Failure = {
  kind: "failed",
  code: "timed-out",
  detail: "",
  stored: "no",
  quorum: { acks: 0, of: 3, hinted: 0 },
};

/** A store that lists `keys` two at a time, and tells of what is removed. */
class Trial {
  readonly removed: Key[] = [];
  readonly pending: ((outcome: WriteOutcome) => void)[] = [];
  readonly outcomes: FlushOutcome[] = [];
  pages = 0;
  readonly #keys: readonly Key[];

  constructor(keys: readonly Key[]) {
    this.#keys = keys.toSorted((a, b) => slotOfKey(a) - slotOfKey(b));
  }

  flush(slots?: readonly number[]): void {
    const ports = {
      remainingMs: () => 1_000,
      list: ({ cursor }: { readonly cursor?: string | undefined }, done: (page: never) => void) => {
        this.pages += 1;
        const from = placeOfCursor(cursor);
        const rest = this.#keys.filter((key) => slotOfKey(key) >= (from?.slot ?? 0));
        const entries = rest.slice(0, 2).map((key) => ({ key, root }));
        const next = rest.length > 2 ? "slot:0" : undefined;
        done({ kind: "page", entries, next } as never);
      },
      remove: (key: Key, _deadlineMs: number, done: (outcome: WriteOutcome) => void) => {
        this.removed.push(key);
        this.pending.push(done);
      },
    };
    flushSlots(ports, slots?.map(slotFrom), (outcome) => this.outcomes.push(outcome));
  }

  answer(acks: number): void {
    const quorum = { acks, of: 3, hinted: 0 };
    this.pending.shift()?.({ kind: "written", stamp: NO_STAMP, quorum });
  }
}

const KEYS = ["a", "b", "c", "{a}2", "{a}3", "{c}2"].map(keyFromText);

test("each slot that holds a key is flushed once", () => {
  const trial = new Trial(KEYS);
  trial.flush();
  const slots = new Set(KEYS.map(slotOfKey));
  assert.deepEqual(new Set(trial.removed), new Set([...slots].map(flushKeyOf)));
  assert.equal(trial.removed.length, slots.size);
  for (const acks of [3, 2, 3]) trial.answer(acks);
  const quorum = { acks: 2, of: 3, hinted: 0 };
  assert.deepEqual(trial.outcomes, [{ kind: "flushed", slots: 3, quorum }]);
});

test("where there is nothing, nothing is written", () => {
  const trial = new Trial([]);
  trial.flush();
  assert.equal(trial.outcomes[0]?.kind, "flushed");
  assert.deepEqual(trial.removed, []);
});

test("slots are flushed side by side, up to a bound", () => {
  const trial = new Trial([]);
  trial.flush(Array.from({ length: SLOT_COUNT }, (_, index) => index));
  assert.equal(trial.removed.length, 256);
  while (trial.pending.length > 0) trial.answer(3);
  assert.equal(trial.removed.length, SLOT_COUNT);
  assert.equal(trial.outcomes.length, 1);
});

test("one that fails ends it, and nobody says that nothing was stored", () => {
  const trial = new Trial([]);
  trial.flush([1, 2, 3]);
  trial.pending.shift()?.(FAILED);
  assert.deepEqual(trial.outcomes, [], "the others are under way");
  trial.answer(3);
  trial.answer(3);
  assert.deepEqual(trial.outcomes, [{ ...FAILED, stored: "maybe" }]);
});
