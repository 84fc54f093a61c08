/**
 * What every `Clock` must do. `advance` lets time pass: it awaits in real time, the simulator steps its own.
 *
 * Goal: callbacks run once, never within the call, never early, in the order in which they are due.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../src/ports/clock.ts";

export interface ClockPlace {
  readonly clock: Clock;
  /** Lets the clock run until `isReached` holds; rejects, by its own means, if that takes for ever. */
  runUntil(isReached: () => boolean): Promise<void>;
}

/** Runs the suite; `place` makes a fresh clock for each test. */
export function clockContract(name: string, place: () => ClockPlace): void {
  test(`${name}: monotonic time does not go back`, async () => {
    const here = place();
    const { clock } = here;
    const startMs = clock.monotonicMs();
    let lastMs = startMs;
    for (let reading = 0; reading < 1_000; reading += 1) {
      const nowMs = clock.monotonicMs();
      assert.ok(nowMs >= lastMs, `${nowMs} after ${lastMs}`);
      lastMs = nowMs;
    }
    let isOver = false;
    clock.after(5, () => {
      isOver = true;
    });
    await here.runUntil(() => isOver);
    assert.ok(clock.monotonicMs() > startMs, "time passes");
  });

  test(`${name}: the time of a turn is not ahead, and is another in a later one`, async () => {
    const here = place();
    const { clock } = here;
    const readings: (readonly [turnMs: number, nowMs: number])[] = [];
    const note = (): void => {
      readings.push([clock.turnMs(), clock.monotonicMs()]);
    };
    note();
    for (const delayMs of [5, 10, 15]) clock.after(delayMs, note);
    await here.runUntil(() => readings.length === 4);
    for (const [index, [turnMs, nowMs]] of readings.entries()) {
      const formerMs = readings[index - 1]?.[1] ?? turnMs;
      assert.ok(turnMs <= nowMs && turnMs >= formerMs, `${turnMs}, at ${nowMs} after ${formerMs}`);
    }
  });

  test(`${name}: wall time is an integer after 2020`, () => {
    const wallMs = place().clock.wallMs();
    assert.ok(Number.isSafeInteger(wallMs));
    assert.ok(wallMs > Date.UTC(2020, 0, 1), `${wallMs}`);
  });

  test(`${name}: after runs once, not within the call and not early`, async () => {
    for (const delayMs of [0, 0.25, 1, 1.5, 7, 20]) {
      const here = place();
      const { clock } = here;
      let runs = 0;
      const startMs = clock.monotonicMs();
      let ranMs = 0;
      clock.after(delayMs, () => {
        runs += 1;
        ranMs = clock.monotonicMs();
      });
      assert.equal(runs, 0, "within the call");
      await here.runUntil(() => runs > 0);
      assert.ok(ranMs - startMs >= delayMs, `${ranMs - startMs} ms for ${delayMs}`);
      let isLater = false;
      clock.after(5, () => {
        isLater = true;
      });
      await here.runUntil(() => isLater);
      assert.equal(runs, 1);
    }
  });

  test(`${name}: after calls back in the order of what is due`, async () => {
    const here = place();
    const { clock } = here;
    const ran: number[] = [];
    for (const delayMs of [60, 20, 40, 0]) clock.after(delayMs, () => ran.push(delayMs));
    await here.runUntil(() => ran.length === 4);
    assert.deepEqual(ran, [0, 20, 40, 60]);
  });

  test(`${name}: a delay beyond what timers take does not run at once`, async () => {
    const here = place();
    const { clock } = here;
    let isEarly = false;
    let isOver = false;
    clock.after(2 ** 40, () => {
      isEarly = true;
    });
    clock.after(20, () => {
      isOver = true;
    });
    await here.runUntil(() => isOver);
    assert.equal(isEarly, false);
  });

  test(`${name}: defer runs once, in order, not within the call`, async () => {
    const here = place();
    const { clock } = here;
    const ran: string[] = [];
    clock.defer(() => {
      ran.push("first");
      // One deferred by another waits for the next turn: it must not run before those already waiting.
      clock.defer(() => ran.push("third"));
    });
    clock.defer(() => ran.push("second"));
    assert.deepEqual(ran, []);
    await here.runUntil(() => ran.length === 3);
    assert.deepEqual(ran, ["first", "second", "third"]);
  });
}
