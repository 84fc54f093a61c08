import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock, HeldStorage } from "../../test/support/held-storage.ts";
import { slotStateKey } from "../core/causality/storage-key.ts";
import { type Slot, slotFrom } from "../model/slot.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../model/stamp.ts";
import { GroupCommit } from "./group-commit.ts";
import { SlotStates } from "./slot-states.ts";

const SLOT = slotFrom(7);

function at(ms: number): Stamp {
  return stampFrom(ms, 0, 0);
}

class Trial {
  readonly storage = new HeldStorage();
  readonly clock = new HeldClock();
  readonly told: [Slot, Stamp][] = [];
  readonly commit = new GroupCommit({
    storage: this.storage,
    clock: this.clock,
    seal: () => ({ key: "mclock", value: Uint8Array.of(1) }),
    onFailed: () => this.states.takeBack(SLOT),
  });
  readonly states = this.#open();

  #open(): SlotStates {
    return new SlotStates({
      commit: this.commit,
      onNamed: (slot, named) => this.told.push([slot, named]),
    });
  }

  settle(): void {
    this.clock.turn();
    while (this.storage.isWriting) {
      this.storage.commit();
      this.clock.turn();
    }
  }

  /** The states that a start on this storage finds. */
  reopened(): SlotStates {
    this.settle();
    const states = this.#open();
    const key = slotStateKey(SLOT);
    const value = this.storage.get(key);
    assert.ok(states.restore(value === undefined ? [] : [{ key, value }]));
    return states;
  }
}

test("a floor only rises, and does not move what is collected", () => {
  const { states } = new Trial();
  states.raiseFloor(SLOT, at(20));
  states.raiseFloor(SLOT, at(10));
  assert.deepEqual(states.floor(SLOT), at(20));
  assert.equal(states.collected(SLOT), NO_STAMP);
});

test("what is collected takes the floor with it, and is named only when that is said", () => {
  const { states, told } = new Trial();
  states.raiseCollected(SLOT, at(30));
  assert.deepEqual(states.floor(SLOT), at(30));
  assert.equal(states.named(SLOT), NO_STAMP);
  assert.deepEqual(states.unfinished(), [SLOT]);
  states.name(SLOT, at(30));
  assert.deepEqual(states.named(SLOT), at(30));
  assert.deepEqual(states.unfinished(), []);
  assert.deepEqual(told.at(-1), [SLOT, at(30)]);
});

test("drops of an earlier rise do not name a later one", () => {
  const { states } = new Trial();
  states.raiseCollected(SLOT, at(30));
  states.raiseCollected(SLOT, at(40));
  states.name(SLOT, at(30));
  assert.equal(states.named(SLOT), NO_STAMP);
});

test("drops that end after a reset name nothing", () => {
  const { states } = new Trial();
  states.raiseCollected(SLOT, at(30));
  states.reset(SLOT);
  states.name(SLOT, at(30));
  assert.equal(states.named(SLOT), NO_STAMP);
  assert.equal(states.collected(SLOT), NO_STAMP);
  assert.deepEqual(states.floor(SLOT), at(30), "writes below it go on being pushed back");
});

test("a start finds what was committed, drops that were not finished included", () => {
  const trial = new Trial();
  trial.states.raiseCollected(SLOT, at(30));
  trial.states.name(SLOT, at(30));
  trial.states.raiseCollected(SLOT, at(40));
  const found = trial.reopened();
  assert.deepEqual(found.collected(SLOT), at(40));
  assert.deepEqual(found.named(SLOT), at(30));
  assert.deepEqual(found.unfinished(), [SLOT]);
});

test("a slot that is forgotten leaves nothing on disk", () => {
  const trial = new Trial();
  trial.states.raiseFloor(SLOT, at(30));
  trial.settle();
  trial.states.forget(SLOT);
  trial.settle();
  assert.equal(trial.storage.get(slotStateKey(SLOT)), undefined);
  assert.equal(trial.reopened().floor(SLOT), NO_STAMP);
});

test("a failed commit takes back what it carried", () => {
  const trial = new Trial();
  trial.states.raiseFloor(SLOT, at(10));
  trial.settle();
  trial.states.raiseCollected(SLOT, at(30));
  trial.clock.turn();
  trial.storage.commit("disk-full");
  assert.equal(trial.states.collected(SLOT), NO_STAMP);
  assert.deepEqual(trial.states.floor(SLOT), at(10));
});

test("a commit that fails over a damaged state leaves no C, and the floor as it is", () => {
  const trial = new Trial();
  trial.states.raiseCollected(SLOT, at(10));
  trial.states.name(SLOT, at(10));
  trial.settle();
  const key = slotStateKey(SLOT);
  const rotten = Uint8Array.from(trial.storage.get(key) ?? []);
  rotten[20] = (rotten[20] ?? 0) ^ 4;
  trial.storage.plant(key, rotten);
  trial.states.raiseCollected(SLOT, at(30));
  trial.clock.turn();
  trial.storage.commit("disk-full");
  assert.equal(trial.states.collected(SLOT), NO_STAMP);
  assert.equal(trial.states.named(SLOT), NO_STAMP);
  assert.deepEqual(trial.states.floor(SLOT), at(30));
  assert.deepEqual(trial.told.at(-1), [SLOT, NO_STAMP]);
});

test("bytes that are no state are not taken for one", () => {
  const { states } = new Trial();
  assert.equal(states.restore([{ key: slotStateKey(SLOT), value: Uint8Array.of(1) }]), false);
});

test("a state of which one byte has changed is not taken for another", () => {
  const trial = new Trial();
  trial.states.raiseCollected(SLOT, at(30));
  trial.settle();
  const key = slotStateKey(SLOT);
  const whole = trial.storage.get(key);
  assert.ok(whole !== undefined);
  for (const index of whole.keys()) {
    const value: Uint8Array = Uint8Array.from(whole, (byte, position) =>
      position === index ? byte ^ 1 : byte,
    );
    assert.equal(trial.states.restore([{ key, value }]), false, `byte ${index}`);
  }
});

test("a flush is remembered of a slot that is forgotten: the cell that says so may still be held", () => {
  const trial = new Trial();
  const { states } = trial;
  states.raiseFlushed(SLOT, at(20));
  states.raiseCollected(SLOT, at(10));
  states.forget(SLOT);
  assert.deepEqual(states.flushed(SLOT), at(20));
  assert.equal(states.collected(SLOT), NO_STAMP);
  assert.deepEqual(trial.reopened().flushed(SLOT), at(20));
});
