import assert from "node:assert/strict";
import { test } from "node:test";
import { SpaceWatch } from "./space-watch.ts";

const MIB = 1024 * 1024;

/** A watch whose looks are taken by hand. */
function watchOf(floorBytes: number) {
  const disk = { free: 1_000 * MIB, fails: false };
  const watch = new SpaceWatch({
    directory: "/nowhere",
    floorBytes,
    periodMs: 1_000_000,
    freeBytes: () => (disk.fails ? Promise.reject(new Error("gone")) : Promise.resolve(disk.free)),
  });
  const lookAt = async (free: number): Promise<boolean> => {
    disk.free = free;
    await watch.start();
    return watch.isLow;
  };
  return { watch, disk, lookAt };
}

test("a disk is low below the floor, and until there is a margin above it", async (t) => {
  const { watch, lookAt } = watchOf(100 * MIB);
  t.after(() => watch.close());
  assert.equal(await lookAt(100 * MIB), false);
  assert.equal(await lookAt(100 * MIB - 1), true);
  assert.equal(await lookAt(100 * MIB), true);
  assert.equal(await lookAt(125 * MIB - 1), true);
  assert.equal(await lookAt(125 * MIB), false);
  assert.equal(await lookAt(100 * MIB), false);
});

test("a small floor has a margin all the same", async (t) => {
  const { watch, lookAt } = watchOf(MIB);
  t.after(() => watch.close());
  assert.equal(await lookAt(MIB - 1), true);
  assert.equal(await lookAt(4 * MIB), true);
  assert.equal(await lookAt(5 * MIB), false);
});

test("what cannot be found out changes nothing, and without a floor nothing is asked", async (t) => {
  const { watch, disk, lookAt } = watchOf(100 * MIB);
  t.after(() => watch.close());
  assert.equal(await lookAt(MIB), true);
  disk.fails = true;
  assert.equal(await lookAt(1_000 * MIB), true);
  const off = watchOf(0);
  assert.equal(await off.lookAt(0), false);
});
