/** A cluster that is rolled from one version to the next, and back, while clients go on. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { WIRE_VERSION } from "../../src/model/peer-message.ts";
import { eventually } from "./real-cluster.ts";
import { Load, RollingCluster } from "./rolling.ts";
import { formerVersion, nextVersion } from "./versions.ts";

/** The wire versions a node has agreed on with the two others, once it has reached both: they may know a node's new address before it has dialled theirs. */
async function agreedAt(http: string): Promise<readonly number[]> {
  return await eventually(`${http} to agree with both others`, 20_000, async () => {
    const reply = await fetch(`http://${http}/cluster`);
    const { members } = (await reply.json()) as { members: readonly { wireVersion?: number }[] };
    const versions = members.flatMap(({ wireVersion }) => wireVersion ?? []);
    return versions.length === 2 ? versions : undefined;
  });
}

/** This program's own version where there is no former one; the test says which it took. */
function startVersion(t: TestContext) {
  const former = formerVersion();
  if (typeof former !== "string") {
    t.after(former.remove);
    t.diagnostic(`from ${former.name}`);
    return former.program;
  }
  t.diagnostic(`from this version: ${former}`);
  return undefined;
}

test("a cluster rolled to a later version, and a node of it back, loses nothing and fails no request", async (t) => {
  const former = startVersion(t);
  const next = nextVersion();
  t.after(next.remove);
  const cluster = await RollingCluster.start({ nodes: 3, program: former });
  t.after(() => cluster.close());
  const load = new Load(cluster);
  t.after(() => load.stop());
  const [first, second, third] = cluster.nodes;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);

  await cluster.roll(first, next.program);
  await cluster.roll(second, next.program);
  assert.ok((await agreedAt(first.http)).includes(WIRE_VERSION + 1), "two of them speak the later");
  assert.deepEqual(new Set(await agreedAt(third.http)), new Set([WIRE_VERSION]), "one does not");
  await cluster.roll(first, former);
  await load.stop();
  assert.deepEqual(load.failures, []);
  await load.check();
  const agreed = await agreedAt(second.http);
  assert.deepEqual(agreed, [WIRE_VERSION, WIRE_VERSION], "the later one speaks the former again");
});
