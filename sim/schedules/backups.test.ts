/**
 * Backups while nodes crash, lose sight of each other, lose commits and forget what was deleted: what was acknowledged before
 * one began is in it, and what was deleted before is not.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import type { PlacedCell } from "../../src/core/operations/backup-difference.ts";
import { type Key, keyFromText } from "../../src/model/key.ts";
import type { WriteOutcome } from "../../src/model/outcome.ts";
import { type Increment, placedCells } from "../increments.ts";
import { type Asked, Stage, type WholeBackup, written } from "./stage.ts";

/** The value of each key in a backup; "" for a tombstone. */
function valuesIn(backup: WholeBackup): Map<Key, string> {
  assert.equal(backup.kind, "backup", JSON.stringify(backup));
  return valuesOf(placedCells(backup.kind === "backup" ? backup.cells : []));
}

function valuesOf(cells: readonly PlacedCell[]): Map<Key, string> {
  const values = new Map<Key, string>();
  for (const { key, field, cell } of cells) {
    assert.equal(field, undefined);
    assert.ok(!values.has(key), "a cell is in a backup once");
    values.set(key, cell.kind === "tombstone" ? "" : Buffer.from(cell.payload).toString());
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
  const before = stage.backup(3);
  assert.ok(before.kind === "backup");
  const base = placedCells(before.cells);
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
    const increment = stage.increment(3, base, { deadlineMs: 2_000, allowsThin: true });
    assert.ok(increment.kind === "increment");
    const { slot } = stage.node(0).locate(key);
    assert.ok(increment.slots.includes(slot), "both hold what the base does, and one has no vote");
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
  const increment = stage.increment(0, base);
  assert.ok(increment.kind === "increment");
  assert.equal(valuesOf(increment.cells).get(key), "new");
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

/** Faults, one machine at a time: it crashes or is cut off, and comes back. */
class Trouble {
  readonly #stage: Stage;
  readonly #random: Prng;
  #down: number | undefined;

  constructor(stage: Stage, random: Prng) {
    this.#stage = stage;
    this.#random = random;
  }

  get isCalm(): boolean {
    return this.#down === undefined;
  }

  step(): void {
    const { machines } = this.#stage.cluster;
    if (this.#down === undefined && this.#random.below(6) === 0) {
      const down = this.#random.pick(runningOf(this.#stage));
      this.#down = down;
      const others = machines.map(({ index }) => index).filter((at) => at !== down);
      if (this.#random.below(2) === 0) this.#stage.crash(down);
      else this.#stage.cut([down], others);
    } else if (this.#down !== undefined && this.#random.below(8) === 0) {
      this.end();
    }
  }

  end(): void {
    this.#stage.heal();
    const down = this.#down;
    if (down !== undefined && this.#stage.machine(down).node === undefined)
      this.#stage.reboot(down);
    this.#down = undefined;
  }
}

function runningOf(stage: Stage): number[] {
  return stage.cluster.machines
    .filter(({ node, hasStarted }) => node !== undefined && hasStarted)
    .map(({ index }) => index);
}

/** Writes and deletes of some keys by any node, of each key one after another. */
class Writers {
  /** By key, in order: what was asked for, each once the one before had ended. */
  readonly history: ReadonlyMap<Key, Written[]>;
  readonly #stage: Stage;
  readonly #random: Prng;

  constructor(stage: Stage, random: Prng, keys: readonly Key[]) {
    this.#stage = stage;
    this.#random = random;
    this.history = new Map<Key, Written[]>(keys.map((key) => [key, []]));
  }

  /** Begins some. */
  step(): void {
    for (const [key, all] of this.history) {
      if (all.length > 0 && all.at(-1)?.asked.outcome === undefined) continue;
      if (this.#random.below(3) > 0) continue;
      const at = this.#random.pick(runningOf(this.#stage));
      const isDelete = this.#random.below(3) === 0;
      const value = isDelete ? "" : `${all.length}`;
      const asked = isDelete
        ? this.#stage.startDelete(at, key, { w: 2 })
        : this.#stage.startPut(at, key, value, { w: 2 });
      all.push({ key, value, asked });
    }
  }

  /** How many of each key's writes are surely in a backup that begins here. */
  acknowledged(): Map<Key, number> {
    return new Map([...this.history].map(([key, all]) => [key, lastAcknowledged(all)]));
  }
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
    const writers = new Writers(stage, random, keys);
    const trouble = new Trouble(stage, random);
    let hasRot = false;
    let asked: Asked<WholeBackup> | undefined;
    let from = new Map<Key, number>();
    for (let round = 0; round < 60; round += 1) {
      writers.step();
      trouble.step();
      // One at a time: of a cell that rots on two disks at once nobody may have another copy.
      if (!hasRot && trouble.isCalm && random.below(4) === 0) {
        hasRot = true;
        stage.machine(random.below(5)).disk.rot((key) => key[0] === "d");
      }
      if (asked === undefined) {
        from = writers.acknowledged();
        asked = stage.startBackup(random.pick(runningOf(stage)), { deadlineMs: 5_000 });
      }
      stage.runFor(100 + random.below(700));
      const { outcome } = asked;
      if (outcome?.kind === "backup") {
        backups += 1;
        hasRot = false;
        check(valuesIn(outcome), writers.history, from, `seed ${seed}, round ${round}`);
      }
      // A node that crashes answers nobody.
      if (outcome !== undefined || (!trouble.isCalm && random.below(4) === 0)) asked = undefined;
    }
    collected += collectedBy(stage);
    stage.end();
  }
  assert.ok(backups > 30, `${backups} backups were held against the history`);
  assert.ok(collected > 0, "something was collected meanwhile");
});

function collectedBy(stage: Stage): number {
  return stage.cluster
    .staying()
    .reduce((sum, { node }) => sum + (node?.status().counters["slots-collected"] ?? 0), 0);
}

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

// Goal: the same of a base with increments laid over it, one after another, however many.
// Method: as above, with a chain that goes on from each increment that succeeds; half of the keys are written now and then alone, so
// that slots are the same, are left unread, and are in the chain from long ago. Another node joins meanwhile.
test("what was acknowledged before an increment shows in the chain that it ends", () => {
  let increments = 0;
  let unread = 0;
  let gone = 0;
  let collected = 0;
  for (const seed of [1, 2, 3]) {
    const stage = new Stage({ machines: 5, seed, shared: { graceMs: 1_000 } });
    const random = new Prng(seed);
    const names = Array.from({ length: 40 }, (_none, index) => keyFromText(`key${index}`));
    const busy = new Writers(stage, random, names.slice(0, 20));
    const idle = new Writers(stage, random, names.slice(20));
    const trouble = new Trouble(stage, random);
    const history = new Map([...busy.history, ...idle.history]);
    const acknowledged = () => new Map([...busy.acknowledged(), ...idle.acknowledged()]);
    idle.step();
    const first = stage.backup(0);
    let chain = placedCells(first.kind === "backup" ? first.cells : []);
    let hasRot = false;
    let asked: Asked<Increment> | undefined;
    let from = new Map<Key, number>();
    for (let round = 0; round < 80; round += 1) {
      busy.step();
      if (random.below(10) === 0) idle.step();
      // Slots change hands when it has what it is to hold.
      if (round === 25) stage.join();
      trouble.step();
      if (!hasRot && trouble.isCalm && random.below(4) === 0) {
        hasRot = true;
        stage.machine(random.below(5)).disk.rot((key) => key[0] === "d");
      }
      if (asked === undefined) {
        from = acknowledged();
        asked = stage.startIncrement(random.pick(runningOf(stage)), chain, { deadlineMs: 5_000 });
      }
      stage.runFor(100 + random.below(700));
      const { outcome } = asked;
      if (outcome?.kind === "increment") {
        const { cells, changes, slots } = outcome;
        increments += 1;
        hasRot = false;
        const occupied = new Set(chain.map(({ slot }) => slot));
        unread += [...occupied].filter((slot) => !slots.includes(slot)).length;
        gone += changes.filter(({ after }) => after === undefined).length;
        check(valuesOf(cells), history, from, `seed ${seed}, round ${round}`);
        chain = cells;
      }
      if (outcome !== undefined || (!trouble.isCalm && random.below(4) === 0)) asked = undefined;
    }
    // At rest the chain is what a whole backup is, cell by cell.
    trouble.end();
    stage.runFor(5_000);
    // It looks at every cell, and so finds what has rotted in a slot that was left unread.
    stage.backup(0);
    stage.settle();
    const last = stage.increment(0, chain);
    const whole = stage.backup(1);
    assert.ok(last.kind === "increment" && whole.kind === "backup");
    assert.deepEqual(textOf(last.cells), textOf(placedCells(whole.cells)), `seed ${seed}`);
    collected += collectedBy(stage);
    stage.end();
  }
  assert.ok(increments > 40, `${increments} increments were held against the history`);
  assert.ok(unread > 100, `${unread} slots that held something were left unread`);
  assert.ok(gone > 20, `${gone} cells were gone`);
  assert.ok(collected > 0, "something was collected meanwhile");
});

function textOf(cells: readonly PlacedCell[]): readonly string[] {
  return cells.map(({ position, bytes }) => `${position} ${Buffer.from(bytes).toString("hex")}`);
}
