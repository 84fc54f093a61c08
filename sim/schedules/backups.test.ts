/**
 * Backups while nodes crash, lose sight of each other, lose commits and forget what was deleted: what was acknowledged before
 * one began is in it, and what was deleted before is not.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { decodeRoot } from "../../src/core/causality/cell-codec.ts";
import { type Key, keyFromText } from "../../src/model/key.ts";
import type { WriteOutcome } from "../../src/model/outcome.ts";
import { type Asked, Stage, type WholeBackup, written } from "./stage.ts";

/** The value of each key in a backup; "" for a tombstone. */
function valuesIn(backup: WholeBackup): Map<Key, string> {
  assert.equal(backup.kind, "backup", JSON.stringify(backup));
  const values = new Map<Key, string>();
  for (const { key, field, bytes } of backup.kind === "backup" ? backup.cells : []) {
    assert.equal(field, undefined);
    const root = decodeRoot(bytes, key);
    assert.ok(root !== "damaged");
    assert.ok(!values.has(key), "a cell is in a backup once");
    values.set(key, root.kind === "tombstone" ? "" : Buffer.from(root.payload).toString());
  }
  return values;
}

test("a backup with fewer than a read quorum fails, or takes what there is and says where", () => {
  const stage = new Stage({ machines: 4 });
  const key = stage.keyOn(0, 1, 2);
  const other = stage.keyOn(0, 2, 3);
  written(stage.put(0, key, "value", { w: 3 }));
  written(stage.put(0, other, "other", { w: 3 }));
  stage.crash(1);
  stage.runFor(10_000);
  assert.equal(valuesIn(stage.backup(3)).get(key), "value", "two of three are a quorum");
  stage.crash(2);
  stage.runFor(10_000);
  const failed = stage.backup(3, { deadlineMs: 10_000 });
  assert.ok(failed.kind === "failed");
  assert.equal(failed.code, "quorum-unreachable");
  const taken = stage.backup(3, { deadlineMs: 10_000, allowsThin: true });
  assert.equal(valuesIn(taken).get(key), "value");
  assert.ok(taken.kind === "backup");
  const { slot } = stage.node(0).locate(key);
  const range = taken.thin.find(({ firstSlot, lastSlot }) => firstSlot <= slot && slot <= lastSlot);
  assert.equal(range?.copies, 1);
  const elsewhere = stage.node(0).locate(other).slot;
  const quorate = taken.thin.find((one) => one.firstSlot <= elsewhere && elsewhere <= one.lastSlot);
  assert.equal(quorate, undefined, "two of its primaries are there");
  stage.end();
});

test("who has lost commits is not counted in a backup", () => {
  const stage = new Stage({ machines: 4 });
  const key = stage.keyOn(0, 1, 2);
  written(stage.put(0, key, "old", { w: 3 }));
  stage.settle();
  const copy = stage.machine(1).disk.contents();
  stage.cut([0], [1, 2, 3]);
  written(stage.put(1, key, "new", { w: 2 }));
  // The fourth hears of commits that the copy lacks.
  const other = stage.keyOn(1, 2, 3);
  for (let index = 0; index < 20; index += 1) written(stage.put(3, other, `${index}`, { w: 3 }));
  stage.runFor(5_000);
  stage.crash(2);
  stage.crash(1);
  stage.machine(1).disk.replace(copy);
  stage.reboot(1);
  stage.heal();
  for (let at = 0; at < 10; at += 1) {
    const backup = stage.backup(3, { deadlineMs: 2_000 });
    assert.equal(backup.kind, "failed", "the two that are left do not know of it");
    stage.runFor(1_000);
  }
  stage.reboot(2);
  stage.settle();
  // Votes are given back by comparisons, one pair of nodes after another.
  let backup = stage.backup(0);
  for (let at = 0; at < 60 && backup.kind === "failed"; at += 1) {
    stage.runFor(1_000);
    backup = stage.backup(0);
  }
  assert.equal(valuesIn(backup).get(key), "new");
  stage.end();
});

test("a write that was answered before a backup began is in it, however many others are under way", () => {
  const stage = new Stage({ machines: 3 });
  const keys = Array.from({ length: 50 }, (_none, index) => keyFromText(`key${index}`));
  for (let round = 0; round < 10; round += 1) {
    const asked = keys.map((key) => stage.startPut(round % 3, key, `${round}`, { w: 2 }));
    stage.until("half of it is answered", () => asked.filter(isAnswered).length >= 25);
    const before = keys.filter((_key, index) => isAnswered(asked[index] as Asked<WriteOutcome>));
    const backup = stage.startBackup((round + 1) % 3);
    const values = valuesIn(stage.answer(backup));
    for (const key of before) assert.equal(values.get(key), `${round}`);
  }
  stage.end();
});

