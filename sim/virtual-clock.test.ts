import assert from "node:assert/strict";
import { test } from "node:test";
import { Streams } from "./random.ts";
import { Trace } from "./trace.ts";
import { MachineClock, Process, ProcessClock, Scheduler } from "./virtual-clock.ts";

function place(seed = 1) {
  const streams = new Streams(seed);
  const scheduler = new Scheduler(streams.stream("turns"), new Trace());
  const process = new Process(0, 1);
  const machine = new MachineClock(scheduler, 0);
  const clock = new ProcessClock(scheduler, machine, process, streams.stream("timers"));
  return { scheduler, process, machine, clock };
}

test("events run in the order of time, equal times in the order they were set", () => {
  const { scheduler } = place();
  const seen: string[] = [];
  for (const [delayMs, name] of [
    [5, "c"],
    [1, "a"],
    [5, "d"],
    [3, "b"],
  ] as const) {
    scheduler.after(delayMs, "test", undefined, () => seen.push(`${name}@${scheduler.nowMs}`));
  }
  scheduler.runUntil(10);
  assert.deepEqual(seen, ["a@1", "b@3", "c@5", "d@5"]);
  assert.equal(scheduler.nowMs, 10);
});

test("timers are never early by their own clock, whatever its speed", () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const { scheduler, machine, clock } = place(seed);
    machine.setDrift(seed * 10 - 1_000);
    const fromMs = clock.monotonicMs();
    const delayMs = seed * 3.7;
    let firedMs = -1;
    clock.after(delayMs, () => {
      firedMs = clock.monotonicMs();
    });
    scheduler.runUntil(5_000);
    assert.ok(firedMs - fromMs >= delayMs, `seed ${seed}: ${firedMs - fromMs} of ${delayMs}`);
    assert.ok(firedMs - fromMs < delayMs + 17, `seed ${seed}: ${firedMs - fromMs} of ${delayMs}`);
  }
});

test("a step moves the wall clock and not the monotonic one", () => {
  const { scheduler, machine, clock } = place();
  const wallMs = clock.wallMs();
  const monotonicMs = clock.monotonicMs();
  scheduler.runUntil(100);
  machine.step(-3_600_000);
  assert.equal(clock.wallMs(), wallMs + 100 - 3_600_000);
  assert.ok(Math.abs(clock.monotonicMs() - monotonicMs - 100) < 1e-6);
});

test("deferred callbacks run after the event that asked for them, in more than one order", () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 40; seed += 1) {
    const { scheduler, process, clock } = place(seed);
    const seen: string[] = [];
    scheduler.after(1, "test", process, () => {
      for (const name of ["a", "b", "c"]) clock.defer(() => seen.push(name));
      seen.push("event");
    });
    scheduler.runUntil(5);
    assert.equal(seen[0], "event");
    assert.equal(seen.length, 4);
    orders.add(seen.join());
  }
  assert.ok(orders.size > 3, `${orders.size} orders`);
});

test("a dead process runs nothing any more, a paused one later", () => {
  const { scheduler, process, clock } = place();
  const seen: number[] = [];
  clock.after(10, () => seen.push(scheduler.nowMs));
  clock.after(20, () => seen.push(scheduler.nowMs));
  clock.after(300, () => seen.push(scheduler.nowMs));
  scheduler.pause(process);
  scheduler.runUntil(100);
  assert.deepEqual(seen, []);
  scheduler.resume(process);
  scheduler.runUntil(200);
  assert.deepEqual(seen, [100, 100]);
  scheduler.kill(process);
  scheduler.runUntil(1_000);
  assert.equal(seen.length, 2);
});

test("the end of a pause wakes nobody who was woken, and stopped again, since it began", () => {
  const { scheduler, process, clock } = place();
  const seen: number[] = [];
  clock.after(10, () => seen.push(scheduler.nowMs));
  const first = scheduler.pause(process);
  scheduler.resume(process);
  const second = scheduler.pause(process);
  scheduler.resume(process, first);
  scheduler.runUntil(100);
  assert.deepEqual(seen, []);
  scheduler.resume(process, second);
  scheduler.runUntil(200);
  assert.deepEqual(seen, [100]);
});

test("what a process throws is told, and it is dead", () => {
  const { scheduler, process, clock } = place();
  const thrown: unknown[] = [];
  scheduler.onThrow = (_process, error) => thrown.push(error);
  clock.after(1, () => {
    throw new Error("planted");
  });
  clock.after(50, () => assert.fail("a dead process ran"));
  scheduler.runUntil(100);
  assert.equal(thrown.length, 1);
  assert.equal(process.isAlive, false);
});

test("a stream depends on its seed and its purpose only", () => {
  const draws = (seed: number, purpose: string): number[] => {
    const stream = new Streams(seed).stream(purpose);
    return [stream.next32(), stream.next32(), stream.next32()];
  };
  assert.deepEqual(draws(1, "a"), draws(1, "a"));
  assert.notDeepEqual(draws(1, "a"), draws(1, "b"));
  assert.notDeepEqual(draws(1, "a"), draws(2, "a"));
});
