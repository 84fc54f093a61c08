/**
 * Schedules about who holds what: copies kept for others, equal stamps over different bytes, reads that meet those who
 * hold nothing. The ids are those of the list of schedules; N = 3, W = R = 2.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { decodeCell, encodeCell, isRootCell } from "../../src/core/causality/cell-codec.ts";
import { cellKey } from "../../src/core/causality/storage-key.ts";
import { slotOfKey } from "../../src/core/placement/slot-of-key.ts";
import type { RootCell } from "../../src/model/cell.ts";
import { type Key, keyFromText } from "../../src/model/key.ts";
import type { ReadOutcome } from "../../src/model/outcome.ts";
import { compareStamps, NO_STAMP } from "../../src/model/stamp.ts";
import { Stage, written } from "./stage.ts";

test("A9: two cells of one stamp end as one, the same everywhere, whoever meets whom first", () => {
  const stage = new Stage({ machines: 3 });
  const key = stage.keyOn(0, 1, 2);
  written(stage.put(0, key, "original", { w: 3 }));
  stage.settle();
  // As a cloned disk would have it: another value under the very stamp, on one disk.
  const storageKey = cellKey(slotOfKey(key), key, undefined);
  stage.crash(1);
  const { disk } = stage.machine(1);
  const bytes = disk.get(storageKey);
  assert.ok(bytes !== undefined);
  const cell = decodeCell(bytes, key, undefined);
  assert.ok(cell !== "damaged" && isRootCell(cell));
  const twin = encodeCell({ ...cell, payload: Buffer.from("twin") }, key, undefined);
  const others = disk.contents().filter((entry) => entry.key !== storageKey);
  disk.replace([...others, { key: storageKey, value: twin }]);
  stage.reboot(1);
  stage.settle();
  const texts = [0, 1, 2].map((index) => stage.heldText(index, key));
  assert.equal(new Set(texts).size, 1, texts.join());
  stage.end();
});

const TWINS: Readonly<Record<string, Partial<RootCell>>> = {
  payload: { payload: Buffer.from("twin") },
  "content type": { contentType: "text/twin" },
  expiry: { expiresAtMs: 4e12 },
  // As of one who did not see the delete before: what it hides of the key differs, and no stamp does.
  cleared: { cleared: NO_STAMP },
};

/** Puts another cell under the very stamp of the one that stands on a machine's disk; its node is down. */
function putTwin(stage: Stage, index: number, key: Key, change: Partial<RootCell>): void {
  const { disk } = stage.machine(index);
  const cell = stage.held(index, key);
  assert.ok(cell !== undefined && cell !== "damaged");
  const storageKey = cellKey(slotOfKey(key), key, undefined);
  const value = encodeCell({ ...cell, ...change }, key, undefined);
  disk.replace([
    ...disk.contents().filter((entry) => entry.key !== storageKey),
    { key: storageKey, value },
  ]);
}

/** What stands on the three disks, bytes and all, without the same twice. */
function distinct(stage: Stage, key: Key): RootCell[] {
  const cells = [0, 1, 2].map((index) => stage.held(index, key) as RootCell);
  return cells.filter(
    (cell, index) => cells.findIndex((other) => isDeepStrictEqual(cell, other)) === index,
  );
}

// Goal: what differs under equal stamps is found by whoever compares, in whichever way slots are compared.
// Method: one of three disks holds twins, in slots that are listed whole and in ones of which single leaves are.
test("E2: cells of one stamp that differ in anything are seen by the lists of an exchange", () => {
  for (const index of [0, 1, 2]) {
    const stage = new Stage({ machines: 3 });
    const twins = new Map<Key, Partial<RootCell>>();
    for (const [what, change] of Object.entries(TWINS)) {
      twins.set(keyFromText(`{${what}}`), change);
      twins.set(keyFromText(`{many}${what}`), change);
    }
    for (const key of twins.keys()) written(stage.put(0, key, "original", { w: 3 }));
    for (let other = 0; other < 60; other += 1) {
      stage.startPut(0, keyFromText(`{many}${other}`), "v", { w: 3 });
    }
    stage.settle();
    stage.crash(index);
    for (const [key, change] of twins) putTwin(stage, index, key, change);
    for (const key of twins.keys()) assert.equal(distinct(stage, key).length, 2);
    stage.reboot(index);
    stage.settle();
    for (const key of twins.keys()) assert.equal(distinct(stage, key).length, 1, key);
    stage.end();
  }
});

test("E2: cells of one stamp that differ in anything are seen by a read, and mended before it answers", () => {
  for (const index of [0, 1, 2]) {
    const stage = new Stage({ machines: 3 });
    const twins = Object.entries(TWINS).map(
      ([what, change]) => [keyFromText(what), change] as const,
    );
    for (const [key] of twins) written(stage.put(0, key, "original", { w: 3 }));
    stage.settle();
    stage.crash(index);
    for (const [key, change] of twins) putTwin(stage, index, key, change);
    stage.boot(index);
    for (const [key] of twins) {
      // Comparisons look twice, a while apart: the first read that all three answer is before them.
      let outcome: ReadOutcome;
      do {
        stage.runFor(5);
        assert.equal(distinct(stage, key).length, 2, `${key}: the read comes first`);
        outcome = stage.read((index + 1) % 3, key, { r: 3, deadlineMs: 50 });
      } while (outcome.kind !== "found");
      const { root } = outcome;
      const holders = [0, 1, 2].filter((at) => isDeepStrictEqual(stage.held(at, key), root));
      assert.ok(holders.length >= 2, `${key}: ${holders.join()} hold what was answered`);
      stage.runFor(5);
      assert.deepEqual(distinct(stage, key), [root], key);
    }
    stage.end();
  }
});

