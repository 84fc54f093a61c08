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

  /** So many peers ask for pages without end, each of which takes 5 ms; tells how many were served. */
  serve(peers: number): { pages: number; atOnce: number } {
    const served = { pages: 0, atOnce: 0 };
    let running = 0;
    const page = (): void =>
      this.share.serve((release) => {
        running += 1;
        served.atOnce = Math.max(served.atOnce, running);
        this.clock.after(5, () => {
          running -= 1;
          served.pages += 1;
          release();
          page();
        });
      });
    for (let peer = 0; peer < peers; peer += 1) page();
    return served;
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
  assert.equal(trial.share.pageShare, 1);
  assert.equal(trial.serve(20).atOnce, 20);
});

test("beside foreground requests pages are served one after another, small ones, however many ask", () => {
  const trial = new Trial();
  trial.load(30, () => 1);
  const served = trial.serve(20);
  trial.load(10, () => 100);
  assert.equal(served.atOnce, 1);
  assert.equal(trial.share.pageShare, 1 / 16);
  // 5 ms and the pause of a quarter of a second at most.
  assert.ok(served.pages >= 39 && served.pages < 150, `${served.pages} pages in ten seconds`);
});

test("no page waits longer than a peer has patience, however many ask", () => {
  const trial = new Trial();
  trial.load(30, () => 1);
  const peers = 200;
  const served = trial.serve(peers);
  trial.load(10, () => 100);
  assert.equal(served.atOnce, 1);
  assert.ok(served.pages >= peers, `${served.pages} pages in ten seconds`);
});

test("the target is halfway to twice the idle percentile, or to 5 ms more if that is greater", () => {
  for (const [idleMs, targetMs] of [
    [1, 3.5],
    [20, 30],
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
  assert.ok(trial.over - before > 600, `${trial.over - before} pieces in a minute`);
});

test("work that begins beside foreground requests begins with little, and grows while they do not feel it", () => {
  const trial = new Trial();
  trial.load(30, () => 1);
  trial.work(64);
  assert.equal(trial.running, 4);
  assert.equal(trial.share.share, 1 / 16);
  assert.equal(trial.share.pageShare, 1 / 16);
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
  const before = trial.over;
  trial.load(10, () => 500);
  assert.ok(trial.over - before >= 100, `${trial.over - before} pieces in ten seconds`);
});

test("a disk that has become slow for good is a new idle value, found while little work is done", () => {
  const trial = new Trial();
  trial.load(30, () => 1);
  trial.work(64);
  trial.load(700, () => 30);
  assert.ok(trial.share.targetMs > 40);
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
