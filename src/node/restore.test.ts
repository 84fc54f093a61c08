import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldStorage } from "../../test/support/held-storage.ts";
import { cellKey, dirtyMapKey } from "../core/causality/storage-key.ts";
import { DirtyMaps } from "../core/replication/dirty-maps.ts";
import { nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import type { MemberRecord } from "../model/member.ts";
import { slotFrom } from "../model/slot.ts";
import { membersOperation } from "./node-state.ts";
import { hasCells, knownMembers, restoreDirtyMaps } from "./restore.ts";

const PEER = nodeIdFrom(1, 2);

function restored(storage: HeldStorage, dirtyMaps = new DirtyMaps()): string | undefined {
  const told: (string | undefined)[] = [];
  restoreDirtyMaps(storage, dirtyMaps, (problem) => told.push(problem));
  storage.endScans();
  assert.equal(told.length, 1);
  return told[0];
}

function problemOf(known: readonly MemberRecord[] | string): string {
  return typeof known === "string" ? known : "none";
}

test("dirty maps come back as they were stored", () => {
  const before = new DirtyMaps();
  before.set(PEER, slotFrom(7));
  const storage = new HeldStorage();
  storage.plant(dirtyMapKey(PEER), before.bits(PEER));
  const after = new DirtyMaps();
  assert.equal(restored(storage, after), undefined);
  assert.equal(after.next(PEER, 0), 7);
});

test("a dirty map that is damaged or cannot be read keeps a node from starting", () => {
  const storage = new HeldStorage();
  storage.plant(dirtyMapKey(PEER), new Uint8Array(5));
  assert.match(restored(storage) ?? "", /dirty map .* damaged/);
  storage.isUnreadable = true;
  assert.match(restored(storage) ?? "", /cannot be read/);
});

test("members that are missing, damaged or cannot be read are not nobody", () => {
  const storage = new HeldStorage();
  assert.match(problemOf(knownMembers(storage)), /missing/);
  const { key, value } = membersOperation([]);
  storage.plant(key, value);
  assert.deepEqual(knownMembers(storage), []);
  storage.plant(key, Uint8Array.from(value ?? []).fill(1, 0, 1));
  assert.match(problemOf(knownMembers(storage)), /damaged/);
  storage.isUnreadable = true;
  assert.match(problemOf(knownMembers(storage)), /cannot be read/);
});

test("a disk that cannot be read may have cells", () => {
  const storage = new HeldStorage();
  const told: boolean[] = [];
  const ask = (): void => {
    hasCells(storage, (isHolder) => told.push(isHolder));
    storage.endScans();
  };
  ask();
  storage.isUnreadable = true;
  ask();
  storage.isUnreadable = false;
  storage.plant(cellKey(slotFrom(3), keyFromText("k"), undefined), new Uint8Array(1));
  ask();
  assert.deepEqual(told, [false, true, true]);
});
