/** The client commands against a real node, and what a node says to directories and clusters that are not its own. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { dnd, dndOk, eventually, RealCluster } from "./real-cluster.ts";

let cluster: RealCluster;
let node = "";

before(async () => {
  cluster = await RealCluster.create(6);
  const { nodes } = await cluster.up("--nodes", "1", "--data-dir", "one");
  node = nodes[0]?.http ?? "";
});
after(() => cluster.close());

function nodeFlags(index: number, directory: string): string[] {
  return [...cluster.portFlags(index), "--data-dir", directory];
}

test("a value goes in from the command line, from stdin and from a file, and comes out byte for byte", async () => {
  await dndOk("put", "a", "text", "--node", node);
  assert.equal(await dndOk("get", "a", "--node", node), "text");

  const { status } = await dnd(["put", "b", "-", "--node", node], { input: "line\n\u0000end" });
  assert.equal(status, 0);
  assert.equal(await dndOk("get", "b", "--node", node), "line\n\u0000end");

  const path = join(cluster.folder, "value.bin");
  await writeFile(path, Buffer.from([0, 255, 10, 13]));
  await dndOk("put", "c", `@${path}`, "--node", node);
  const json = JSON.parse(await dndOk("get", "c", "--node", node, "--json"));
  assert.equal(json.value64, Buffer.from([0, 255, 10, 13]).toString("base64url"));
  assert.equal(json.contentType, "application/octet-stream");
});

test("exit statuses tell a missing key from a failure from wrong usage", async () => {
  const missing = await dnd(["get", "none", "--node", node]);
  assert.deepEqual([missing.status, missing.stdout], [3, ""]);
  assert.match(missing.stderr, /^dnd: the key does not exist\n/);
  const refused = await dnd(["put", "a", "x", "--if-absent", "--node", node]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^dnd: the key holds [0-9a-f-]+; nothing was stored\n/);
  for (const args of [
    ["get"],
    ["get", "a", "--nope"],
    ["frobnicate"],
    ["get", ""],
    ["put", "a", "b", "-w", "17"],
  ]) {
    const wrong = await dnd([...args, ...(args[0] === "frobnicate" ? [] : ["--node", node])]);
    assert.equal(wrong.status, 2, `${args.join(" ")}: ${wrong.stderr}`);
    assert.match(wrong.stderr, /^dnd: .+\n/);
  }
  const long = await dnd(["get", "k".repeat(33 * 1024), "--node", node, "--json"]);
  assert.equal(long.status, 2);
  assert.equal(JSON.parse(long.stderr).error.code, "key-too-long");
  assert.equal((await dnd(["get", "a", "--node", "127.0.0.1:1"])).status, 1);
});

test("a stamp makes writes conditional, and reads no older", async () => {
  const { stamp } = JSON.parse(await dndOk("put", "s", "1", "--node", node, "--json"));
  assert.equal(await dndOk("get", "s", "--after", stamp, "--node", node), "1");
  await dndOk("put", "s", "2", "--if-match", stamp, "--node", node);
  assert.equal((await dnd(["put", "s", "3", "--if-match", stamp, "--node", node])).status, 1);
  await dndOk("delete", "s", "--node", node);
  assert.equal((await dnd(["get", "s", "--node", node])).status, 3);
});

test("members, locate and status agree on who is there", async () => {
  const status = JSON.parse(await dndOk("status", "--node", node, "--json"));
  const members = JSON.parse(await dndOk("members", "--node", node, "--json"));
  const location = JSON.parse(await dndOk("locate", "a", "--node", node, "--json"));
  assert.equal(members.id, status.node);
  assert.deepEqual(location.primaries, [status.node]);
  // CRC16 of "a" is 0x7c87; of it, the 14 bits that name a slot.
  assert.equal(location.slot, 0x7c87 % 16_384);
  assert.match(await dndOk("locate", "a", "--node", node), /^slot 15495\nROLE .*\nprimary /);
});

// Goal: nothing is lost or changed on the way out and in again. Method: awkward keys and values into one cluster,
// its export into a second, whose export must be the same text.
test("export then import is the identity, down to bytes, media types and expiry", async () => {
  const awkward = [
    { key: "text", value: 'quote " and \\ and \u2028', contentType: "text/plain; charset=utf-8" },
    { key: "empty", value: "", contentType: "application/x-empty" },
    { key: "number", value: 12_345 },
    { key: "json", value: { nested: ["a", 1.5, null] } },
    {
      key64: Buffer.from([0, 255, 128]).toString("base64url"),
      value64: Buffer.from([255, 0]).toString("base64url"),
    },
    { key: "../a/b?c#d%", value: "path" },
    { key: "expires", value: "later", expires: "2099-01-02T03:04:05.678Z" },
    { key: "dup", value: "first" },
    { key: "dup", value: "last" },
  ];
  const source = join(cluster.folder, "source.ndjson");
  await writeFile(source, `${awkward.map((line) => JSON.stringify(line)).join("\n")}\n\n`);
  const first = JSON.parse(await dndOk("import", source, "--node", node, "--json"));
  assert.deepEqual(first, { stored: awkward.length, failed: 0, errors: [] });
  assert.equal(await dndOk("get", "dup", "--node", node), "last");
  assert.equal(await dndOk("get", "number", "--node", node), "12345");

  const one = join(cluster.folder, "one.ndjson");
  const { exported } = JSON.parse(await dndOk("export", one, "--node", node, "--json"));
  const text = await readFile(one, "utf8");
  assert.equal(text.split("\n").length - 1, exported);
  assert.ok(text.includes("2099-01-02T03:04:05.678Z"));

  const other = cluster.run(["start", ...nodeFlags(1, "two"), "--json"]);
  const [ready] = await other.said(/\{"event":"ready".*\}/);
  const second = `http://${JSON.parse(ready).httpAddress}`;
  await dndOk("import", one, "--node", second);
  assert.equal(await dndOk("export", "--node", second), text);
});

test("bad lines are named and the rest is stored", async () => {
  const lines = [
    '{"key": "good1", "value": 1}',
    "not json",
    '{"key": "x"}',
    '{"key": "good2", "value": 2}',
  ];
  const { status, stdout, stderr } = await dnd(["import", "-", "--node", node, "--json"], {
    input: lines.join("\n"),
  });
  assert.equal(status, 1);
  const summary = JSON.parse(stdout);
  assert.deepEqual([summary.stored, summary.failed], [2, 2]);
  assert.deepEqual(
    summary.errors.map(({ line }: { line: number }) => line),
    [2, 3],
  );
  assert.match(stderr, /line 2: the line is not JSON \(bad-line\)/);
  assert.equal(await dndOk("get", "good2", "--node", node), "2");
});

test("a directory of another format, of somebody else, or in use is refused and left alone", async () => {
  const start = (directory: string) =>
    dnd(["start", ...nodeFlags(2, directory)], { cwd: cluster.folder });
  const newer = join(cluster.folder, "newer");
  await mkdir(newer);
  await writeFile(join(newer, "FORMAT"), "dnd data directory, format 999\n");
  const refused = await start("newer");
  assert.equal(refused.status, 1);
  assert.match(
    refused.stderr,
    /data directory .*newer has format 999, and this dnd reads formats \d+ to \d+; a later version wrote it.*\nhint: .*--data-dir/,
  );
  assert.equal(await readFile(join(newer, "FORMAT"), "utf8"), "dnd data directory, format 999\n");

  await mkdir(join(cluster.folder, "photos"));
  await writeFile(join(cluster.folder, "photos", "cat.jpg"), "meow");
  assert.match((await start("photos")).stderr, /photos is not a dnd data directory/);

  const locked = await start(join("one", "node-1"));
  assert.equal(locked.status, 1);
  assert.match(locked.stderr, /node-1\/db is in use by another node/);
});

test("a node does not go back to a cluster with other shared settings", async () => {
  const first = cluster.run(["start", ...nodeFlags(3, "settings"), "--replicas", "2", "--json"]);
  await first.said(/"event":"ready"/);
  first.process.kill("SIGTERM");
  assert.equal(await first.ended, 0);
  const differing = await dnd(["start", ...nodeFlags(3, "settings"), "--replicas", "3"], {
    cwd: cluster.folder,
  });
  assert.equal(differing.status, 1);
  assert.match(differing.stderr, /replicas/);
});

test("a joiner with another shared setting, or with another cluster's directory, is refused", async () => {
  const { port } = cluster.ports;
  const peer = `127.0.0.1:${port}`;
  const setting = await dnd(["join", peer, ...nodeFlags(4, "joiner"), "--replicas", "5"], {
    cwd: cluster.folder,
  });
  assert.equal(setting.status, 1);
  assert.match(setting.stderr, /replicas/);

  const stranger = cluster.run(["start", ...nodeFlags(4, "stranger"), "--json"]);
  await stranger.said(/"event":"ready"/);
  stranger.process.kill("SIGTERM");
  await stranger.ended;
  const joining = cluster.run(["join", peer, ...nodeFlags(4, "stranger")]);
  const status = await eventually(
    "the stranger to be refused",
    20_000,
    () => joining.process.exitCode ?? undefined,
  );
  assert.equal(status, 1);
  assert.match(joining.stderr, /cluster/);
});
