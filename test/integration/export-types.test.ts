/** `dnd export` and `dnd import` of hashes, sets and counters: real processes, three nodes on one side and one on the other. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openHttpDoor } from "../../src/adapters/http/http-door.ts";
import { keyFromText } from "../../src/model/key.ts";
import type { Operation, QueryOutcome } from "../../src/model/operation.ts";
import { FakeStore } from "../support/fake-store.ts";
import { RespClient } from "../support/resp-client.ts";
import { dnd, dndOk, RealCluster } from "./real-cluster.ts";

const FIELDS = 10_000;
const ENDS_AT_MS = 4_070_908_800_000;

let cluster: RealCluster;
/** Where each side listens. */
const sides: { http: string; redis: RespClient }[] = [];

before(async () => {
  cluster = await RealCluster.create(4);
  const { nodes } = await cluster.up("--nodes", "3", "--data-dir", "three");
  const flags = [...cluster.portFlags(3), "--data-dir", "other", "--json"];
  const [ready] = await cluster.run(["start", ...flags]).said(/\{"event":"ready".*\}/);
  const { httpAddress, redisAddress } = JSON.parse(ready) as Record<string, string>;
  const addresses = [
    [nodes[1]?.http ?? "", nodes[0]?.redis ?? ""],
    [`http://${httpAddress}`, redisAddress ?? ""],
  ] as const;
  for (const [http, redis] of addresses) {
    sides.push({ http, redis: await RespClient.open(Number(redis.split(":").at(-1))) });
  }
});
after(async () => {
  for (const { redis } of sides) await redis.close();
  await cluster.close();
});

function side(index: number): { http: string; redis: RespClient } {
  return sides[index] ?? assert.fail("there is no such side");
}

async function fill(redis: RespClient): Promise<void> {
  const requests: string[][] = [
    ["HSET", "hash", "name", "Jack", "", "", "__proto__", "x", "10", "ten", "bytes", "\xff\x00"],
    ["HSET", "binary \xff", "\xff\xfe", "\x80", "text", "\xc3\xa9"],
    ["HINCRBY", "hash", "visits", "7"],
    ["SADD", "set", "", "a", "\xff", "\xc3\xa9"],
    ["INCRBY", "counter", "9007199254740993"],
    ["INCR", "counter"],
    ["HSET", "ending", "f", "v"],
    ["PEXPIREAT", "ending", String(ENDS_AT_MS)],
    ["INCR", "ending counter"],
    ["PEXPIREAT", "ending counter", String(ENDS_AT_MS)],
    ["SET", "plain", "\xff"],
    ["HSET", "emptied", "f", "v"],
    ["HDEL", "emptied", "f"],
  ];
  for (let first = 0; first < FIELDS; first += 1_000) {
    const fields: string[] = [];
    for (let index = first; index < first + 1_000; index += 1)
      fields.push(`f${index}`, `v${index}`);
    requests.push(["HSET", "large", ...fields], ["SADD", "many", ...fields]);
  }
  requests.push(["PEXPIREAT", "large", String(ENDS_AT_MS)]);
  for (const request of requests) await redis.ask(...request);
}

/** What clients of the Redis protocol see of it. */
async function seen(redis: RespClient): Promise<unknown[]> {
  const questions: string[][] = [
    ["DBSIZE"],
    ["HGETALL", "hash"],
    ["HGETALL", "binary \xff"],
    ["SMEMBERS", "set"],
    ["GET", "counter"],
    ["GET", "plain"],
    ["HGETALL", "large"],
    ["SMEMBERS", "many"],
  ];
  for (const key of ["hash", "set", "counter", "ending", "ending counter", "plain", "large"]) {
    questions.push(["TYPE", key], ["PEXPIRETIME", key]);
  }
  const answers: unknown[] = [];
  for (const question of questions) answers.push(await redis.ask(...question));
  return answers;
}

