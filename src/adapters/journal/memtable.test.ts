import assert from "node:assert/strict";
import { test } from "node:test";
import { put, remove } from "../../../test/contracts/storage.ts";
import { Prng } from "../../base/prng.ts";
import type { StorageOperation } from "../../ports/storage.ts";
import { encodeRecord, newRing, type Ring, recordBytes } from "./journal-record.ts";
import { Memtable, type OldestBounds } from "./memtable.ts";

const ALL: OldestBounds = { operations: 1e6, bytes: 1e9 };

/** A memtable, and a head that goes round its ring as a journal's does. */
class Trial {
  readonly ring: Ring;
  readonly memtable: Memtable;
  head = 0;

  constructor(capacity: number) {
    this.ring = newRing(capacity, 1);
    this.memtable = new Memtable(this.ring);
  }

  /** Adds a batch, if there is room for it. */
  add(...operations: readonly StorageOperation[]): boolean {
    const capacity = this.ring.bytes.length;
    const bytes = recordBytes(operations);
    const left = capacity - (this.head % capacity);
    const position = left < bytes ? this.head + left : this.head;
    if (position + bytes - this.memtable.start > capacity) return false;
    const gap = position - this.head;
    encodeRecord(this.ring, position % capacity, { position, gap, bytes }, operations);
    this.memtable.admit(operations, position, bytes);
    this.head = position + bytes;
    return true;
  }

  get(key: string): string | undefined {
    const value = this.memtable.get(key);
    return value === "unknown" ? "unknown" : value?.toString("latin1");
  }
}

test("what is replaced only by what may be lost is among the oldest", () => {
  const trial = new Trial(1_024);
  trial.add(put("a", "1"), put("b", "1"));
  const { head } = trial;
  trial.add(put("a", "2"));
  const { operations, until } = trial.memtable.oldest(head, ALL);
  assert.deepEqual(
    operations.map(({ key }) => key),
    ["a", "b"],
  );
  assert.equal(until, head);
  const all = trial.memtable.oldest(trial.head, ALL);
  assert.deepEqual(
    all.operations.map(({ key, value }) => `${key}=${String(value)}`),
    ["b=1", "a=2"],
  );
});

test("a step that gave nothing releases nothing of what came since", () => {
  const trial = new Trial(1_024);
  trial.add(put("a", "1"));
  trial.memtable.release(trial.memtable.oldest(trial.head, ALL).until);
  const nothing = trial.memtable.oldest(trial.head, ALL);
  assert.deepEqual(nothing.operations, []);
  trial.add(put("b", "2"));
  trial.memtable.release(nothing.until);
  assert.equal(trial.get("a"), "unknown");
  assert.equal(trial.get("b"), "2");
  assert.equal(trial.memtable.oldest(trial.head, ALL).operations.length, 1);
});

// Goal: no bytes of a client's are taken for operations. Method: a value has in it what would be the record that follows the last one of
// the next round, which does not fit there and begins the round after: whoever goes through the ring meets the value's bytes there.
test("what a value of an earlier round has where a record did not fit is none", () => {
  const trial = new Trial(1_024);
  const all = (): string[] => {
    const { operations, until } = trial.memtable.oldest(trial.head - 1, ALL);
    trial.memtable.release(until);
    return operations.map(({ key }) => key);
  };
  const forged = newRing(1_024, 2);
  const record = { position: 1_024 + 960, gap: 0, bytes: 64 };
  encodeRecord(forged, 960, record, [put("forged", "x".repeat(20))]);
  // The value begins 40 bytes into its record.
  trial.add(put("wide", "x".repeat(700)));
  trial.add({ key: "host", value: Buffer.from(forged.bytes.subarray(trial.head + 40)) });
  assert.equal(trial.head, 1_024);
  assert.deepEqual(all(), ["wide", "host"]);
  trial.add(put("long", "x".repeat(960 - 64 - 40)));
  assert.deepEqual(all(), ["long"]);
  trial.add(put("short", "x".repeat(64 - 41)));
  assert.equal(trial.head, record.position);
  for (const key of ["next", "last"]) trial.add(put(key, "x".repeat(80)));
  assert.deepEqual(all(), ["short", "next", "last"]);
});

test("steps are as long as they may be, also where all that is old was replaced", () => {
  const trial = new Trial(1024 * 1024);
  for (let round = 0; round < 20_000; round += 1) trial.add(put("hot", "x"));
  const step = trial.memtable.oldest(trial.head, { operations: 4, bytes: 1e9 });
  assert.deepEqual(step.operations, []);
  assert.ok(step.until > 0 && step.until < trial.head / 10, "a step ends");
});

// Goal: whatever is added, replaced, removed and released, and whenever somebody scans, a memtable is a sorted map of what is in it.
// Method: random batches over few and many keys, long and short ones with the same beginnings, against a plain map; rounds of the ring.
test("it is a sorted map of what has not been released", () => {
  for (let seed = 0; seed < 60; seed += 1) {
    const prng = new Prng(seed);
    const trial = new Trial(1_024 << prng.below(9));
    const model = new Map<string, string | undefined>();
    const below = new Map<string, string | undefined>();
    const keys = 1 + prng.below(2_000);
    const drawKey = (): string => `${"d\x00\x01k".slice(0, prng.below(5))}${prng.below(keys)}`;
    for (let turn = 0; turn < 400; turn += 1) {
      const operations = Array.from({ length: 1 + prng.below(20) }, () =>
        prng.below(5) === 0 ? remove(drawKey()) : put(drawKey(), "v".repeat(prng.below(20))),
      );
      if (trial.add(...operations)) {
        for (const { key, value } of operations) model.set(key, value && String(value));
      } else {
        const step = trial.memtable.oldest(trial.head, {
          operations: 1 + prng.below(40),
          bytes: 1e9,
        });
        for (const { key, value } of step.operations) below.set(key, value && String(value));
        trial.memtable.release(step.until);
      }
      if (prng.below(20) > 0) continue;
      const from = prng.below(2) === 0 ? "" : drawKey();
      const range = { from, before: "\xff", entriesMax: 1e6, bytesMax: 1e9 };
      const { entries } = trial.memtable.collect(range);
      const found = [...entries.keys()];
      assert.deepEqual(found, found.toSorted(), `seed ${seed}: in order`);
      for (const [key, value] of model) {
        const held = trial.get(key);
        // What is not here any more is below as it was last.
        if (held === "unknown") assert.equal(below.get(key), value, `seed ${seed}: ${key}`);
        else assert.equal(held, value, `seed ${seed}: ${key}`);
        const isIn = key >= from && held !== "unknown";
        assert.equal(entries.has(key), isIn, `seed ${seed}: ${key} in a scan`);
        if (isIn) assert.equal(entries.get(key)?.toString("latin1"), value);
      }
    }
  }
});
