import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";
import { PLACES_MAX } from "./scan-places.ts";

type Step = readonly [string, readonly string[]];

async function step(calls: RedisCalls, line: string): Promise<Step> {
  return (await calls.ask(line)) as Step;
}

/** All steps of a scan. */
async function steps(calls: RedisCalls, command: string, options = ""): Promise<readonly Step[]> {
  const all: Step[] = [];
  let cursor = "0";
  do {
    const next = await step(calls, `${command} ${cursor}${options}`);
    all.push(next);
    cursor = next[0];
    assert.ok(all.length < 1_000, "a scan ends");
  } while (cursor !== "0");
  return all;
}

async function filled(count: number): Promise<readonly [RedisCalls, readonly string[]]> {
  const calls = new RedisCalls();
  const names = Array.from({ length: count }, (_, index) => `n${String(index).padStart(5, "0")}`);
  await calls.askWith(["SADD", "s", ...names]);
  await calls.askWith(["HSET", "h", ...names.flatMap((name) => [name, `v${name}`])]);
  return [calls, names];
}

test("what Redis keeps in one piece is one step, whatever COUNT says", async () => {
  const [calls, names] = await filled(512);
  assert.deepEqual(await calls.ask("SSCAN s 0 COUNT 1"), ["0", names]);
  const pairs = names.flatMap((name) => [name, `v${name}`]);
  assert.deepEqual(await calls.ask("HSCAN h 0 COUNT 1"), ["0", pairs]);
  assert.deepEqual(await calls.ask("HSCAN none 0"), ["0", []]);
});

test("a scan gives every field once where nothing changes, in steps of about COUNT", async () => {
  const [calls, names] = await filled(5_000);
  for (const [count, most] of [
    [1, 512],
    [700, 700],
    [1_500, 2_000],
    [100_000, 5_000],
  ] as const) {
    const all = await steps(calls, "SSCAN s", ` COUNT ${count}`);
    assert.deepEqual(all.flatMap(([, members]) => members).toSorted(), names, `count ${count}`);
    assert.ok(
      all.every(([, members]) => members.length <= most),
      `count ${count}`,
    );
  }
  const pairs = (await steps(calls, "HSCAN h", " COUNT 1000")).flatMap(([, some]) => some);
  assert.deepEqual(
    pairs,
    names.flatMap((name) => [name, `v${name}`]),
  );
});

test("MATCH chooses among the names", async () => {
  const [calls] = await filled(2_000);
  const found = (await steps(calls, "HSCAN h", " MATCH n0100?")).flatMap(([, some]) => some);
  assert.equal(found.length, 20);
  assert.equal((await step(calls, "SSCAN s 0 MATCH * COUNT 5000"))[1].length, 2_000);
  assert.deepEqual(await step(calls, "SSCAN s 0 MATCH none COUNT 5000"), ["0", []]);
});

test("a place that is forgotten, or of another key, has all fields answered in one step", async () => {
  const [calls, names] = await filled(2_000);
  const [cursor, first] = await step(calls, "SSCAN s 0");
  const [, again] = await step(calls, `SSCAN s ${cursor}`);
  assert.deepEqual((await step(calls, `SSCAN s ${cursor}`))[1], again);
  await calls.askWith(["SADD", "other", ...names]);
  assert.deepEqual(await calls.ask(`SSCAN other ${cursor}`), ["0", names]);
  const [elsewhere] = await filled(2_000);
  assert.deepEqual(await elsewhere.ask(`SSCAN s ${cursor}`), ["0", names]);
  for (let count = 0; count <= PLACES_MAX; count += 1) await calls.ask("HSCAN h 0");
  assert.deepEqual(await calls.ask(`SSCAN s ${cursor}`), ["0", names]);
  assert.equal(first.length, 512);
});

test("a step of large values ends early", async () => {
  const calls = new RedisCalls();
  const value = "v".repeat(1024 * 1024);
  await calls.askWith(["HSET", "h", "a", value, "b", value, "c", value]);
  const page = calls.store.query.bind(calls.store);
  // As a node cuts pages, by bytes.
  calls.store.query = (request, done) => {
    const { query } = request;
    page(query.kind === "page" ? { ...request, query: { ...query, limit: 1 } } : request, done);
  };
  assert.equal((await steps(calls, "HSCAN h")).length, 3);
});

test("what is wrong with a step is told in the order in which Redis looks", async () => {
  const calls = new RedisCalls();
  const syntax = "-ERR syntax error";
  const wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value";
  await calls.check([
    ["SADD s a", 1],
    ["SSCAN s x", "-ERR invalid cursor"],
    ["SSCAN none x FOO", "-ERR invalid cursor"],
    ["SSCAN none 0 FOO", ["0", []]],
    ["SSCAN s 0 FOO", syntax],
    ["SSCAN s 0 COUNT", syntax],
    ["SSCAN s 0 COUNT 0", syntax],
    ["SSCAN s 0 COUNT x", "-ERR value is not an integer or out of range"],
    ["SSCAN s 0 TYPE set", syntax],
    ["HSCAN s 0 FOO", wrongType],
    ["SSCAN s 5", ["0", ["a"]]],
  ]);
});
