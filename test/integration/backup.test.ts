/**
 * Backups of real clusters of real processes: taken under load from five nodes, one of which is killed meanwhile, restored
 * into three, and compared key by key.
 */
import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { NodeClient } from "../../src/cli/node-client.ts";
import { RespClient } from "../support/resp-client.ts";
import { dnd, dndOk, RealCluster, type UpNode } from "./real-cluster.ts";

let source: RealCluster;
let target: RealCluster;
let nodes: readonly UpNode[];
let fresh: UpNode;

before(async () => {
  [source, target] = await Promise.all([RealCluster.create(5), RealCluster.create(3)]);
  ({ nodes } = await source.up("--nodes", "5", "--data-dir", "data"));
  const three = await target.up("--nodes", "3", "--data-dir", "data");
  fresh = three.nodes[0] as UpNode;
});
after(async () => {
  await Promise.all([source.close(), target.close()]);
});

/** Keys of every type, some of them written over, deleted, counted at several nodes, or about to expire. */
async function fill(): Promise<void> {
  const lines: unknown[] = [];
  for (let index = 0; index < 800; index += 1) {
    lines.push({ key: `value:${index}`, value: `first ${index}`, contentType: "text/x-own" });
  }
  for (let index = 0; index < 30; index += 1) {
    lines.push({
      key: `hash:${index}`,
      type: "hash",
      value: { a: `${index}`, b: "x", c: { value64: "_w" } },
    });
    lines.push({ key: `set:${index}`, type: "set", value: ["a", `${index}`, { value64: "_w" }] });
    lines.push({ key: `gone:${index}`, value: "deleted before" });
    lines.push({ key: `late:${index}`, value: "x", expires: "2099-01-01T00:00:00.000Z" });
  }
  const large = Object.fromEntries(
    Array.from({ length: 2_500 }, (_none, at) => [`f${at}`, `v${at}`]),
  );
  lines.push({ key: "large", type: "hash", value: large });
  lines.push({ key: "huge", value: "v".repeat(1_500_000) });
  lines.push({ key64: Buffer.from([0, 255, 10]).toString("base64url"), value64: "AAEC_w" });
  const path = join(source.folder, "lines.ndjson");
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await dndOk("import", path, "--node", (nodes[0] as UpNode).http);
  const clients = await Promise.all(
    nodes.slice(0, 3).map(({ redis }) => RespClient.open(Number(redis.split(":").at(-1)))),
  );
  for (const [at, client] of clients.entries()) {
    for (let index = at; index < 30; index += 3) await client.ask("DEL", `gone:${index}`);
    // Each node counts in cells of its own.
    for (let index = 0; index < 20; index += 1) {
      await client.ask("INCRBY", `count:${index}`, String(index + at));
      await client.ask("HINCRBY", `hash:${index}`, "counted", String(at + 1));
    }
    await client.close();
  }
}

/** What every key shows, by its name: the lines of an export. */
async function shown(node: string): Promise<Map<string, string>> {
  const text = await dndOk("export", "--node", node);
  const keys = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const { key, key64 } = JSON.parse(line) as { key?: string; key64?: string };
    const name = key ?? `64:${key64}`;
    keys.set(name, `${keys.get(name) ?? ""}${line}\n`);
  }
  return keys;
}

/** Writes on until told to stop, each key in turn; tells how far each had been acknowledged. */
class Load {
  readonly acknowledged = new Map<string, number>();
  #isOver = false;
  readonly #lanes: Promise<void>[];

  constructor(urls: readonly string[]) {
    this.#lanes = urls.map((url, lane) => this.#write(url, lane));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#lanes);
  }

  async #write(url: string, lane: number): Promise<void> {
    const client = new NodeClient(url);
    for (let round = 1; !this.#isOver; round += 1) {
      for (let index = 0; index < 25 && !this.#isOver; index += 1) {
        const key = `load:${lane}:${index}`;
        const body = Buffer.from(String(round));
        try {
          await client.ask({ method: "PUT", target: `/kv/${key}?w=2`, body });
          this.acknowledged.set(key, round);
        } catch {
          // Not acknowledged: it may be stored or not.
        }
      }
    }
    client.close();
  }
}