test("B6: a foreign cell that is overwritten while it is handed over is not dropped with the older one", () => {
  const stage = new Stage({ machines: 5 });
  const key = stage.keyOn(0, 1, 2);
  const gone = stage.id(2);
  stage.crash(2);
  stage.until("the death is known", () =>
    [0, 1, 3, 4].every((index) => stage.liveness(index, gone) === "dead"),
  );
  written(stage.put(0, key, "first"));
  const keeper = [3, 4].find((index) => stage.heldText(index, key) === "first");
  assert.ok(keeper !== undefined, "a fallback stood in");
  // The older one is on its way to its primary when the newer one comes: as soon as the primary is back.
  stage.boot(2);
  for (let round = 0; round < 40; round += 1) {
    stage.put(round % 2, key, `round ${round}`);
    stage.runFor(round % 7);
  }
  stage.settle();
  for (const index of [0, 1, 2]) assert.equal(stage.heldText(index, key), "round 39");
  for (const index of [3, 4]) assert.equal(stage.heldText(index, key), "nothing");
  stage.end();
});

test("B10: what fallbacks do not hold is not said to be absent by a quorum", () => {
  const stage = new Stage({ machines: 5 });
  const key = stage.keyOn(0, 1, 2);
  written(stage.put(0, key, "v", { w: 3 }));
  stage.crash(0);
  stage.crash(1);
  const demanded = stage.read(3, key, { r: 2, deadlineMs: 2_000 });
  assert.equal(demanded.kind, "failed");
  // One primary is left: it shows what it has, and the answer says that it was alone.
  const outcome = stage.read(4, key);
  assert.ok(outcome.kind === "found", JSON.stringify(outcome));
  assert.equal(outcome.quorum.acks, 1);
  stage.crash(2);
  const blind = stage.read(4, key, { deadlineMs: 2_000 });
  const isHonest = blind.kind === "failed" || (blind.kind === "absent" && blind.quorum.acks === 0);
  assert.ok(isHonest, JSON.stringify(blind));
  assert.equal(stage.read(4, key, { r: 1, deadlineMs: 2_000 }).kind, "failed");
  for (const index of [0, 1, 2]) stage.boot(index);
  stage.settle();
  assert.equal(stage.shown(4, key), "v");
  stage.end();
});

test("E11: whoever holds a write remembers whom it missed, though its coordinator holds nothing and ends", () => {
  const stage = new Stage({ machines: 4 });
  const key = stage.keyOn(0, 1, 2);
  stage.cut([3], [2]);
  written(stage.put(3, key, "v", { w: 2 }));
  stage.runFor(2_000);
  stage.crash(3);
  stage.heal();
  stage.until("the third has it", () => stage.heldText(2, key) === "v", 30_000);
  stage.boot(3);
  stage.settle();
  stage.end();
});

test("hints outlive their holder's restart", () => {
  const stage = new Stage({ machines: 3 });
  const key = stage.keyOn(0, 1, 2);
  const gone = stage.id(2);
  stage.crash(2);
  stage.until("the death is known", () =>
    [0, 1].every((index) => stage.liveness(index, gone) === "dead"),
  );
  written(stage.put(0, key, "v"));
  const dirty = (): number[] =>
    [0, 1].map(
      (index) =>
        stage.status(index).members.find(({ record }) => record.id === gone)?.dirtySlots ?? 0,
    );
  stage.runFor(500);
  const before = dirty();
  assert.ok(Math.max(...before) > 0);
  stage.crash(0);
  stage.crash(1);
  stage.reboot(0);
  stage.reboot(1);
  assert.deepEqual(dirty(), before);
  stage.reboot(2);
  stage.settle();
  assert.equal(stage.heldText(2, key), "v");
  stage.end();
});

test("a read error is not absence: neither a read nor a condition takes it for one", () => {
  const stage = new Stage({ machines: 3 });
  const key = stage.keyOn(0, 1, 2);
  const { stamp } = written(stage.put(0, key, "v", { w: 2 }));
  stage.settle();
  for (const index of [0, 1, 2]) {
    stage.machine(index).disk.fault({ failsReads: true });
    // The node asked cannot read its own disk, the first primary may be the one that cannot: no difference.
    for (const at of [0, 1, 2]) {
      assert.equal(stage.shown(at, key), "v", `n${index} cannot read, n${at} is asked`);
      const outcome = stage.put(at, key, "twice", {
        condition: { kind: "absent" },
        deadlineMs: 2_000,
      });
      assert.notEqual(outcome.kind, "written", `n${index} cannot read, n${at} is asked`);
    }
    stage.machine(index).disk.fault({ failsReads: false });
  }
  assert.equal(stage.shown(0, key), "v");
  const outcome = stage.read(1, key);
  assert.ok(outcome.kind === "found" && compareStamps(outcome.root.stamp, stamp) === 0);
  stage.settle();
  stage.end();
});

test("a read error while a write is stamped lets nothing be stamped below what is held", () => {
  const stage = new Stage({ machines: 3 });
  const key = stage.keyOn(0, 1, 2);
  // Held far ahead of all clocks: who takes an error for absence would stamp below it, and lose.
  stage.machine(0).clock.step(600_000);
  const wild = written(stage.put(0, key, "wild", { w: 3 }));
  for (const index of [0, 1, 2]) {
    stage.machine(index).disk.fault({ failsReads: true });
    const later = stage.put(1, key, `while n${index} cannot read`, { deadlineMs: 2_000 });
    if (later.kind === "written") assert.ok(compareStamps(later.stamp, wild.stamp) > 0);
    stage.machine(index).disk.fault({ failsReads: false });
    assert.equal(later.kind, "written");
    assert.equal(stage.shown(2, key), `while n${index} cannot read`);
  }
  stage.settle();
  stage.end();
});
