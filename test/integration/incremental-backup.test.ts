/**
 * Increments of backups of a real cluster of real processes: after writes, deletions and their collection, with a node killed, the
 * chain restored into another cluster shows what clients see.
 */
import assert from "node:assert/strict";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { NodeClient } from "../../src/cli/node-client.ts";
import { RespClient } from "../support/resp-client.ts";
import { dnd, dndOk, eventually, RealCluster, type UpNode } from "./real-cluster.ts";

/** So that what is deleted is forgotten while the test runs. */
const GRACE = "--grace-ms=1000";

let source: RealCluster;
let target: RealCluster;
let nodes: readonly UpNode[];
let fresh: UpNode;

before(async () => {
  [source, target] = await Promise.all([RealCluster.create(3), RealCluster.create(3)]);
  ({ nodes } = await source.up("--nodes", "3", "--data-dir", "data", GRACE));
  const three = await target.up("--nodes", "3", "--data-dir", "data");
  fresh = three.nodes[0] as UpNode;
});
after(async () => {
  await Promise.all([source.close(), target.close()]);
});

function at(index: number): string {
  return (nodes[index] as UpNode).http;
}

function path(name: string): string {
  return join(source.folder, name);
}

async function importLines(lines: readonly unknown[]): Promise<void> {
  const file = path("lines.ndjson");
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await dndOk("import", file, "--node", at(0));
}

/** Lines of an export, by key. */
async function shown(node: string): Promise<Map<string, string>> {
  const keys = new Map<string, string>();
  for (const line of (await dndOk("export", "--node", node)).split("\n")) {
    if (line === "") continue;
    const { key } = JSON.parse(line) as { key: string };
    keys.set(key, `${keys.get(key) ?? ""}${line}\n`);
  }
  return keys;
}

async function clusterOf(node: string): Promise<{ counters: Record<string, number> }> {
  const client = new NodeClient(node);
  const answer = await client.askJson<{ counters: Record<string, number> }>("/cluster");
  client.close();
  return answer;
}

interface Taken {
  readonly bytes: number;
  readonly gone: number;
  readonly slotsRead: number;
  readonly cells: Readonly<Record<string, number>>;
}

async function take(name: string, ...flags: string[]): Promise<Taken> {
  const answer = await dndOk("backup", path(name), "--node", at(0), "--json", ...flags);
  return JSON.parse(answer) as Taken;
}

test("a base with increments, restored, is what clients see, also of what was deleted and forgotten", async () => {
  const lines = Array.from({ length: 600 }, (_none, index) => ({
    key: `value:${index}`,
    value: `first ${index}`,
  }));
  const hashes = Array.from({ length: 20 }, (_none, index) => ({
    key: `hash:${index}`,
    type: "hash",
    value: { a: `${index}`, b: "x" },
  }));
  await importLines([...lines, ...hashes]);
  const redis = await RespClient.open(Number((nodes[1] as UpNode).redis.split(":").at(-1)));
  await redis.ask("SADD", "set", "a", "b", "c");
  await redis.ask("INCRBY", "count", "5");
  const base = await take("base");

  // What is deleted is forgotten before the increment: no cell tells of it any more.
  for (let index = 0; index < 30; index += 1) await redis.ask("DEL", `value:${index}`);
  await redis.ask("SREM", "set", "b");
  for (const [index] of nodes.entries()) {
    await eventually("the deletions to be forgotten", 60_000, async () => {
      const { counters } = await clusterOf(at(index));
      return (counters["cells-collected"] ?? 0) >= 31 ? true : undefined;
    });
  }
  for (let index = 100; index < 110; index += 1) await redis.ask("SET", `value:${index}`, "second");
  await redis.ask("HSET", "hash:3", "c", "new");
  await redis.ask("INCRBY", "count", "2");
  const first = await take("first", "--since", path("base"));
  assert.equal(first.gone, 31);
  assert.equal(first.cells["value"], 10);
  assert.ok(first.slotsRead < 60, `${first.slotsRead} slots were read`);
  assert.ok(first.bytes < base.bytes / 10, `${first.bytes} bytes, of ${base.bytes}`);

  // With a node away and another change: a quorum confirms what did not change.
  process.kill((nodes[2] as UpNode).pid, "SIGKILL");
  await redis.ask("SET", "value:5", "it is back");
  await redis.ask("DEL", "hash:4");
  await redis.close();
  const second = await take("second", "--since", path("first"));
  assert.ok(second.slotsRead < 100, `${second.slotsRead} slots were read`);

  assert.match(
    await dndOk("verify", path("second")),
    /second is whole, with the 2 that it builds on: cluster [0-9a-f]{16}/,
  );
  await dndOk("restore", path("second"), "--node", fresh.http);
  assert.deepEqual(await shown(fresh.http), await shown(at(0)));
});

test("where nothing has changed an increment says so, whichever way it is compared", async () => {
  const none = await take("none", "--since", path("second"), "--read-all");
  assert.equal(none.slotsRead, 16_384);
  const changed = Object.values(none.cells).reduce((sum, count) => sum + count, none.gone);
  assert.ok(changed <= 2, `${changed} cells: at most what was collected since`);
});

test("a chain that is not whole is refused by every command, and nothing is written", async () => {
  await rename(path("first"), path("elsewhere"));
  const manifest = JSON.parse(await readFile(join(path("elsewhere"), "manifest.json"), "utf8"));
  assert.equal(manifest.version, 2, "which a command that knows version 1 alone refuses");
  assert.match(await dndOk("verify", path("second")), /is whole/, "it is found by its hash");
  await rename(path("elsewhere"), join(target.folder, "away"));
  const node = ["--node", fresh.http];
  await dndOk("put", "value:100", "as it is", ...node);
  for (const args of [
    ["verify", path("second")],
    ["restore", path("second"), "--existing", "replace", ...node],
    ["backup", path("third"), "--since", path("second"), "--node", at(0)],
  ]) {
    const { status, stderr } = await dnd(args);
    assert.equal(status, 1, args[0]);
    assert.match(stderr, /builds on a backup begun .* which is not there\nhint: .*--base DIR/s);
  }
  assert.equal(await dndOk("get", "value:100", ...node), "as it is");
  const away = ["--base", join(target.folder, "away")];
  assert.match(await dndOk("verify", path("second"), ...away), /is whole, with the 2/);
  const foreign = await dnd(["backup", path("third"), "--since", path("second"), ...away, ...node]);
  assert.match(foreign.stderr, /is a backup of cluster [0-9a-f]{16}, and this is [0-9a-f]{16}/);
  const usage = await dnd(["backup", path("third"), "--read-all", "--node", at(0)]);
  assert.equal(usage.status, 2);
});
