import assert from "node:assert/strict";
import { test } from "node:test";
import { agreeOn, WIRE_OWN } from "./wire-versions.ts";

const of = (least: number, greatest: number) => ({ least, greatest });

test("two nodes speak the greatest version that both can, whoever asks", () => {
  for (const [one, other, agreed] of [
    [of(4, 4), of(4, 4), 4],
    [of(4, 5), of(4, 4), 4],
    [of(4, 5), of(5, 6), 5],
    [of(4, 9), of(2, 7), 7],
  ] as const) {
    assert.equal(agreeOn(one, other), agreed);
    assert.equal(agreeOn(other, one), agreed);
  }
});

test("where there is none both say what they speak", () => {
  assert.equal(
    agreeOn(of(4, 4), of(5, 6)),
    "this node speaks wire version 4, not wire versions 5 to 6",
  );
  assert.equal(
    agreeOn(of(5, 6), of(3, 3)),
    "this node speaks wire versions 5 to 6, not wire version 3",
  );
});

test("a program speaks what it says", () => {
  assert.ok(WIRE_OWN.least <= WIRE_OWN.greatest);
});
