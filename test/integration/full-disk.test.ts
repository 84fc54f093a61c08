/**
 * One node of three on a small file system of its own, which something else fills up while clients write: below its floor it
 * takes no writes and serves reads, the others go on, and when there is space again it catches up by itself.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { eventually } from "./real-cluster.ts";
import { Load, RollingCluster, type RollingNode } from "./rolling.ts";

const run = promisify(execFile);
const MIB = 1024 * 1024;
/** The node's journal takes 40 of them. */
const DISK_BYTES = 144 * MIB;
const FLOOR_BYTES = 40 * MIB;
/** Leaves some 25 megabytes: less than the floor, more than the node still writes. */
const FILLER_BYTES = 70 * MIB;

/** Mounts a small disk where this user may; else says so, and the test is skipped. */
async function mountDisk(t: TestContext, folder: string): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", folder]);
    return true;
  } catch (error) {
    t.skip(`needs the right to mount a tmpfs: ${(error as Error).message.trim()}`);
    return false;
  }
}

async function gauge(node: RollingNode, name: string): Promise<number> {
  const reply = await fetch(`http://${node.http}/cluster`);
  const { gauges } = (await reply.json()) as { gauges: Record<string, number> };
  return gauges[name] ?? Number.NaN;
}

async function dirtySlotsAt(node: RollingNode): Promise<number> {
  const reply = await fetch(`http://${node.http}/cluster`);
  const { members } = (await reply.json()) as { members: readonly { dirtySlots: number }[] };
  return members.reduce((sum, { dirtySlots }) => sum + dirtySlots, 0);
}

test("a node whose disk fills up refuses writes, serves reads, and catches up when there is space", async (t) => {
  const cluster = await RollingCluster.start({
    nodes: 3,
    flags: () => ["--free-bytes-min", String(FLOOR_BYTES)],
    prepare: (number, folder) => (number === 2 ? mountDisk(t, folder) : Promise.resolve(true)),
  });
  if (cluster === undefined) return;
  const [first, , small] = cluster.nodes;
  assert.ok(first !== undefined && small !== undefined);
  const disk = cluster.dataOf(2);
  t.after(async () => {
    await cluster.close(() => run("umount", ["--lazy", disk]));
  });
  const load = new Load(cluster);
  t.after(() => load.stop());
  await fetch(`http://${first.http}/kv/steady`, { method: "PUT", body: "before" });

  // Clients go to the other nodes; this one is a replica of everything.
  small.isOffered = false;
  await writeFile(join(disk, "filler"), Buffer.alloc(FILLER_BYTES));
  await eventually("the node to find its disk low", 20_000, async () =>
    (await gauge(small, "storage-low")) === 1 ? true : undefined,
  );
  const refused = await fetch(`http://${small.http}/kv/steady`, { method: "PUT", body: "x" });
  assert.equal(refused.status, 503);
  const problem = (await refused.json()) as { code: string; stored: string; detail: string };
  assert.deepEqual([problem.code, problem.stored], ["storage-failed", "no"]);
  assert.match(problem.detail, /less free space than it keeps/);
  const read = await fetch(`http://${small.http}/kv/steady`);
  assert.equal(await read.text(), "before");
  const deleted = await fetch(`http://${small.http}/kv/steady`, { method: "DELETE" });
  assert.ok(deleted.ok, "what gives space back is taken");
  const ready = await fetch(`http://${small.http}/ready`);
  assert.equal(ready.status, 200, "it serves reads");

  const answeredBefore = load.answered;
  await eventually("the others to go on", 60_000, () =>
    load.answered > answeredBefore + 300 ? true : undefined,
  );
  assert.ok((await dirtySlotsAt(first)) > 0, "the others know what it lacks");
  assert.deepEqual(load.failures, []);

  await rm(join(disk, "filler"));
  await eventually("the node to take writes again", 20_000, async () =>
    (await gauge(small, "storage-low")) === 0 ? true : undefined,
  );
  small.isOffered = true;
  const written = await fetch(`http://${small.http}/kv/steady`, { method: "PUT", body: "after" });
  assert.ok(written.ok);
  await load.stop();
  assert.deepEqual(load.failures, []);
  await eventually("the node to be given what it missed", 60_000, async () =>
    (await dirtySlotsAt(first)) === 0 ? true : undefined,
  );
  await load.check();
});
