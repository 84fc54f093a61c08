import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock, HeldStorage } from "../../test/support/held-storage.ts";
import { GroupCommit } from "./group-commit.ts";

const ONE = Uint8Array.of(1);
const TWO = Uint8Array.of(2);

class Trial {
  readonly storage = new HeldStorage();
  readonly clock = new HeldClock();
  readonly failed: string[][] = [];
  readonly told: string[] = [];
  seals = 0;
  readonly commit = new GroupCommit({
    storage: this.storage,
    clock: this.clock,
    seal: () => {
      this.seals += 1;
      return { key: "seal", value: Uint8Array.of(this.seals) };
    },
    onFailed: (keys) => {
      this.failed.push([...keys]);
      this.told.push("failed");
    },
  });

  wait(name: string): void {
    this.commit.whenDurable((error) => this.told.push(`${name} ${error?.code ?? "durable"}`));
  }

  waitFor(key: string, name: string): void {
    this.commit.whenKeyDurable(key, (error) =>
      this.told.push(`${name} ${error?.code ?? "durable"}`),
    );
  }
}

test("a waiter is told only after the storage has said so", () => {
  const trial = new Trial();
  trial.commit.put("a", ONE);
  trial.wait("w");
  trial.clock.turn();
  assert.deepEqual(trial.told, []);
  trial.storage.commit();
  assert.deepEqual(trial.told, ["w durable"]);
});

test("what is put is read at once, and what is removed is absent", () => {
  const trial = new Trial();
  trial.storage.plant("b", TWO);
  trial.commit.put("a", ONE);
  trial.commit.put("b", undefined);
  assert.deepEqual(trial.commit.get("a"), ONE);
  assert.equal(trial.commit.get("b"), undefined);
  trial.clock.turn();
  assert.deepEqual(trial.commit.get("a"), ONE);
  assert.equal(trial.commit.get("b"), undefined);
});

test("operations of one turn are one commit, and so are those that come during it", () => {
  const trial = new Trial();
  trial.commit.put("a", ONE);
  trial.commit.put("b", ONE);
  trial.clock.turn();
  trial.commit.put("c", ONE);
  trial.commit.put("d", ONE);
  trial.clock.turn();
  trial.storage.commit();
  trial.clock.turn();
  trial.storage.commit();
  trial.clock.turn();
  assert.equal(trial.storage.isWriting, false);
  assert.equal(trial.commit.commits, 2);
});

test("who waits for what came during a commit is not told by that commit", () => {
  const trial = new Trial();
  trial.commit.put("a", ONE);
  trial.clock.turn();
  trial.commit.put("b", ONE);
  trial.wait("w");
  trial.storage.commit();
  assert.deepEqual(trial.told, []);
  trial.clock.turn();
  trial.storage.commit();
  assert.deepEqual(trial.told, ["w durable"]);
});

test("what is put by those who are told of a commit goes with what came during it", () => {
  const trial = new Trial();
  trial.commit.put("a", ONE);
  trial.commit.whenDurable(() => trial.commit.put("c", ONE));
  trial.clock.turn();
  trial.commit.put("b", ONE);
  trial.storage.commit();
  trial.clock.turn();
  trial.storage.commit();
  trial.clock.turn();
  assert.equal(trial.storage.isWriting, false);
  assert.equal(trial.commit.commits, 2);
});

test("without anything outstanding a waiter is told within the call", () => {
  const trial = new Trial();
  trial.wait("w");
  assert.deepEqual(trial.told, ["w durable"]);
});

test("who asks for all waits for the batch that is being written, though nothing forms", () => {
  const trial = new Trial();
  trial.commit.put("a", ONE);
  trial.clock.turn();
  trial.wait("w");
  assert.deepEqual(trial.told, []);
  trial.storage.commit();
  assert.deepEqual(trial.told, ["w durable"]);
});

test("a key that is durable does not wait for others, and one that is not does", () => {
  const trial = new Trial();
  trial.commit.put("a", ONE);
  trial.waitFor("b", "b");
  trial.waitFor("a", "a");
  assert.deepEqual(trial.told, ["b durable"]);
  trial.clock.turn();
  trial.waitFor("a", "a again");
  trial.storage.commit();
  assert.deepEqual(trial.told, ["b durable", "a durable", "a again durable"]);
});

test("a failed commit takes what came during it along, and nothing of either is read any more", () => {
  const trial = new Trial();
  trial.commit.put("a", ONE);
  trial.wait("first");
  trial.clock.turn();
  trial.commit.put("a", TWO);
  trial.commit.put("b", TWO);
  trial.wait("second");
  trial.storage.commit("disk-full");
  assert.deepEqual(trial.told, ["failed", "first disk-full", "second disk-full"]);
  assert.deepEqual(trial.failed, [["a", "a", "b"]]);
  assert.equal(trial.commit.get("a"), undefined);
  assert.equal(trial.commit.uncommitted, 0);
  assert.equal(trial.commit.uncommittedBytes, 0);
});

test("commits go on after one that failed", () => {
  const trial = new Trial();
  trial.commit.put("a", ONE);
  trial.clock.turn();
  trial.storage.commit("disk-full");
  trial.commit.put("a", TWO);
  trial.wait("w");
  trial.clock.turn();
  trial.storage.commit();
  assert.deepEqual(trial.told.slice(1), ["w durable"]);
  assert.deepEqual(trial.storage.get("a"), TWO);
});

test("every batch carries its seal, made when it is written", () => {
  const trial = new Trial();
  trial.commit.put("a", ONE);
  assert.equal(trial.seals, 0);
  trial.clock.turn();
  trial.storage.commit();
  assert.deepEqual(trial.storage.get("seal"), Uint8Array.of(1));
});

test("keys under way are told, of the batch being written and of the one that forms", () => {
  const trial = new Trial();
  trial.commit.put("a", ONE);
  trial.clock.turn();
  trial.commit.put("b", ONE);
  assert.deepEqual([...trial.commit.uncommittedKeys()].sort(), ["a", "b"]);
  trial.storage.commit();
  trial.clock.turn();
  trial.storage.commit();
  assert.deepEqual([...trial.commit.uncommittedKeys()], []);
});

test("what comes during the last commit of a stopping node is not written behind it", () => {
  const trial = new Trial();
  trial.commit.put("a", ONE);
  trial.commit.whenDurable(() => trial.commit.close());
  trial.clock.turn();
  trial.commit.put("b", ONE);
  trial.storage.commit();
  trial.clock.turn();
  assert.equal(trial.storage.isWriting, false);
  assert.equal(trial.storage.get("b"), undefined);
});
