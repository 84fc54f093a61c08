import assert from "node:assert/strict";
import { test } from "node:test";
import type { RootCell } from "../../model/cell.ts";
import { bootIdFrom } from "../../model/ids.ts";
import { NO_STAMP, stampFrom } from "../../model/stamp.ts";
import { mergeCells, mergeRoots } from "./merge.ts";

const at = (ms: number) => stampFrom(ms, 0, bootIdFrom(7));

function root(over: Partial<RootCell>): RootCell {
  return {
    kind: "value",
    stamp: at(1),
    type: "string",
    expiresAtMs: 0,
    cleared: NO_STAMP,
    contentType: "",
    payload: new Uint8Array(),
    ...over,
  };
}

test("the greater stamp wins, whatever the kinds", () => {
  const value = root({ stamp: at(1) });
  const tombstone = root({ kind: "tombstone", stamp: at(2) });
  assert.equal(mergeRoots(value, tombstone), tombstone);
  assert.equal(mergeRoots(tombstone, value), tombstone);
});

test("at equal stamps a tombstone loses to a container, and that to a value", () => {
  const tombstone = root({ kind: "tombstone" });
  const container = root({ kind: "container" });
  const value = root({ kind: "value" });
  assert.equal(mergeRoots(tombstone, container), container);
  assert.equal(mergeRoots(value, container), value);
});

test("at equal stamps and kinds the greater bytes win", () => {
  const less = root({ payload: Uint8Array.of(1, 255) });
  const more = root({ payload: Uint8Array.of(2) });
  assert.equal(mergeRoots(less, more), more);
  assert.equal(mergeRoots(more, less), more);
});

test("a delete seen late still clears under a root that is newer than it", () => {
  const deleted = root({ kind: "tombstone", stamp: at(30), cleared: at(30) });
  const expiring = root({ kind: "container", type: "hash", stamp: at(50), expiresAtMs: 99 });
  const merged = mergeRoots(expiring, deleted);
  assert.deepEqual(merged, { ...expiring, cleared: at(30) });
});

test("roots equal but for `cleared`: the further one is returned as it is", () => {
  const held = root({});
  const further = root({ cleared: at(1) });
  assert.equal(mergeRoots(held, further), further);
  assert.equal(mergeRoots(further, held), further);
});

test("where nothing is held, what comes is taken as it is", () => {
  const value = root({});
  assert.equal(mergeCells(undefined, value), value);
});

test("a root never meets a field", () => {
  const field = {
    kind: "field",
    stamp: at(9),
    type: "hash",
    expiresAtMs: 0,
    since: NO_STAMP,
  } as const;
  assert.throws(
    () => mergeCells(root({}), { ...field, payload: new Uint8Array() }),
    /AssertionError|root/,
  );
  assert.throws(
    () => mergeCells({ ...field, payload: new Uint8Array() }, root({})),
    /AssertionError|field/,
  );
});