function isAnswered({ outcome }: Asked<WriteOutcome>): boolean {
  return outcome !== undefined;
}

interface Written {
  readonly key: Key;
  /** "" deletes. */
  readonly value: string;
  readonly asked: Asked<WriteOutcome>;
}

// Goal: what is acknowledged by a write quorum when a backup begins is in it, or something later of the same key; what is
// deleted then does not show, unless it was written again.
// Method: sequential writes and deletes of each key from any node, under crashes, cuts, rot and quick collection; a backup
// begins again and again, and each that succeeds is held against what had been acknowledged when it began.
test("what was acknowledged before a backup is in it, whatever happens to the nodes meanwhile", () => {
  let backups = 0;
  let collected = 0;
  for (const seed of [1, 2, 3]) {
    const stage = new Stage({ machines: 5, seed, shared: { graceMs: 1_000 } });
    const random = new Prng(seed);
    const keys = Array.from({ length: 40 }, (_none, index) => keyFromText(`key${index}`));
    /** By key, in order: what was asked for, each once the one before had ended. */
    const history = new Map<Key, Written[]>(keys.map((key) => [key, []]));
    const running = (): number[] =>
      [0, 1, 2, 3, 4].filter(
        (at) => stage.machine(at).node !== undefined && stage.machine(at).hasStarted,
      );
    const writeSome = (): void => {
      for (const key of keys) {
        const all = history.get(key) as Written[];
        if (all.length > 0 && all.at(-1)?.asked.outcome === undefined) continue;
        if (random.below(3) > 0) continue;
        const at = random.pick(running());
        const isDelete = random.below(3) === 0;
        const value = isDelete ? "" : `${all.length}`;
        const asked = isDelete
          ? stage.startDelete(at, key, { w: 2 })
          : stage.startPut(at, key, value, { w: 2 });
        all.push({ key, value, asked });
      }
    };
    let down: number | undefined;
    let hasRot = false;
    let asked: Asked<WholeBackup> | undefined;
    let from = new Map<Key, number>();
    for (let round = 0; round < 60; round += 1) {
      writeSome();
      if (down === undefined && random.below(6) === 0) {
        down = random.pick(running());
        if (random.below(2) === 0) stage.crash(down);
        else
          stage.cut(
            [down],
            [0, 1, 2, 3, 4].filter((at) => at !== down),
          );
      } else if (down !== undefined && random.below(8) === 0) {
        stage.heal();
        if (stage.machine(down).node === undefined) stage.reboot(down);
        down = undefined;
      }
      // One at a time: of a cell that rots on two disks at once nobody may have another copy.
      if (!hasRot && down === undefined && random.below(4) === 0) {
        hasRot = true;
        stage.machine(random.below(5)).disk.rot((key) => key[0] === "d");
      }
      if (asked === undefined) {
        from = new Map(keys.map((key) => [key, lastAcknowledged(history.get(key) as Written[])]));
        asked = stage.startBackup(random.pick(running()), { deadlineMs: 5_000 });
      }
      stage.runFor(100 + random.below(700));
      const { outcome } = asked;
      if (outcome?.kind === "backup") {
        backups += 1;
        hasRot = false;
        check(valuesIn(outcome), history, from, `seed ${seed}, round ${round}`);
      }
      // A node that crashes answers nobody.
      if (outcome !== undefined || (down !== undefined && random.below(4) === 0)) asked = undefined;
    }
    for (const { node } of stage.cluster.staying()) {
      collected += node?.status().counters["slots-collected"] ?? 0;
    }
    stage.end();
  }
  assert.ok(backups > 30, `${backups} backups were held against the history`);
  assert.ok(collected > 0, "something was collected meanwhile");
});

/** How many of these writes were asked for up to the last that a quorum had acknowledged. */
function lastAcknowledged(all: readonly Written[]): number {
  return all.findLastIndex(({ asked }) => asked.outcome?.kind === "written") + 1;
}

function check(
  found: ReadonlyMap<Key, string>,
  history: ReadonlyMap<Key, readonly Written[]>,
  from: ReadonlyMap<Key, number>,
  when: string,
): void {
  for (const [key, all] of history) {
    const least = from.get(key) as number;
    const value = found.get(key) ?? "";
    // Clocks agree here and each waited for the one before, so what came earlier is below.
    const allowed = all.slice(Math.max(0, least - 1)).map((one) => one.value);
    if (least === 0) allowed.push("");
    assert.ok(
      allowed.includes(value),
      `${when}: ${key} is ${JSON.stringify(value)}, of ${JSON.stringify(all.map((one) => one.value))} after ${least}`,
    );
  }
}
