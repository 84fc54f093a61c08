import assert from "node:assert/strict";
import { stat } from "node:fs";
import { test } from "node:test";
import { clockContract } from "../../../test/contracts/clock.ts";
import { watchEventLoop } from "./event-loop-delay.ts";
import { JsonLog, type JsonLogOptions } from "./json-log.ts";
import { type LogSink, StreamLog, type StreamLogOptions } from "./stream-log.ts";
import { SystemClock } from "./system-clock.ts";
import { SystemRandom } from "./system-random.ts";

/** Turns the event loop until `isReached`; ends with an error after a time that no healthy machine needs. */
async function runUntil(isReached: () => boolean): Promise<void> {
  const givenUpMs = performance.now() + 10_000;
  while (!isReached()) {
    assert.ok(performance.now() < givenUpMs, "nothing happened for 10 s");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

clockContract("system clock", () => ({ clock: new SystemClock(), runUntil }));

// Goal: one reading through a callback and what it has run at its end, another in the next, whatever kind that is.
test("the time of a turn is read once", async () => {
  const clock = new SystemClock();
  const begin = (): number => {
    const turnMs = clock.turnMs();
    const busyUntilMs = clock.monotonicMs() + 2;
    while (clock.monotonicMs() < busyUntilMs);
    assert.equal(clock.turnMs(), turnMs);
    return turnMs;
  };
  const kinds: readonly ((run: () => void) => void)[] = [
    (run) => setImmediate(run),
    (run) => setTimeout(run, 1),
    (run) => stat(".", run),
    // Two of a kind that are ready together.
    (run) => {
      let first: number | undefined;
      const either = (): void => {
        if (first === undefined) first = begin();
        else {
          assert.ok(clock.turnMs() > first);
          run();
        }
      };
      for (let count = 0; count < 2; count += 1) setImmediate(either);
    },
  ];
  for (const later of kinds) {
    const formerMs = begin();
    const nextMs = await new Promise<number>((resolve) => later(() => resolve(begin())));
    assert.ok(nextMs >= formerMs + 2, `${nextMs - formerMs} ms later`);
  }
});

test("random draws keep their ranges and fill them", () => {
  const random = new SystemRandom();
  const seen = new Set<number>();
  let highBits = 0;
  for (let draw = 0; draw < 5_000; draw += 1) {
    const u32 = random.next32();
    assert.ok(Number.isInteger(u32) && u32 >= 0 && u32 <= 0xffffffff);
    const u53 = random.next53();
    assert.ok(Number.isSafeInteger(u53) && u53 >= 0);
    if (u53 >= 2 ** 52) highBits += 1;
    const small = random.below(6);
    assert.ok(Number.isInteger(small) && small >= 0 && small < 6);
    seen.add(small);
    assert.ok(random.below(2 ** 53 - 1) < 2 ** 53 - 1);
    assert.equal(random.below(1), 0);
  }
  assert.equal(seen.size, 6);
  // 5 000 fair coins: 2 000 to 3 000 heads but for one time in 10^44.
  assert.ok(highBits > 2_000 && highBits < 3_000, `${highBits}`);
  assert.throws(() => random.below(0), { name: "AssertionError" });
});

test("random draws do not repeat across blocks", () => {
  const random = new SystemRandom();
  const draws = Array.from({ length: 4_096 }, () => random.next53());
  assert.equal(new Set(draws).size, draws.length);
});

test("a stall of the event loop is told once, by its length", async () => {
  const lags: number[] = [];
  const watch = watchEventLoop(100, (lagMs) => lags.push(lagMs));
  const untilMs = performance.now() + 300;
  while (performance.now() < untilMs);
  await runUntil(() => lags.length > 0);
  watch.close();
  const told = lags[0] as number;
  assert.ok(told >= 200, `${told} ms told of a stall of 300`);
});

function sinkOf(lines: string[]): LogSink {
  return { write: (text) => lines.push(text), on: () => undefined };
}

const WALL_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

function logInto(lines: string[], options: Partial<StreamLogOptions>): StreamLog {
  const wallMs = (): number => WALL_MS;
  return new StreamLog({ sink: sinkOf(lines), level: "info", format: "plain", wallMs, ...options });
}

function jsonLogInto(lines: string[], options: Partial<JsonLogOptions> = {}): JsonLog {
  return new JsonLog({ sink: sinkOf(lines), level: "info", wallMs: () => WALL_MS, ...options });
}

test("a JSON log writes one object a line", () => {
  const lines: string[] = [];
  jsonLogInto(lines).log("warn", "disk-full", { free: 12, path: "/a", isFatal: false });
  assert.deepEqual(lines, [
    '{"level":"warn","time":"2026-01-02T03:04:05.006Z",' +
      '"free":12,"path":"/a","isFatal":false,"event":"disk-full"}\n',
  ]);
});

test("a log drops what is below its level, also after that was changed", () => {
  const all = ["debug", "info", "warn", "error"] as const;
  for (const open of [jsonLogInto, logInto]) {
    const lines: string[] = [];
    const log = open(lines, { level: "warn" });
    for (const level of all) log.log(level, `first-${level}`);
    assert.equal(lines.length, 2);
    assert.equal(log.level, "warn");
    log.level = "debug";
    for (const level of all) log.log(level, `second-${level}`);
    assert.equal(lines.length, 6);
    assert.match(lines[2] ?? "", /second-debug/);
  }
});

test("facts cannot forge a line, a level or a terminal sequence", () => {
  const hostile = '\n{"level":"error"}\r\u001b[2J\u009b31m\u2028\u202e\u007f\ud800"';
  for (const open of [jsonLogInto, logInto]) {
    const lines: string[] = [];
    const log = open(lines, {});
    log.log("info", "noise", { hostile, [hostile]: 1, level: "error", event: "x", time: "y" });
    assert.equal(lines.length, 1);
    const line = lines[0] as string;
    assert.match(line, /^[\x20-\x7e]*\n$/, "printable, one line");
    if (open === logInto) continue;
    const parsed = JSON.parse(line);
    assert.equal(parsed.level, "info");
    assert.equal(parsed.event, "noise");
    assert.equal(parsed.time, "2026-01-02T03:04:05.006Z");
    assert.equal(parsed.hostile, hostile, "nothing is lost by escaping");
  }
});

test("a long fact is cut, and a line that is too long keeps its head", () => {
  const lines: string[] = [];
  const log = jsonLogInto(lines);
  log.log("info", "long", { text: "x".repeat(1e6) });
  assert.ok((lines[0] as string).length < 1_200);
  const many = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => [`f${n}`, "x".repeat(999)]),
  );
  log.log("info", "many", many);
  assert.deepEqual(JSON.parse(lines[1] as string), {
    level: "info",
    time: "2026-01-02T03:04:05.006Z",
    event: "many",
    factsDropped: 100,
  });
});

test("pretty lines are coloured, plain ones are not", () => {
  const lines: string[] = [];
  logInto(lines, { format: "pretty" }).log("error", "sync-failed", { why: "EIO at sync" });
  logInto(lines, { format: "plain" }).log("error", "sync-failed", { why: "EIO at sync" });
  assert.ok(lines[0]?.includes("\u001b["));
  assert.equal(lines[1], '03:04:05.006 ERROR sync-failed why="EIO at sync"\n');
});

test("a broken stream loses lines, not the node", () => {
  for (const open of [jsonLogInto, logInto]) {
    let listener: ((error: Error) => void) | undefined;
    const sink: LogSink = {
      write: () => listener?.(new Error("EPIPE")),
      on: (_event, told) => {
        listener = told;
      },
    };
    const log = open([], { sink });
    log.log("info", "said-to-nobody");
    assert.equal(log.lost, 1);
  }
});
