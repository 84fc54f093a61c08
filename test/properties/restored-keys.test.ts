import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import "../support/fixed-seed.ts";
import { bytesFromBinary } from "../../src/base/binary.ts";
import { decodeCell } from "../../src/core/causality/cell-codec.ts";
import { RestoredKeys, type RestoredPart } from "../../src/core/operations/restored-keys.ts";
import { type Key, keyFromText } from "../../src/model/key.ts";
import type { Operation, QueryOutcome } from "../../src/model/operation.ts";
import type { ReadOutcome } from "../../src/model/outcome.ts";
import { NO_STAMP, type Stamp } from "../../src/model/stamp.ts";
import { FakeStore } from "../support/fake-store.ts";

const KEY = keyFromText("k");

const name = fc.constantFrom("", "a", "b", "nn", "\xff");
const text = fc.constantFrom("", "7", "-3", "text");
const delta = fc.bigInt({ min: -5n, max: 5n });

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant("set"),
    value: text.map(bytesFromBinary),
    expiry: fc.constantFrom(0, 4e12, "keep"),
    when: fc.constantFrom("always", "exists", "absent"),
    wantsOld: fc.constant(false),
  }),
  fc.record({ kind: fc.constant("take") }),
  fc.record({ kind: fc.constant("add"), delta }),
  fc.record({
    kind: fc.constant("expire"),
    expiresAtMs: fc.constant(4e12),
    when: fc.constant("always"),
  }),
  fc.record({ kind: fc.constant("persist") }),
  fc.record({
    kind: fc.constant("hash-set"),
    entries: fc.array(fc.tuple(name, text.map(bytesFromBinary)), { minLength: 1, maxLength: 3 }),
    when: fc.constantFrom("always", "absent"),
  }),
  fc.record({
    kind: fc.constant("hash-delete"),
    names: fc.array(name, { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant("hash-add"), name, delta }),
  fc.record({
    kind: fc.constant("set-add"),
    members: fc.array(name, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant("set-remove"),
    members: fc.array(name, { minLength: 1, maxLength: 2 }),
  }),
) as fc.Arbitrary<Operation>;

/** What `RestoredKeys` makes of these cells, as a client would be shown it. */
function restoredFrom(store: FakeStore, flushed: Stamp = NO_STAMP): unknown {
  const parts: RestoredPart[] = [];
  const keys = new RestoredKeys({
    nowMs: store.nowMs,
    flushed: () => flushed,
    onPart: (part) => parts.push(part),
  });
  const cells = store
    .encodedCells(KEY)
    .sort((a, b) => ((a.field ?? "") < (b.field ?? "") ? -1 : 1));
  for (const { key, field, bytes } of cells) {
    const cell = decodeCell(bytes, key, field);
    assert.ok(cell !== "damaged");
    keys.add(key, field, cell);
  }
  keys.end();
  const [first] = parts;
  if (first === undefined) return "nothing";
  if (first.kind === "value") {
    assert.equal(parts.length, 1);
    const { payload, expiresAtMs } = first.root;
    return { text: Buffer.from(payload).toString("latin1"), expiresAtMs };
  }
  const { type, expiresAtMs } = first;
  const fields: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    assert.ok(part.kind === "fields" && part.continues === index > 0);
    for (const [one, value] of part.entries) {
      assert.equal(Object.hasOwn(fields, one), false, "a field comes once");
      fields[one] = Buffer.from(value).toString("latin1");
    }
  }
  return { type, fields, expiresAtMs };
}

/** What a client is shown. */
async function shownBy(store: FakeStore): Promise<unknown> {
  const read = await new Promise<ReadOutcome>((resolve) => store.read({ key: KEY }, resolve));
  if (read.kind !== "found") return "nothing";
  const { root } = read;
  if (root.kind === "value") {
    return { text: Buffer.from(root.payload).toString("latin1"), expiresAtMs: root.expiresAtMs };
  }
  const query = { kind: "whole", type: "either" } as const;
  const whole = await new Promise<QueryOutcome>((resolve) =>
    store.query({ key: KEY, query }, resolve),
  );
  assert.ok(whole.kind === "answered" && whole.result.kind === "page");
  const { type, entries, expiresAtMs } = whole.result;
  const fields = Object.fromEntries(
    entries.map(([one, value]) => [one, Buffer.from(value).toString("latin1")]),
  );
  return { type, fields, expiresAtMs };
}

function operate(store: FakeStore, key: Key, one: Operation): Promise<void> {
  return new Promise((resolve) => store.operate({ key, operation: one }, () => resolve()));
}

// Goal: a backup gives back what clients were shown, whatever was done to a key before.
// Method: operations of all types on one key of a store in memory; its cells go through `RestoredKeys`, itself is read.
test("what is restored is what clients read, of every type, after whatever was done", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
      const store = new FakeStore();
      for (const one of operations) await operate(store, KEY, one);
      assert.deepEqual(restoredFrom(store), await shownBy(store));
      // Once the time is over, nothing of it is left.
      store.nowMs = 4e12 + 1;
      assert.deepEqual(restoredFrom(store), await shownBy(store));
    }),
    { numRuns: 400 },
  );
});

test("what lies below its slot's flush is not restored", async () => {
  const store = new FakeStore();
  await operate(store, KEY, {
    kind: "hash-set",
    entries: [["a", Buffer.from("1")]],
    when: "always",
  });
  const before = store.cells.get(KEY)?.stamp as Stamp;
  await operate(store, KEY, {
    kind: "hash-set",
    entries: [["b", Buffer.from("2")]],
    when: "always",
  });
  const after = store.cells.get(KEY)?.stamp as Stamp;
  assert.deepEqual(restoredFrom(store, before), {
    type: "hash",
    fields: { b: "2" },
    expiresAtMs: 0,
  });
  assert.equal(restoredFrom(store, after), "nothing");
});

test("a large hash comes in parts that continue each other", async () => {
  const store = new FakeStore();
  const entries = Array.from(
    { length: 2_500 },
    (_none, index) => [`f${index}`, Buffer.from("v")] as const,
  );
  await operate(store, KEY, { kind: "hash-set", entries, when: "always" });
  await operate(store, KEY, { kind: "hash-add", name: "n", delta: 5n });
  assert.deepEqual(restoredFrom(store), await shownBy(store));
});

test("keys that have expired are counted, deleted ones are not", () => {
  const store = new FakeStore();
  const keys = new RestoredKeys({
    nowMs: 5e12,
    flushed: () => NO_STAMP,
    onPart: () => assert.fail(),
  });
  const value = {
    kind: "value",
    type: "string",
    contentType: "",
    payload: new Uint8Array(0),
  } as const;
  const cell = { ...value, stamp: { ms: 1, counter: 0, boot: 1 }, cleared: NO_STAMP };
  keys.add(KEY, undefined, { ...cell, expiresAtMs: 4e12 });
  keys.add(keyFromText("l"), undefined, { ...cell, kind: "tombstone", expiresAtMs: 0 });
  keys.end();
  assert.equal(keys.expired, 1);
  assert.equal(store.cells.size, 0);
});