test("a backup under load from five nodes, one of them killed meanwhile, restores into three", async () => {
  await fill();
  const calm = await shown((nodes[0] as UpNode).http);
  const load = new Load([nodes[1], nodes[2]].map((node) => (node as UpNode).http));
  while (load.acknowledged.size < 50) await wait(20);
  const before = new Map(load.acknowledged);
  const directory = join(source.folder, "backup");
  const running = source.run(["backup", directory, "--node", (nodes[0] as UpNode).http]);
  // As soon as it has begun to write: that is in the middle of it.
  while (running.process.exitCode === null && (await files(directory)).length === 0) await wait(5);
  process.kill((nodes[4] as UpNode).pid, "SIGKILL");
  assert.equal(await running.ended, 0, running.stderr);
  await load.stop();
  const last = new Map(load.acknowledged);

  assert.match(await dndOk("verify", directory), /backup is whole: cluster [0-9a-f]{16}/);
  const manifest = JSON.parse(await readFile(join(directory, "manifest.json"), "utf8"));
  assert.deepEqual(manifest.thin, []);
  const restored = await dnd(["restore", directory, "--node", fresh.http, "--json"]);
  assert.equal(restored.status, 0, restored.stderr);
  const { cluster, failed, kept } = JSON.parse(restored.stdout);
  assert.notEqual(cluster, manifest.cluster, "the cluster keeps an id of its own");
  assert.deepEqual([failed, kept], [0, 0]);

  const found = await shown(fresh.http);
  for (const [key, lines] of calm) {
    if (!key.startsWith("load:")) assert.equal(found.get(key), lines, key);
  }
  assert.equal([...found.keys()].filter((key) => key.startsWith("gone:")).length, 0);
  assert.ok(before.size >= 50);
  for (const [key, least] of before) {
    const value = Number(JSON.parse(found.get(key) ?? "{}").value);
    assert.ok(value >= least, `${key} is ${value}, and ${least} was acknowledged before`);
    // One more may have been under way when the load ended.
    assert.ok(value <= (last.get(key) ?? 0) + 1, key);
  }
  for (const key of found.keys()) assert.ok(calm.has(key) || key.startsWith("load:"), key);
  // Counters go on counting, at any node.
  const client = await RespClient.open(Number(fresh.redis.split(":").at(-1)));
  assert.equal(String(await client.ask("INCR", "count:5")), String(5 + 6 + 7 + 1));
  assert.equal(String(await client.ask("HINCRBY", "hash:5", "counted", "1")), "7");
  await client.close();
});

async function files(directory: string): Promise<readonly string[]> {
  return await readdir(directory).catch(() => []);
}

test("a restore is refused by a cluster that holds keys, and told to keep them adds what is missing", async () => {
  const directory = join(source.folder, "backup");
  const refused = await dnd(["restore", directory, "--node", fresh.http]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /dnd: the cluster is not empty\nhint: --existing keep/);

  const whole = await shown(fresh.http);
  await dndOk("put", "value:1", "written since", "--node", fresh.http);
  await dndOk("delete", "value:2", "--node", fresh.http);
  await dndOk("put", "new", "of this cluster", "--node", fresh.http);
  // As a restore leaves it that was interrupted within a hash: some fields, and one that a client has set since.
  const client = await RespClient.open(Number(fresh.redis.split(":").at(-1)));
  await client.ask("HDEL", "large", "f1", "f2499");
  await client.ask("HSET", "large", "f2", "of a client");
  await client.ask("DEL", "set:1");
  await client.ask("SET", "set:1", "another type");
  await client.close();
  const kept = await dnd([
    "restore",
    directory,
    "--node",
    fresh.http,
    "--existing",
    "keep",
    "--json",
  ]);
  assert.equal(kept.status, 0, kept.stderr);
  const after = await shown(fresh.http);
  assert.match(after.get("value:1") ?? "", /written since/);
  assert.equal(after.get("value:2"), whole.get("value:2"), "what is missing is added");
  assert.match(after.get("set:1") ?? "", /another type/);
  assert.match(after.get("large") ?? "", /"f1":"v1".*"f2":"of a client"/s);
  assert.match(after.get("large") ?? "", /"f2499":"v2499"/);

  const replaced = await dnd(["restore", directory, "--node", fresh.http, "--existing", "replace"]);
  assert.equal(replaced.status, 0, replaced.stderr);
  const last = await shown(fresh.http);
  for (const [key, lines] of whole) {
    if (!key.startsWith("count:") && key !== "hash:5") assert.equal(last.get(key), lines, key);
  }
  assert.match(last.get("new") ?? "", /of this cluster/, "what the backup lacks stays");
});

