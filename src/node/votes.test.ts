import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock, HeldStorage } from "../../test/support/held-storage.ts";
import { metaKey } from "../core/causality/storage-key.ts";
import { nodeIdFrom } from "../model/ids.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import { slotFrom } from "../model/slot.ts";
import type { StorageKey } from "../ports/storage.ts";
import { CommitNumbers } from "./commit-numbers.ts";
import { GroupCommit } from "./group-commit.ts";
import { Votes } from "./votes.ts";

class Trial {
  readonly storage = new HeldStorage();
  readonly clock = new HeldClock();
  readonly commit = new GroupCommit({
    storage: this.storage,
    clock: this.clock,
    seal: () => ({ key: "mclock", value: Uint8Array.of(1) }),
    alongside: () => this.votes?.unstored() ?? [],
    onDurable: () => this.votes?.noteDurable(),
    onFailed: (keys) => this.votes?.noteFailed(keys),
  });
  votes: Votes | undefined;

  settle(): void {
    this.clock.turn();
    while (this.storage.isWriting) {
      this.storage.commit();
      this.clock.turn();
    }
  }
}

test("votes that are lost stay lost over a restart, and come back slot by slot", () => {
  const trial = new Trial();
  const votes = new Votes(trial);
  assert.equal(votes.has(slotFrom(7)), true);
  votes.loseAll();
  votes.giveBack((slot) => slot === 7);
  trial.settle();
  const found = new Votes(trial);
  assert.equal(found.has(slotFrom(7)), true);
  assert.equal(found.has(slotFrom(8)), false);
  assert.equal(found.voteless, SLOT_COUNT - 1);
  found.giveBack(() => true);
  trial.settle();
  assert.equal(new Votes(trial).voteless, 0);
});

test("what was heard of a member grows, is found again, and ends with its membership", () => {
  const trial = new Trial();
  const [member, gone] = [nodeIdFrom(1, 1), nodeIdFrom(2, 2)];
  const numbers = new CommitNumbers(trial);
  numbers.hear(member, 70);
  numbers.hear(member, 60);
  numbers.hear(gone, 5);
  numbers.store((node) => node === member);
  trial.settle();
  const found = new CommitNumbers(trial);
  assert.equal(found.of(member), 70);
  assert.equal(found.of(gone), 0);
});

test("votes whose loss could not be stored are lost with the next commit", () => {
  const trial = new Trial();
  const votes = new Votes(trial);
  trial.votes = votes;
  votes.loseAll();
  trial.clock.turn();
  trial.storage.commit("disk-full");
  trial.clock.turn();
  assert.equal(trial.storage.isWriting, false, "it makes no commit by itself");
  trial.commit.put("k", Uint8Array.of(1));
  trial.settle();
  assert.equal(new Votes(trial).voteless, SLOT_COUNT);
  assert.deepEqual(votes.unstored(), []);
});

test("a map of votes, or numbers heard, of which one byte has changed are not believed", () => {
  const trial = new Trial();
  const peer = nodeIdFrom(1, 1);
  const votes = new Votes(trial);
  const numbers = new CommitNumbers(trial);
  votes.loseAll();
  numbers.hear(peer, 7);
  numbers.store(() => true);
  trial.settle();
  const damage = (key: StorageKey): void => {
    const whole = trial.storage.get(key);
    assert.ok(whole !== undefined);
    const last = whole.length - 1;
    const value = Uint8Array.from(whole, (byte, at) => (at === last ? byte ^ 1 : byte));
    trial.commit.put(key, value);
    trial.settle();
  };
  damage(metaKey("heard"));
  assert.equal(new CommitNumbers(trial).of(peer), 0);
  damage(metaKey("voteless"));
  assert.throws(() => new Votes(trial), /without a vote is damaged/u);
});
