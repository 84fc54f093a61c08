/**
 * One node of three is killed and starts again from its journal; killed once more, its journal is damaged, which it says, and
 * taken away: it has lost commits then, which the others tell it, and give it.
 */
import assert from "node:assert/strict";
import { rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { RollingCluster, type RollingNode } from "./rolling.ts";

const KEYS = 300;
const LANES = 10;

async function putAll(node: RollingNode, value: string): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (; next < KEYS; ) {
      const key = `k${next}`;
      next += 1;
      const body = `${key} ${value}`;
      const reply = await fetch(`http://${node.http}/kv/${key}`, { method: "PUT", body });
      await reply.text();
      assert.ok(reply.ok, `${key}: ${reply.status}`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function checkAll(node: RollingNode, value: string): Promise<void> {
  for (let index = 0; index < KEYS; index += 1) {
    const reply = await fetch(`http://${node.http}/kv/k${index}?r=3`);
    assert.equal(await reply.text(), `k${index} ${value}`, `at node ${node.number}`);
  }
}

async function kill({ running }: RollingNode): Promise<void> {
  running.process.kill("SIGKILL");
  await running.ended;
}

test("a killed node goes on from its journal, and is given what a lost one held", async (t) => {
  const cluster = await RollingCluster.start({ nodes: 3 });
  t.after(() => cluster.close());
  const [first, second, victim] = cluster.nodes;
  assert.ok(first !== undefined && second !== undefined && victim !== undefined);
  const journal = join(cluster.dataOf(2), "node", "journal");

  // Through the victim, which is alone to have all that it acknowledged until the last moment.
  await putAll(victim, "one");
  await kill(victim);
  cluster.startAgain(victim, []);
  await cluster.ready(victim);
  await checkAll(victim, "one");

  await putAll(first, "two");
  await kill(victim);
  await truncate(journal, 1_000);
  cluster.startAgain(victim, []);
  assert.notEqual(await victim.running.ended, 0);
  const said = victim.running.stderr + victim.running.stdout;
  assert.match(said, /journal .*journal is damaged.*: moved away/);

  await rm(journal);
  await putAll(second, "three");
  cluster.startAgain(victim, []);
  await cluster.ready(victim);
  for (const node of cluster.nodes) await checkAll(node, "three");
});