test("nothing is written of a backup of which anything is wrong", async () => {
  const directory = join(source.folder, "backup");
  const names = (await readdir(directory)).filter((name) => name.endsWith(".dnd")).sort();
  const path = join(directory, names.at(-1) as string);
  const bytes = await readFile(path);
  const index = bytes.length - 5;
  bytes[index] = (bytes[index] as number) ^ 4;
  await writeFile(path, bytes);
  await dndOk("put", "value:1", "as it is", "--node", fresh.http);
  for (const args of [
    ["verify", directory],
    ["restore", directory, "--node", fresh.http, "--existing", "replace"],
  ]) {
    const { status, stderr } = await dnd(args);
    assert.equal(status, 1);
    assert.match(stderr, /^dnd: cells-\d{6}\.dnd/m);
  }
  assert.equal(await dndOk("get", "value:1", "--node", fresh.http), "as it is");
  await rm(path);
  assert.equal((await dnd(["verify", directory])).status, 1);
});

test("a backup that is killed leaves nothing that passes for one", async () => {
  let directory = "";
  // Where this process stood still until the backup was done, it was not killed in its middle.
  for (let turn = 0, status: number | null = 0; status !== null; turn += 1) {
    assert.equal(status, 0, "it did not fail by itself");
    assert.ok(turn < 10, "it is too fast to be killed");
    directory = join(source.folder, `killed-${turn}`);
    const running = source.run(["backup", directory, "--node", (nodes[0] as UpNode).http]);
    while (running.process.exitCode === null && (await files(directory)).length === 0)
      await wait(2);
    running.process.kill("SIGKILL");
    status = await running.ended;
  }
  const verified = await dnd(["verify", directory]);
  assert.equal(verified.status, 1);
  assert.match(verified.stderr, /holds no backup: there is no manifest\.json/);
  const again = await dnd(["backup", directory, "--node", (nodes[0] as UpNode).http]);
  assert.equal(again.status, 2);
  assert.match(again.stderr, /is not empty\nhint: without manifest\.json it is no backup/);
});

test("with two of five nodes dead, a backup that takes what there is names what it may lack", async () => {
  process.kill((nodes[3] as UpNode).pid, "SIGKILL");
  const directory = join(source.folder, "thin");
  const node = (nodes[0] as UpNode).http;
  const taken = await dnd(["backup", directory, "--node", node, "--allow-thin", "--json"]);
  assert.equal(taken.status, 0, taken.stderr);
  const { thinSlots } = JSON.parse(taken.stdout) as { thinSlots: number };
  // Two given nodes are among the three of a slot in 3 of 10.
  assert.ok(thinSlots > 3_000 && thinSlots < 7_000, `${thinSlots} slots are thin`);
  assert.match(taken.stderr, /slots are thin: fewer than a read quorum told of them/);
  assert.match(await dndOk("verify", directory), /slots are thin/);
  const { thin } = JSON.parse(await readFile(join(directory, "manifest.json"), "utf8"));
  assert.ok((thin as { copies: number }[]).every(({ copies }) => copies === 1));
});
