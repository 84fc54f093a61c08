import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock, HeldStorage } from "../../test/support/held-storage.ts";
import { metaKey } from "../core/causality/storage-key.ts";
import { NO_STAMP, stampFrom } from "../model/stamp.ts";
import { GroupCommit } from "./group-commit.ts";
import { LowWaterMark } from "./low-water-mark.ts";

class Trial {
  readonly storage = new HeldStorage();
  readonly clock = new HeldClock();
  readonly commit = new GroupCommit({
    storage: this.storage,
    clock: this.clock,
    seal: () => ({ key: "mclock", value: Uint8Array.of(1) }),
    onFailed: () => undefined,
  });

  settle(): void {
    this.clock.turn();
    while (this.storage.isWriting) {
      this.storage.commit();
      this.clock.turn();
    }
  }
}

/** Above all that could be promised. */
const FAR = stampFrom(9_000_000, 0, 0);

/** Marks of a node whose wall clock shows 1 000 000 and whose grace is 1 000. */
class MarkTrial extends Trial {
  leastMs: number | undefined;
  hasForeign: boolean | undefined = false;
  readonly mark = this.open();

  open(): LowWaterMark {
    return new LowWaterMark({
      storage: this.storage,
      commit: this.commit,
      wallMs: () => this.clock.wallMs(),
      graceMs: () => 1_000,
      leastStampInFlight: () =>
        this.leastMs === undefined ? undefined : stampFrom(this.leastMs, 3, 0),
      hasForeignCells: () => this.hasForeign,
    });
  }

  tell(): string {
    let text = "nothing";
    this.mark.tell(FAR, (told) => {
      text = told === undefined ? "failed" : `${told.mark.ms} ${told.heldBy}`;
    });
    const early = text;
    this.settle();
    assert.ok(early === "nothing" || early === text, "told once");
    return text;
  }
}

test("a mark lies the grace below the clock, is kept at once and told when it is on disk", () => {
  const trial = new MarkTrial();
  let told = false;
  trial.mark.tell(FAR, () => {
    told = true;
  });
  assert.equal(trial.mark.mark.ms, 999_000);
  assert.equal(told, false);
  trial.settle();
  assert.equal(told, true);
  assert.equal(trial.open().mark.ms, 999_000);
});

test("a write still being sent holds the mark below it", () => {
  const trial = new MarkTrial();
  trial.leastMs = 500_000;
  assert.equal(trial.tell(), "500000 writes-in-flight");
  trial.leastMs = 2_000_000;
  assert.equal(trial.tell(), "999000 grace");
});

test("there is no mark while cells of others are held, and the promise stands", () => {
  const trial = new MarkTrial();
  trial.tell();
  trial.hasForeign = true;
  assert.equal(trial.tell(), "0 foreign-cells");
  assert.equal(trial.mark.mark.ms, 999_000);
  trial.hasForeign = undefined;
  assert.equal(trial.tell(), "0 not-ready");
});

test("a node whose clock goes back keeps its promise", () => {
  const trial = new MarkTrial();
  trial.tell();
  const later = new LowWaterMark({
    storage: trial.storage,
    commit: trial.commit,
    wallMs: () => 10,
    graceMs: () => 1_000,
    leastStampInFlight: () => undefined,
    hasForeignCells: () => false,
  });
  assert.equal(later.mark.ms, 999_000);
});

test("a mark whose commit failed is not told, and is stored again before it is", () => {
  const trial = new MarkTrial();
  let told: unknown = "nothing";
  trial.mark.tell(FAR, (answer) => {
    told = answer;
  });
  trial.clock.turn();
  trial.storage.commit("disk-full");
  assert.equal(told, undefined);
  assert.equal(trial.open().mark.ms, 0);
  assert.equal(trial.tell(), "999000 grace");
  assert.equal(trial.open().mark.ms, 999_000);
});

test("a mark is raised to what is asked for, and only told where nothing is", () => {
  const trial = new MarkTrial();
  let told = 0;
  trial.mark.tell(NO_STAMP, (answer) => {
    told = answer?.mark.ms ?? 0;
  });
  assert.equal(told, 999_000);
  assert.equal(trial.mark.mark, NO_STAMP);
  trial.mark.tell(stampFrom(700_000, 0, 0), (answer) => {
    told = answer?.mark.ms ?? 0;
  });
  trial.settle();
  assert.equal(told, 700_000);
  assert.equal(trial.open().mark.ms, 700_000);
});

test("a mark taken over from a peer is kept, and not told above a write that was under way before", () => {
  const trial = new MarkTrial();
  trial.leastMs = 500_000;
  trial.mark.raise(stampFrom(800_000, 0, 0));
  trial.settle();
  assert.equal(trial.open().mark.ms, 800_000);
  assert.equal(trial.tell(), "500000 writes-in-flight");
  assert.equal(trial.mark.mark.ms, 800_000);
});

test("a mark on disk of which one byte has changed keeps the node from starting", () => {
  const trial = new MarkTrial();
  trial.tell();
  trial.settle();
  const whole = trial.storage.get(metaKey("mark"));
  assert.ok(whole !== undefined);
  for (const index of whole.keys()) {
    const value = Uint8Array.from(whole, (byte, at) => (at === index ? byte ^ 1 : byte));
    trial.commit.put(metaKey("mark"), value);
    trial.settle();
    assert.throws(() => trial.open(), /low-water mark on disk is damaged/u, `byte ${index}`);
  }
});
