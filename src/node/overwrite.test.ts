/** Writes over what is surely older: nothing is read for them, and nothing else is different. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import "../../test/support/fixed-seed.ts";
import { HeldClock, HeldStorage } from "../../test/support/held-storage.ts";
import { compareBytes } from "../base/binary.ts";
import { hashBinary } from "../base/hash.ts";
import { HashTree } from "../core/anti-entropy/hash-tree.ts";
import { checksumOf, encodeCell } from "../core/causality/cell-codec.ts";
import { cellKey } from "../core/causality/storage-key.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { RootCell } from "../model/cell.ts";
import { type Key, keyFromText } from "../model/key.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../model/stamp.ts";
import { CellStore, decodeAll } from "./cell-store.ts";
import { GroupCommit } from "./group-commit.ts";

const K = keyFromText("{s}k");
const L = keyFromText("{s}l");
const SLOT = slotOfKey(K);

function at(ms: number): Stamp {
  return stampFrom(ms, 0, 0);
}

function value(ms: number, more: Partial<RootCell> = {}): RootCell {
  return {
    kind: "value",
    stamp: at(ms),
    type: "string",
    expiresAtMs: 0,
    cleared: at(ms),
    contentType: "",
    payload: Uint8Array.of(ms & 0xff),
    ...more,
  };
}

class Trial {
  readonly storage = new HeldStorage();
  readonly clock = new HeldClock();
  readonly commit: GroupCommit;
  readonly cells: CellStore;

  constructor(greatest: Stamp = NO_STAMP) {
    const { storage, clock } = this;
    this.commit = new GroupCommit({
      storage,
      clock,
      seal: () => ({ key: "mclock", value: Uint8Array.of(1) }),
      onFailed: () => this.cells.rebuild(),
    });
    this.cells = new CellStore({ commit: this.commit, storage, floor: at(10), greatest });
    this.cells.rebuild();
    this.build();
  }

  build(): void {
    while (!this.cells.isBuilt) this.storage.endScans();
  }

  overwrite(cell: RootCell, key: Key = K): boolean {
    return this.cells.overwrite(SLOT, key, decoded(cell, key)[0] ?? assert.fail("one"));
  }

  merge(cell: RootCell, key: Key = K): void {
    const merged = this.cells.merge(SLOT, key, decoded(cell, key));
    assert.equal(merged.kind, "merged");
  }

  settle(): void {
    this.clock.turn();
    while (this.storage.isWriting) {
      this.storage.commit();
      this.clock.turn();
    }
  }
}

function decoded(cell: RootCell, key: Key): NonNullable<ReturnType<typeof decodeAll>> {
  const bytes = encodeCell(cell, key, undefined);
  return decodeAll(key, [{ field: undefined, bytes }]) ?? assert.fail("it does not decode");
}

test("what was written since the start is overwritten without being read", () => {
  const trial = new Trial();
  trial.merge(value(50));
  trial.settle();
  trial.storage.isUnreadable = true;
  assert.equal(trial.overwrite(value(60)), true);
  assert.equal(trial.overwrite(value(70)), true, "and what overwrote it");
});

test("what is not sure to be older than everything in its slot is not", () => {
  const trial = new Trial(at(90));
  trial.merge(value(50));
  assert.equal(trial.overwrite(value(80)), false, "something before this start had that stamp");
  trial.merge(value(100), L);
  assert.equal(trial.overwrite(value(100)), false, "another key of the slot has it now");
  assert.equal(trial.overwrite(value(101)), true);
});

test("what is not known is not", () => {
  const trial = new Trial();
  assert.equal(trial.overwrite(value(50)), false);
});

test("what has an expiry, or fields, is read, and so is what is under it", () => {
  const trial = new Trial();
  trial.merge(value(50, { expiresAtMs: 99 }));
  assert.equal(trial.overwrite(value(100)), false);
  trial.merge(value(100, { kind: "container", type: "hash", payload: new Uint8Array(0) }));
  assert.equal(trial.overwrite(value(110)), false);
  trial.merge(value(110));
  const container = value(120, { kind: "container", type: "hash", payload: new Uint8Array(0) });
  assert.equal(trial.overwrite(container), false);
  assert.equal(trial.overwrite(value(120, { expiresAtMs: 500 })), false);
  assert.equal(trial.overwrite(value(120, { cleared: at(100) })), false);
  assert.equal(trial.overwrite(value(120, { kind: "tombstone" })), true);
});

test("what is dropped, or was not stored, is not known any more", () => {
  const trial = new Trial();
  trial.merge(value(50));
  const { bytes } = decoded(value(50), K)[0] ?? assert.fail();
  assert.equal(trial.cells.drop(SLOT, K, undefined, checksumOf(bytes)), true);
  assert.equal(trial.overwrite(value(60)), false);

  trial.merge(value(70));
  trial.clock.turn();
  trial.storage.commit("disk-full");
  trial.build();
  assert.equal(trial.overwrite(value(80)), false);
});

test("while hashes are built nothing is overwritten unread", () => {
  const trial = new Trial();
  trial.merge(value(50));
  trial.settle();
  trial.cells.rebuildSlot(SLOT);
  assert.equal(trial.overwrite(value(60)), false);
  trial.build();
  assert.equal(trial.overwrite(value(60)), false, "what has rotted is counted as it is by then");
});

test("the hashes are those of what stands, whatever was overwritten in which order", () => {
  const step = fc.record({
    key: fc.constantFrom(K, L),
    ms: fc.integer({ min: 1, max: 400 }),
    isTombstone: fc.boolean(),
    isExpiring: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const trial = new Trial();
      const other = new Trial();
      for (const { key, ms, isTombstone, isExpiring } of steps) {
        const cell = value(ms, {
          kind: isTombstone ? "tombstone" : "value",
          expiresAtMs: isExpiring ? ms + 50 : 0,
        });
        if (!trial.overwrite(cell, key)) trial.merge(cell, key);
        other.merge(cell, key);
      }
      trial.settle();
      const expected = new HashTree();
      for (const key of [K, L]) {
        const found = trial.cells.find(SLOT, key, undefined);
        const beside = other.cells.find(SLOT, key, undefined);
        assert.equal(found.kind, beside.kind);
        if (found.kind !== "held" || beside.kind !== "held") continue;
        assert.equal(compareBytes(found.bytes, beside.bytes), 0);
        expected.add(SLOT, hashBinary(cellKey(SLOT, key, undefined)), checksumOf(found.bytes));
      }
      assert.equal(trial.cells.hashes.cells, expected.cells);
      assert.deepEqual(
        trial.cells.hashes.groups(() => true),
        expected.groups(() => true),
      );
      assert.deepEqual(trial.cells.newestIn(SLOT), other.cells.newestIn(SLOT));
      assert.equal(trial.cells.dueTimes.at(SLOT), other.cells.dueTimes.at(SLOT));
    }),
  );
});
