import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";
import { slotOfKey } from "../../../core/placement/slot-of-key.ts";
import type { Key } from "../../../model/key.ts";
import { PLACES_MAX } from "./scan-places.ts";

type Step = readonly [string, readonly string[]];

async function step(calls: RedisCalls, line: string): Promise<Step> {
  return (await calls.ask(line)) as Step;
}

/** All steps of a scan. */
async function steps(calls: RedisCalls, options: string): Promise<readonly Step[]> {
  const all: Step[] = [];
  let cursor = "0";
  do {
    const next = await step(calls, `SCAN ${cursor}${options}`);
    all.push(next);
    cursor = next[0];
    assert.ok(all.length < 10_000, "a scan ends");
  } while (cursor !== "0");
  return all;
}

async function scanned(calls: RedisCalls, options = ""): Promise<string[]> {
  return (await steps(calls, options)).flatMap(([, keys]) => keys).toSorted();
}

async function fill(calls: RedisCalls, keys: readonly string[]): Promise<void> {
  for (let from = 0; from < keys.length; from += 10_000) {
    const some = keys.slice(from, from + 10_000);
    await calls.askWith(["MSET", ...some.flatMap((key) => [key, "v"])]);
  }
}

function numbered(count: number, tag = ""): string[] {
  return Array.from({ length: count }, (_, index) => `key${tag}:${index}`);
}

test("a scan gives every key once where nothing changes, about as many a step as asked for", async () => {
  const calls = new RedisCalls();
  const keys = numbered(1_000);
  await fill(calls, keys);
  for (const count of [1, 5, 10, 999, 1_000, 5_000]) {
    assert.deepEqual(await scanned(calls, ` COUNT ${count}`), keys.toSorted(), `count ${count}`);
  }
  assert.deepEqual(await scanned(calls), keys.toSorted());
  const lengths = (await steps(calls, " COUNT 100")).map(([, { length }]) => length);
  assert.ok(
    lengths.every((length) => length <= 102),
    String(lengths),
  );
  assert.ok(lengths.length <= 20);
});

test("no keys are one empty step", async () => {
  await new RedisCalls().check([["SCAN 0", ["0", []]]]);
});

test("a cursor is the slot where the scan goes on, at any node and after any time", async () => {
  const calls = new RedisCalls();
  const keys = numbered(1_000);
  await fill(calls, keys);
  const [cursor, first] = await step(calls, "SCAN 0 COUNT 20");
  assert.ok(first.every((key) => slotOfKey(key as Key) < Number(cursor)));
  const elsewhere = new RedisCalls();
  await fill(elsewhere, keys);
  assert.deepEqual(await step(elsewhere, `SCAN ${cursor}`), await step(calls, `SCAN ${cursor}`));
});

test("patterns and types choose among the keys", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await fill(calls, numbered(1_000));
  const matching = (await scanned(calls, " MATCH key:1??")).length;
  assert.equal(matching, 100);
  assert.equal((await scanned(calls, " MATCH *:1?? COUNT 5")).length, 100);
  assert.deepEqual(await scanned(calls, " MATCH key:7"), ["key:7"]);
  assert.deepEqual(await scanned(calls, " TYPE HASH"), ["hash"]);
  assert.deepEqual(await scanned(calls, " TYPE list"), []);
  assert.deepEqual(await scanned(calls, ' MATCH ""'), []);
  assert.equal((await scanned(calls, " type string match key:* count 10")).length, 1_000);
});

test("cursors and options that cannot be are refused", async () => {
  const invalid = "-ERR invalid cursor";
  const syntax = "-ERR syntax error";
  const calls = new RedisCalls();
  await calls.check([
    ["SCAN abc", invalid],
    ["SCAN 0x1", invalid],
    ["SCAN 18446744073709551616", invalid],
    ["SCAN 00000000000000000000000", invalid],
    ["SCAN abc FOO", invalid],
    ['SCAN ""', ["0", []]],
    ["SCAN -1", ["0", []]],
    ["SCAN +1", ["0", []]],
    ["SCAN 18446744073709551615", ["0", []]],
    ["SCAN 0 COUNT 0", syntax],
    ["SCAN 0 COUNT -5", syntax],
    ["SCAN 0 COUNT abc", "-ERR value is not an integer or out of range"],
    ["SCAN 0 COUNT", syntax],
    ["SCAN 0 MATCH", syntax],
    ["SCAN 0 FOO bar", syntax],
  ]);
});

// Goal: the guarantee of a scan while keys come and go, in many slots and in one.
// Method: some keys are there from beginning to end; between two steps others, of the same slots, are written and deleted.
test("a key that is there from beginning to end is given at least once, whatever else comes and goes", async () => {
  for (const tag of ["", "{t}"]) {
    const calls = new RedisCalls();
    const stable = numbered(tag === "" ? 1_000 : 4_000, tag);
    await fill(calls, stable);
    const seen = new Set<string>();
    let cursor = "0";
    let round = 0;
    do {
      const passing = `passing${tag}:${round}`;
      await calls.ask(`SET ${passing} v`);
      const [next, keys] = await step(calls, `SCAN ${cursor} COUNT 50`);
      for (const key of keys) seen.add(key);
      await calls.ask(`DEL ${passing}`);
      // The very keys at which the scan stopped go away, and come again.
      const last = keys.findLast((key) => key.startsWith("key"));
      if (last !== undefined)
        await calls.check([
          [`DEL ${last}`, 1],
          [`SET ${last} v`, "+OK"],
        ]);
      cursor = next;
      round += 1;
    } while (cursor !== "0");
    assert.deepEqual(
      stable.filter((key) => !seen.has(key)),
      [],
      `tag "${tag}"`,
    );
  }
});

test("a slot with very many keys is given in several steps, each once", async () => {
  const calls = new RedisCalls();
  const keys = [...numbered(3_500, "{t}"), ...numbered(100)];
  await fill(calls, keys);
  const all = await steps(calls, " COUNT 10");
  assert.deepEqual(all.flatMap(([, some]) => some).toSorted(), keys.toSorted());
  assert.ok(all.every(([cursor]) => Number(cursor) < 2 ** 53));
  assert.ok(all.every(([, { length }]) => length <= 2_100));
});

test("a place that is not known any more is made up for by the whole slot", async () => {
  const calls = new RedisCalls();
  const keys = numbered(3_500, "{t}");
  await fill(calls, keys);
  const [cursor] = await step(calls, "SCAN 0");
  const elsewhere = new RedisCalls();
  await fill(elsewhere, keys);
  const [next, some] = await step(elsewhere, `SCAN ${cursor}`);
  assert.equal(next, "0");
  assert.deepEqual(some.toSorted(), keys.toSorted());
});

test("so many scans of large slots go on, and the oldest begins its slot anew", async () => {
  const calls = new RedisCalls();
  const keys = numbered(1_500, "{t}");
  await fill(calls, keys);
  const [first] = await step(calls, "SCAN 0");
  const cursors: string[] = [];
  for (let index = 0; index < PLACES_MAX; index += 1) {
    cursors.push((await step(calls, "SCAN 0"))[0]);
  }
  assert.equal(new Set(cursors).size, PLACES_MAX);
  assert.equal((await step(calls, `SCAN ${first}`))[1].length, keys.length);
  assert.ok((await step(calls, `SCAN ${cursors[0]}`))[1].length < keys.length);
});
