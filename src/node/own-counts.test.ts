import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../base/prng.ts";
import { counterCell } from "../core/causality/addresses.ts";
import { keyFromText } from "../model/key.ts";
import { NO_STAMP, stampFrom } from "../model/stamp.ts";
import { type NotedCount, OwnCounts } from "./own-counts.ts";

const KEY = keyFromText("k");

const BASE = stampFrom(10, 0, 0);
const LATER = stampFrom(20, 0, 0);
const OVER = { addressOf: counterCell, epoch: NO_STAMP, base: BASE };
const KNOWN = { isKnown: true, collected: NO_STAMP };
const ALONE = { isKnown: false, collected: NO_STAMP };

function noted(sum: bigint): NotedCount {
  return { epoch: NO_STAMP, base: BASE, sum };
}

test("what a majority has not taken is remembered until it has", () => {
  const counts = new OwnCounts(new Prng(1));
  const address = counterCell(counts.id);
  assert.deepEqual(counts.cellFor(KEY, OVER, KNOWN), { address, sum: undefined });
  counts.note(KEY, address, noted(5n), false);
  assert.deepEqual(counts.cellFor(KEY, OVER, KNOWN), { address, sum: 5n });
  assert.equal(counts.cellFor(keyFromText("other"), OVER, KNOWN).sum, undefined);
  counts.note(KEY, address, noted(6n), true);
  assert.deepEqual(counts.cellFor(KEY, OVER, KNOWN), { address, sum: undefined });
});

test("what is counted alone is remembered in any case, over each epoch for itself", () => {
  const counts = new OwnCounts(new Prng(1));
  const address = counterCell(counts.aloneId);
  counts.note(KEY, address, noted(5n), true);
  assert.deepEqual(counts.cellFor(KEY, OVER, ALONE), { address, sum: 5n });
  const other = { ...OVER, epoch: stampFrom(1, 0, 0) };
  assert.deepEqual(counts.cellFor(KEY, other, ALONE), { address, sum: undefined });
});

test("nothing is added to a count whose number was collected and does not stand there any more", () => {
  for (const base of [undefined, LATER]) {
    const counts = new OwnCounts(new Prng(1));
    const { id } = counts;
    counts.note(KEY, counterCell(id), noted(5n), false);
    const before = { isKnown: true, collected: stampFrom(9, 0, 0) };
    assert.equal(counts.cellFor(KEY, { ...OVER, base }, before).sum, 5n, "it cannot be gone yet");
    const after = { isKnown: true, collected: stampFrom(11, 0, 0) };
    const { address, sum } = counts.cellFor(KEY, { ...OVER, base }, after);
    assert.equal(sum, undefined);
    assert.notEqual(address, counterCell(id), "a copy of the former count may be somewhere");
    assert.equal(address, counterCell(counts.id));
  }
});

test("a count beside a number that still stands is continued, whatever was collected", () => {
  const counts = new OwnCounts(new Prng(1));
  counts.note(KEY, counterCell(counts.id), noted(5n), false);
  const { sum } = counts.cellFor(KEY, OVER, { isKnown: true, collected: LATER });
  assert.equal(sum, 5n);
});

test("with more to remember than fits, all of it is left behind, together with the id", () => {
  const counts = new OwnCounts(new Prng(1));
  const { id } = counts;
  const address = counterCell(id);
  for (let index = 0; index < 16_384; index += 1) {
    counts.note(keyFromText(`k${index}`), address, noted(1n), false);
  }
  assert.equal(counts.id, id);
  counts.note(keyFromText("one more"), address, noted(1n), false);
  assert.notEqual(counts.id, id);
  assert.deepEqual(counts.cellFor(keyFromText("k0"), OVER, KNOWN), {
    address: counterCell(counts.id),
    sum: undefined,
  });
});

test("ids are eight bytes, each start's its own", () => {
  const random = new Prng(1);
  const ids = [new OwnCounts(random).id, new OwnCounts(random).id, new OwnCounts(random).aloneId];
  assert.equal(new Set(ids).size, 3);
  for (const id of ids) assert.match(id, /^[\0-\xff]{8}$/s);
});
