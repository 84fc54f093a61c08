import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../test/support/held-storage.ts";
import { shutDown } from "./shutdown.ts";

/** A node to be stopped, whose parts say what the test says. */
class Trial {
  readonly clock = new HeldClock();
  readonly told: string[] = [];
  toHandOn = 0;
  inFlight = 0;
  heard: () => void = () => undefined;

  stop(limitMs: number): void {
    const ports = {
      clock: this.clock,
      log: { log: () => undefined },
      limitMs,
      slotsToHandOn: () => this.toHandOn,
      passHintsOn: () => this.told.push("hints"),
      sayGoodbye: (heard: () => void) => {
        this.told.push("goodbye");
        this.heard = heard;
      },
      requestsInFlight: () => this.inFlight,
    };
    shutDown(ports, () => this.told.push("done"));
  }
}

test("a goodbye is said when all is handed on, and the end comes when it is heard and nothing is under way", () => {
  const trial = new Trial();
  trial.toHandOn = 3;
  trial.inFlight = 1;
  trial.stop(10_000);
  trial.clock.advance(500);
  assert.deepEqual(trial.told, []);
  trial.toHandOn = 0;
  trial.clock.advance(200);
  assert.deepEqual(trial.told, ["hints", "goodbye"]);
  trial.heard();
  trial.clock.advance(200);
  assert.deepEqual(trial.told, ["hints", "goodbye"], "a request is still under way");
  trial.inFlight = 0;
  trial.clock.advance(100);
  assert.deepEqual(trial.told, ["hints", "goodbye", "done"]);
});

test("handing on is given up when it stands still, and waited for while it goes on", () => {
  const trial = new Trial();
  trial.toHandOn = 10;
  trial.stop(20_000);
  for (let left = 9; left >= 5; left -= 1) {
    trial.clock.advance(1_500);
    trial.toHandOn = left;
  }
  trial.clock.advance(1_500);
  assert.deepEqual(trial.told, []);
  trial.clock.advance(1_000);
  assert.deepEqual(trial.told, ["hints", "goodbye"]);
});

test("what a peer sent before it heard the goodbye has time to arrive", () => {
  const trial = new Trial();
  trial.stop(10_000);
  trial.clock.advance(1);
  trial.heard();
  trial.clock.advance(45);
  assert.deepEqual(trial.told, ["hints", "goodbye"]);
  trial.clock.advance(30);
  assert.deepEqual(trial.told, ["hints", "goodbye", "done"]);
});

test("whatever hangs, the limit ends it", () => {
  const trial = new Trial();
  trial.inFlight = 1;
  trial.stop(1_000);
  trial.clock.advance(900);
  assert.deepEqual(trial.told, ["hints", "goodbye"]);
  trial.clock.advance(200);
  assert.deepEqual(trial.told, ["hints", "goodbye", "done"]);
});
