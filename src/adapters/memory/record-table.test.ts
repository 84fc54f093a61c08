import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../base/prng.ts";
import { RecordArena } from "./record-arena.ts";
import { FETCHED_MAX, RecordTable } from "./record-table.ts";

/** Sizes around the bounds of classes, of shared records and of records that are arrays of their own. */
const SIZES = [0, 1, 15, 16, 17, 100, 255, 256, 257, 300, 1_000, 16_300, 16_384, 20_000, 300_000];

test("a table holds what a map would, through growth, moves and removals", () => {
  for (let seed = 0; seed < 30; seed += 1) {
    const prng = new Prng(seed);
    const table = new RecordTable();
    const model = new Map<string, string>();
    const keys = 1 + prng.below(600);
    const largest = 1 + prng.below(SIZES.length);
    for (let turn = 0; turn < 3_000; turn += 1) {
      const key = `${"k".repeat(prng.below(3))}${prng.below(keys)}\u00ff`;
      if (prng.below(3) === 0) {
        assert.equal(table.delete(key), model.delete(key));
        continue;
      }
      const size = SIZES[prng.below(turn % 50 === 0 ? largest : Math.min(largest, 8))] as number;
      const value = Buffer.alloc(size, turn);
      assert.equal(table.set(key, value), !model.has(key));
      model.set(key, value.toString("latin1"));
      value.fill(0);
    }
    assert.equal(table.size, model.size);
    for (let index = 0; index < keys; index += 1) {
      for (const key of [`${index}\u00ff`, `k${index}\u00ff`, `kk${index}\u00ff`]) {
        assert.equal(table.get(key)?.toString("latin1"), model.get(key));
      }
    }
  }
});

test("records are fetched together, whatever their size, whether or not there are any", () => {
  const table = new RecordTable();
  const keys = Array.from({ length: FETCHED_MAX + 5 }, (_, index) => ({ key: `key ${index}` }));
  for (let first = 0; first < keys.length; first += FETCHED_MAX) {
    const hashes = table.fetch(keys, first);
    // The first one is an array of its own, before there is any that is shared.
    for (const [index, { key }] of keys.slice(first, first + FETCHED_MAX).entries()) {
      const value = Buffer.alloc(first + index === 0 ? 300_000 : index, index);
      assert.equal(table.set(key, value, hashes[index]), true);
      table.fetch(keys, first);
    }
  }
  for (const [index, { key }] of keys.entries()) {
    const length = index === 0 ? 300_000 : index % FETCHED_MAX;
    assert.deepEqual(table.get(key), Buffer.alloc(length, length % 300_000));
  }
});

test("what a table answers with is a copy", () => {
  const table = new RecordTable();
  table.set("a", Buffer.from("one"));
  table.get("a")?.fill(0);
  assert.equal(table.get("a")?.toString(), "one");
});

test("records lie apart, and one that is given back is used again", () => {
  const prng = new Prng(1);
  const arena = new RecordArena();
  const taken: { readonly address: number; readonly bytes: number; readonly mark: number }[] = [];
  for (let turn = 0; turn < 4_000; turn += 1) {
    if (taken.length > 0 && prng.below(3) === 0) {
      const [record] = taken.splice(prng.below(taken.length), 1);
      assert.ok(record !== undefined);
      arena.give(record.address, record.bytes);
      continue;
    }
    const bytes = 1 + prng.below(prng.below(20) === 0 ? 40_000 : 700);
    const address = arena.take(bytes);
    const mark = turn & 0xff;
    const at = arena.offsetOf(address);
    arena.chunkAt(address).bytes.fill(mark, at, at + bytes);
    taken.push({ address, bytes, mark });
  }
  for (const { address, bytes, mark } of taken) {
    const at = arena.offsetOf(address);
    const held = arena.chunkAt(address).bytes.subarray(at, at + bytes);
    assert.ok(held.every((byte) => byte === mark));
  }
  for (const bytes of [5, 200, 300, 9_000, 100_000]) {
    const address = arena.take(bytes);
    arena.give(address, bytes);
    assert.equal(arena.take(bytes), address, `${bytes}`);
  }
});
