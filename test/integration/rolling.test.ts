/** Nodes that stop and come back at other addresses: one after another under load, and all at once behind a DNS name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DnsServer } from "../support/dns-server.ts";
import { dndOk, eventually } from "./real-cluster.ts";
import { Load, RollingCluster } from "./rolling.ts";

interface ClusterJson {
  readonly members: readonly {
    readonly address: string;
    readonly intent: string;
    readonly liveness: string;
  }[];
}

/** Addresses of the members that are active and alive, as one node sees them. */
async function seenBy(http: string): Promise<string[]> {
  const reply = await fetch(`http://${http}/cluster`);
  const { members } = (await reply.json()) as ClusterJson;
  return members
    .filter(({ intent, liveness }) => intent === "active" && liveness === "alive")
    .map(({ address }) => address)
    .sort();
}

test("each node stopped and started at another address, under load: nothing is lost and no request fails", async (t) => {
  const cluster = await RollingCluster.start({ nodes: 3 });
  t.after(() => cluster.close());
  const before = cluster.nodes.map(({ peers }) => peers);
  const load = new Load(cluster);
  t.after(() => load.stop());
  for (const node of cluster.nodes) {
    const answeredBefore = load.answered;
    await cluster.roll(node);
    assert.ok(load.answered > answeredBefore, "the load went on");
  }
  await load.stop();
  assert.deepEqual(load.failures, []);
  await load.check();
  const after = cluster.nodes.map(({ peers }) => peers).sort();
  assert.equal(new Set([...before, ...after]).size, 6, "every address changed");
  for (const node of cluster.nodes) assert.deepEqual(await seenBy(node.http), after);
});

test("nodes found by a DNS name found one cluster, and find each other when all have moved", async (t) => {
  const dns = await DnsServer.open();
  t.after(() => dns.close());
  const name = "_peers._tcp.dnd.test";
  dns.records.set("node.dnd.test", { a: ["127.0.0.1"] });
  const flags = ["--peers", `dns:${name}`, "--dns-server", dns.address];
  const publish = (addresses: readonly string[]): void => {
    const ports = addresses.map((address) => Number(address.split(":")[1]));
    const srv = ports.map((port) => ({ priority: 10, port, target: "node.dnd.test" }));
    dns.records.set(name, { srv });
  };

  const cluster = await RollingCluster.start({
    nodes: 1,
    flags: (number) => [...flags, ...(number === 0 ? ["--founder"] : [])],
  });
  t.after(() => cluster.close());
  const [first] = cluster.nodes;
  assert.ok(first !== undefined);
  publish([first.peers]);
  const second = cluster.add();
  const third = cluster.add();
  for (const node of [second, third]) await cluster.ready(node);
  // Each is let in by the first, and hears of the other from it.
  await eventually("three members to be seen", 30_000, async () => {
    return (await seenBy(third.http)).length === 3 ? true : undefined;
  });
  await dndOk("put", "kept", "value", "--node", first.http);

  for (const node of cluster.nodes) await cluster.stop(node);
  const former = cluster.nodes.map(({ peers }) => peers);
  for (const node of cluster.nodes) cluster.startAgain(node, []);
  const moved = cluster.nodes.map(({ peers }) => peers).sort();
  publish(moved);
  for (const node of cluster.nodes) {
    await eventually("all to see each other where they are now", 60_000, async () => {
      const seen = await seenBy(node.http).catch(() => []);
      return seen.join() === moved.join() ? true : undefined;
    });
    await cluster.ready(node);
    assert.equal(await dndOk("get", "kept", "--node", node.http), "value");
  }
  assert.ok(moved.every((address) => !former.includes(address)));
});
