import assert from "node:assert/strict";
import { test } from "node:test";
import { FleetingMap } from "./fleeting-map.ts";
import { Prng } from "./prng.ts";

test("it does what a map does, also after many have come and gone", () => {
  const prng = new Prng(1);
  const map = new Map<number, number>();
  const fleeting = new FleetingMap<number, number>();
  for (let turn = 0; turn < 20_000; turn += 1) {
    const key = prng.below(50);
    if (prng.below(2) === 0) assert.equal(fleeting.delete(key), map.delete(key));
    else {
      map.set(key, turn);
      fleeting.set(key, turn);
    }
    assert.equal(fleeting.get(key), map.get(key));
    assert.equal(fleeting.size, map.size);
    if (turn % 100 === 0) assert.deepEqual(fleeting.entries(), [...map]);
  }
});
