import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { close, put, remove, texts, write, writeCall } from "../../../test/contracts/storage.ts";
import { onSmallDisk } from "../../../test/support/small-disk.ts";
import { Prng } from "../../base/prng.ts";
import type { Storage, StorageOperation } from "../../ports/storage.ts";
import { openLevelStorage } from "./level-storage.ts";

const DISK_BYTES = 24 * 1024 * 1024;

const open = (directory: string): Promise<Storage> =>
  openLevelStorage({
    directory: join(directory, "db"),
    durability: "fsync",
    tuning: { writeBufferSize: 1024 * 1024, maxFileSize: 1024 * 1024 },
    reopenPauseMs: 0,
  });

/** Puts `key` again and again, each time another value, until the disk is full; answers with the last value kept. */
async function putUntilFull(storage: Storage, key: string, valueBytes: number): Promise<string> {
  let kept = "none";
  for (let round = 0; round < 100_000; round += 1) {
    const value = `${round}:`.padEnd(valueBytes, "x");
    const error = await writeCall(storage, [
      put(key, value),
      put("partner", value),
      remove("gone"),
    ]);
    if (error !== undefined) {
      assert.equal(error.code, "disk-full");
      return kept;
    }
    kept = value;
  }
  return assert.fail("the disk never filled up");
}

function textOf(storage: Storage, key: string): string | undefined {
  const value = storage.get(key);
  return value === undefined ? undefined : Buffer.from(value).toString("latin1");
}

for (const valueBytes of [40, 3_000, 200_000]) {
  test(`a full disk refuses writes of ${valueBytes} bytes, keeps reads, and heals`, (context) =>
    onSmallDisk(context, DISK_BYTES, async (disk) => {
      const storage = await open(disk.path);
      await write(storage, [put("gone", "was here"), put("steady", "1")]);
      await write(storage, [put("k", "none"), put("partner", "none")]);
      await write(storage, [put("gone", "is here")]);
      await disk.fill();
      const gone = "is here";
      const kept = await putUntilFull(storage, "k", valueBytes);
      const expectedGone = kept === "none" ? gone : undefined;

      for (let attempt = 0; attempt < 3; attempt += 1) {
        const error = await writeCall(storage, [put("steady", "2")]);
        assert.equal(error?.code, "disk-full");
      }
      const expectOld = (steady: string): void => {
        assert.equal(textOf(storage, "k"), kept, "the batch that was refused is not there");
        assert.equal(textOf(storage, "partner"), kept);
        assert.equal(textOf(storage, "gone"), expectedGone);
        assert.equal(textOf(storage, "steady"), steady);
      };
      expectOld("1");

      await disk.free();
      await write(storage, [put("steady", "3")]);
      expectOld("3");
      await write(storage, [put("k", "after"), put("partner", "after")]);
      await close(storage);

      const again = await open(disk.path);
      assert.equal(textOf(again, "k"), "after");
      assert.equal(textOf(again, "steady"), "3");
      await close(again);
    }));
}

test("a refused batch is gone also when the node closes instead of going on", (context) =>
  onSmallDisk(context, DISK_BYTES, async (disk) => {
    const storage = await open(disk.path);
    await disk.fill();
    const kept = await putUntilFull(storage, "k", 40);
    await disk.free();
    await close(storage);
    const again = await open(disk.path);
    const expected = kept === "none" ? [] : [`k=${kept}`, `partner=${kept}`];
    assert.deepEqual(await texts(again), expected);
    await close(again);
  }));

test("opening on a full disk says so and loses nothing", (context) =>
  onSmallDisk(context, DISK_BYTES, async (disk) => {
    const first = await open(disk.path);
    for (let index = 0; index < 100; index += 1) {
      await write(first, [put(`k${index}`, "x".repeat(1_000))]);
    }
    await close(first);
    await disk.fill();
    await assert.rejects(open(disk.path), { name: "StorageError", code: "disk-full" });
    await disk.free();
    const second = await open(disk.path);
    assert.equal((await texts(second)).length, 100);
    await close(second);
  }));

test("a compaction that meets a full disk refuses writes until there is space", (context) =>
  onSmallDisk(context, DISK_BYTES, async (disk) => {
    const storage = await open(disk.path);
    // Distinct keys and values that do not compress fill the disk with tables: flushes and compactions fail as
    // well as the log.
    const random = new Prng(3);
    const stored: StorageOperation[] = [];
    const batchOf = (start: number): StorageOperation[] =>
      Array.from({ length: 64 }, (_, index) => ({
        key: `k${(start + index) % 97}-${start + index}`,
        value: Buffer.from(Uint32Array.from({ length: 256 }, () => random.next32()).buffer),
      }));
    let refused: StorageOperation[] = [];
    while (refused.length === 0) {
      const batch = batchOf(stored.length);
      const error = await writeCall(storage, batch);
      if (error === undefined) {
        stored.push(...batch);
      } else {
        assert.equal(error.code, "disk-full");
        refused = batch;
      }
    }
    assert.ok(stored.length > 5_000, `${stored.length} stored`);
    for (const { key, value } of stored) assert.deepEqual(storage.get(key), value);
    for (const { key } of refused) assert.equal(storage.get(key), undefined);
    await close(storage);
  }));
