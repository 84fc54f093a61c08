/** A local cluster of real processes, as `npm start` runs it: what only real processes and sockets can show. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { dnd, dndOk, eventually, isRunning, RealCluster, type UpNode } from "./real-cluster.ts";

test("a value put on one node is read on the others, through a crash and a restart", async (t) => {
  const cluster = await RealCluster.create();
  t.after(() => cluster.close());
  const { nodes } = await cluster.up();
  const [first, second, third] = nodes;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);

  const put = await dndOk("put", "user1", '{"name": "Jack"}', "--node", first.http, "--json");
  assert.ok(JSON.parse(put).acks >= 2, put);
  assert.equal(JSON.parse(put).of, 3);
  for (const node of [second, third]) {
    assert.equal(await dndOk("get", "user1", "--node", node.http), '{"name": "Jack"}');
  }

  process.kill(second.pid, "SIGKILL");
  await dndOk("put", "user2", "while one is gone", "--node", first.http);
  assert.equal(await dndOk("get", "user2", "--node", third.http), "while one is gone");
  assert.equal(await dndOk("get", "user1", "--node", third.http), '{"name": "Jack"}');

  const again = cluster.run([
    "start",
    ...cluster.portFlags(1),
    "--data-dir",
    second.data,
    "--json",
  ]);
  await again.said(/"event":"ready"/);
  // Its own disk, not merely its answers, must come to hold what was written without it.
  await eventually("the returned node to hold what it missed", 20_000, async () => {
    const dumps = await Promise.all(nodes.map(({ http }) => dndOk("dump", "--node", http)));
    return dumps.every((dump) => dump === dumps[0] && dump.includes("user2")) ? true : undefined;
  });
  again.process.kill("SIGTERM");
  assert.equal(await again.ended, 0);
});

test("Ctrl-C stops every node, and the next start finds the data", async (t) => {
  const cluster = await RealCluster.create();
  t.after(() => cluster.close());
  const { up, nodes } = await cluster.up();
  await dndOk("put", "kept", "value", "--node", nodes[0]?.http ?? "");
  up.process.kill("SIGINT");
  assert.equal(await up.ended, 0);
  assert.deepEqual(
    nodes.filter(({ pid }) => isRunning(pid)),
    [],
  );

  const fewer = await dnd(["up", ...cluster.portFlags(0), "--nodes", "2"], { cwd: cluster.folder });
  assert.equal(fewer.status, 2);
  assert.match(
    fewer.stderr,
    /\.dnd holds the data of 3 nodes, more than --nodes 2\nhint: .*--nodes 3/,
  );

  const second = await cluster.up();
  assert.equal(await dndOk("get", "kept", "--node", second.nodes[2]?.http ?? ""), "value");
});

test("no node outlives the process that started it, even when that is killed", async (t) => {
  const cluster = await RealCluster.create();
  t.after(() => cluster.close());
  const { up, nodes } = await cluster.up();
  up.process.kill("SIGKILL");
  await eventually("all nodes to end", 20_000, () =>
    nodes.every(({ pid }) => !isRunning(pid)) ? true : undefined,
  );
});

test("each node of a local cluster has the engine's settings for a node", {
  skip: process.platform === "linux" ? false : "how a process was started is read from /proc",
}, async (t) => {
  const cluster = await RealCluster.create();
  t.after(() => cluster.close());
  for (const { pid } of (await cluster.up()).nodes) {
    assert.match(await readFile(`/proc/${pid}/cmdline`, "utf8"), /--max-semi-space-size=32/);
  }

  const chosen = await RealCluster.create();
  t.after(() => chosen.close());
  const environment = { NODE_OPTIONS: "--max-semi-space-size=16" };
  const up = chosen.run(["up", "--json", ...chosen.portFlags(0)], undefined, environment);
  const [line] = await up.said(/\{"event":"ready".*\}/, 120_000);
  for (const { pid } of (JSON.parse(line) as { nodes: readonly UpNode[] }).nodes) {
    assert.doesNotMatch(await readFile(`/proc/${pid}/cmdline`, "utf8"), /semi-space/);
  }
});

test("a port in use is named, with the flag that moves it", async (t) => {
  const cluster = await RealCluster.create();
  t.after(() => cluster.close());
  await cluster.up("--nodes", "1");
  const { port, serverPort, webPort, redisPort } = cluster.ports;
  const start = (ports: readonly number[]) =>
    dnd(
      [
        "start",
        "--port",
        `${ports[0]}`,
        "--server-port",
        `${ports[1]}`,
        "--web-port",
        `${ports[2]}`,
        "--redis-port",
        `${ports[3]}`,
        "--data-dir",
        "b",
      ],
      { cwd: cluster.folder },
    );
  const peers = await start([port, serverPort + 1, webPort + 1, redisPort + 1]);
  assert.equal(peers.status, 1);
  assert.match(
    peers.stderr,
    new RegExp(`peer port ${port} is in use.*\nhint: choose another with --port`),
  );
  const http = await start([port + 1, serverPort, webPort + 1, redisPort + 1]);
  assert.match(
    http.stderr,
    new RegExp(`HTTP port ${serverPort} .* is in use\nhint: .* --server-port`),
  );
  const web = await start([port + 1, serverPort + 1, webPort, redisPort + 1]);
  assert.match(web.stderr, new RegExp(`HTTP port ${webPort} .* is in use\nhint: .* --web-port`));

  const redis = await start([port + 1, serverPort + 1, webPort + 1, redisPort]);
  assert.match(
    redis.stderr,
    new RegExp(`Redis port ${redisPort} .* is in use\nhint: .* --redis-port`),
  );

  const up = await dnd(["up", ...cluster.portFlags(0), "--data-dir", "c"], { cwd: cluster.folder });
  assert.equal(up.status, 1);
  assert.match(up.stderr, new RegExp(`dnd: node 1: peer port ${port} is in use`));
});
