import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../test/support/held-storage.ts";
import { BackgroundShare } from "./background-share.ts";

class Trial {
  readonly clock = new HeldClock();
  readonly share = new BackgroundShare(this.clock);
  /** Pieces of work under way and over. */
  running = 0;
  over = 0;

  /** So many seconds of a hundred requests each, every one of which takes as long as `latencyMs` says. */
  load(seconds: number, latencyMs: () => number): void {
    for (let request = 0; request < 100 * seconds; request += 1) {
      this.clock.advance(10);
      this.share.note(latencyMs());
    }
  }

  /** Work without end: so many pieces at once of 5 ms each. */
  work(pieces: number): void {
    for (let piece = 0; piece < pieces; piece += 1) this.#piece();
  }

  #piece(): void {
    this.share.admit((release) => {
      this.running += 1;
      this.clock.after(5, () => {
        this.running -= 1;
        this.over += 1;
        release();
        this.#piece();
      });
    });
  }
}

test("without foreground requests work begins at once, however much there is", () => {
  const trial = new Trial();
  trial.work(500);
  assert.equal(trial.running, 500);
  trial.clock.advance(60_000);
  assert.equal(trial.share.share, 1);
  assert.equal(trial.share.servingDelayMs(), 0);
});

test("the target is the greater of twice the idle percentile and 5 ms more", () => {
  for (const [idleMs, targetMs] of [
    [1, 6],
    [20, 40],
  ] as const) {
    const trial = new Trial();
    trial.load(30, () => idleMs);
    const { targetMs: shown } = trial.share;
    assert.ok(shown >= targetMs && shown < targetMs * 1.13, `${shown} for ${idleMs}`);
  }
});

// Goal: the loop settles where the foreground's percentile is near its target, with work still going on.
// Method: a node whose requests take 1 ms alone and 1 ms more for each piece of work under way.
test("work that slows requests down gives way until they are within the target, and goes on", () => {
  const trial = new Trial();
  const latencyMs = (): number => 1 + trial.running;
  trial.load(30, latencyMs);
  trial.work(64);
  trial.load(120, latencyMs);
  const before = trial.over;
  const late: number[] = [];
  trial.load(60, () => {
    const ms = latencyMs();
    if (ms > 7) late.push(ms);
    return ms;
  });
  assert.ok(late.length < 300, `${late.length} of 6 000 requests beyond the target`);
  assert.ok(trial.over - before > 1_000, `${trial.over - before} pieces in a minute`);
});

test("work that begins beside foreground requests begins with little, and grows while they do not feel it", () => {
  const trial = new Trial();
  trial.load(30, () => 1);
  trial.work(64);
  assert.equal(trial.running, 4);
  assert.equal(trial.share.share, 1 / 16);
  assert.ok(trial.share.servingDelayMs() === 60);
  trial.load(60, () => 1);
  assert.equal(trial.share.share, 1);
  assert.equal(trial.running, 64);
});

test("work is never stopped, however slow requests are", () => {
  const trial = new Trial();
  trial.load(30, () => 1);
  trial.work(64);
  trial.load(60, () => 500);
  assert.ok(trial.share.share <= 1 / 64);
  assert.ok(trial.share.servingDelayMs() <= 260);
  const before = trial.over;
  trial.load(10, () => 500);
  assert.ok(trial.over - before >= 100, `${trial.over - before} pieces in ten seconds`);
});

test("a disk that has become slow for good is a new idle value, found while little work is done", () => {
  const trial = new Trial();
  trial.load(30, () => 1);
  trial.work(64);
  trial.load(700, () => 30);
  assert.ok(trial.share.targetMs > 50);
  assert.equal(trial.share.share, 1);
});

test("when the foreground goes the work takes all", () => {
  const trial = new Trial();
  trial.load(30, () => 1);
  trial.work(64);
  trial.load(60, () => 100);
  assert.ok(trial.share.share < 0.1);
  trial.clock.advance(20_000);
  assert.equal(trial.share.share, 1);
  assert.equal(trial.running, 64);
});

test("a piece of work that says twice that it is over frees one place", () => {
  const trial = new Trial();
  trial.load(30, () => 1);
  trial.load(60, () => 100);
  const releases: (() => void)[] = [];
  for (let piece = 0; piece < 9; piece += 1) trial.share.admit((release) => releases.push(release));
  assert.equal(releases.length, 4);
  releases[0]?.();
  releases[0]?.();
  trial.load(1, () => 100);
  assert.equal(releases.length, 5);
});
