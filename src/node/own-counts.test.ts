import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../base/prng.ts";
import { counterCell } from "../core/causality/addresses.ts";
import { keyFromText } from "../model/key.ts";
import { NO_STAMP, stampFrom } from "../model/stamp.ts";
import { OwnCounts } from "./own-counts.ts";

const KEY = keyFromText("k");

test("what a majority has not taken is remembered until it has", () => {
  const counts = new OwnCounts(new Prng(1));
  const address = counterCell(counts.id);
  counts.note(KEY, address, { epoch: NO_STAMP, sum: 5n }, false);
  assert.equal(counts.at(KEY, address, NO_STAMP)?.sum, 5n);
  assert.equal(counts.at(keyFromText("other"), address, NO_STAMP), undefined);
  counts.note(KEY, address, { epoch: NO_STAMP, sum: 6n }, true);
  assert.equal(counts.at(KEY, address, NO_STAMP), undefined);
});

test("what is counted alone is remembered in any case, over each epoch for itself", () => {
  const counts = new OwnCounts(new Prng(1));
  const alone = counterCell(counts.aloneId);
  counts.note(KEY, alone, { epoch: NO_STAMP, sum: 5n }, true);
  assert.equal(counts.at(KEY, alone, NO_STAMP)?.sum, 5n);
  assert.equal(counts.at(KEY, alone, stampFrom(1, 0, 0)), undefined);
});

test("with more to remember than fits, all of it is left behind, together with the id", () => {
  const counts = new OwnCounts(new Prng(1));
  const { id } = counts;
  const address = counterCell(id);
  for (let index = 0; index < 16_384; index += 1) {
    counts.note(keyFromText(`k${index}`), address, { epoch: NO_STAMP, sum: 1n }, false);
  }
  assert.equal(counts.id, id);
  counts.note(keyFromText("one more"), address, { epoch: NO_STAMP, sum: 1n }, false);
  assert.notEqual(counts.id, id);
  assert.equal(counts.at(keyFromText("k0"), address, NO_STAMP), undefined);
});

test("ids are eight bytes, each start's its own", () => {
  const random = new Prng(1);
  const ids = [new OwnCounts(random).id, new OwnCounts(random).id, new OwnCounts(random).aloneId];
  assert.equal(new Set(ids).size, 3);
  for (const id of ids) assert.match(id, /^[\0-\xff]{8}$/s);
});