// Goal: a key of any type comes back as what it was, from one cluster to another. Method: awkward ones and large ones into
// the first, exported at one of its nodes, imported at the other cluster, and both looked at; then the same once more
// over what is there.
test("hashes, sets and counters go out and in again as what they were", async () => {
  await fill(side(0).redis);
  const file = join(cluster.folder, "types.ndjson");
  const flags = ["--node", side(0).http, "--json"];
  assert.equal(JSON.parse(await dndOk("export", file, ...flags)).exported, 9);
  const text = await readFile(file, "utf8");
  const large = text.split("\n").filter((line) => line.includes('"key":"large"'));
  assert.ok(large.length >= FIELDS / 1_000, "a large hash is in parts");

  const other = side(1);
  await other.redis.ask("HSET", "hash", "former", "1");
  await other.redis.ask("SET", "large", "former");
  for (let time = 1; time <= 2; time += 1) {
    const report = JSON.parse(await dndOk("import", file, "--node", other.http, "--json"));
    assert.equal(report.failed, 0);
    assert.deepEqual(await seen(other.redis), await seen(side(0).redis), `time ${time}`);
  }
  assert.equal(await dndOk("export", "--node", other.http), text);
  // What was counted goes on from there, in keys and in fields.
  assert.equal(await other.redis.ask("INCR", "counter"), 9_007_199_254_740_995n);
  assert.equal(await other.redis.ask("HINCRBY", "hash", "visits", "1"), 8);
});

test("of a hash whose beginning is refused no part is stored, over any number of batches", async () => {
  const { http, redis } = side(1);
  await redis.ask("HSET", "torn", "former", "1");
  const part = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, index) => [`f${index}`, "x".repeat(3_000)]),
  );
  const lines = [
    { key: "torn", type: "hash", value: "no object" },
    ...Array.from({ length: 6 }, () => ({
      key: "torn",
      type: "hash",
      value: part,
      continues: true,
    })),
    { key: "whole", type: "hash", value: { a: "1" } },
    { key: "whole", type: "hash", value: { b: "2" }, continues: true },
  ];
  const file = join(cluster.folder, "torn.ndjson");
  await writeFile(file, lines.map((line) => JSON.stringify(line)).join("\n"));
  const { status, stdout } = await dnd(["import", file, "--node", http, "--json"]);
  assert.equal(status, 1);
  const { stored, failed } = JSON.parse(stdout) as { stored: number; failed: number };
  assert.deepEqual({ stored, failed }, { stored: 2, failed: 7 });
  assert.deepEqual(await redis.ask("HKEYS", "torn"), ["former"]);
  assert.deepEqual(await redis.ask("HKEYS", "whole"), ["a", "b"]);
});

// Goal: a hash whose beginning fails for a passing reason is whole in the end, with nothing of what was there before. Method: a
// store in memory sheds the first write, or one in the middle, of an import.
test("what failed for a passing reason is sent again with the lines that continue it, in their order", async () => {
  const log = { log: () => undefined };
  const quorum = { acks: 0, of: 3, hinted: 0 };
  const shed = {
    kind: "failed",
    code: "overloaded",
    detail: "full",
    stored: "no",
    quorum,
  } as const;
  const input = Array.from({ length: 5 }, (_, index) => {
    const rest = index === 0 ? {} : { continues: true };
    return `${JSON.stringify({ key: "h", type: "hash", value: { [`f${index}`]: "v" }, ...rest })}\n`;
  }).join("");
  for (const shedAt of [1, 3]) {
    const store = new FakeStore();
    const before = { kind: "hash-set", entries: [["former", new Uint8Array(0)]], when: "always" };
    const key = keyFromText("h");
    store.operate({ key, operation: before as Operation }, () => undefined);
    const operate = store.operate.bind(store);
    let count = 0;
    store.operate = (asked, done) => {
      count += 1;
      if (count === shedAt) store.failNext = shed;
      operate(asked, done);
    };
    const options = { store, host: "127.0.0.1", ports: [0], allowedHosts: [], log };
    const door = await openHttpDoor(options);
    const node = `127.0.0.1:${door.ports[0]}`;
    const { stdout } = await dnd(["import", "-", "--node", node, "--json"], { input });
    await door.close();
    assert.deepEqual(JSON.parse(stdout), { stored: 5, failed: 0, errors: [] });
    const query = { kind: "whole", type: "hash" } as const;
    const outcome = await new Promise<QueryOutcome>((resolve) => {
      store.query({ key, query }, resolve);
    });
    assert.ok(outcome.kind === "answered" && outcome.result.kind === "page");
    const names = outcome.result.entries.map(([name]) => name);
    assert.deepEqual(names, ["f0", "f1", "f2", "f3", "f4"], `shed at ${shedAt}`);
  }
});
