import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { close, put, storageContract, write } from "../../../test/contracts/storage.ts";
import type { Storage } from "../../ports/storage.ts";
import { openLevelStorage } from "../leveldb/level-storage.ts";
import { MemoryStorage } from "../memory/memory-storage.ts";
import { Journal, type JournalFile } from "./journal.ts";
import { newRing } from "./journal-record.ts";
import { JournaledStorage } from "./journaled-storage.ts";
import { Memtable } from "./memtable.ts";
import { JOURNAL_BYTES, openJournaledStorage } from "./open-journaled-storage.ts";

for (const durability of ["fsync", "os"] as const) {
  // Small ones go round and are drained all the time; in a large one all stays until the end.
  for (const capacity of [1_024, 65_536, JOURNAL_BYTES]) {
    storageContract(`journal of ${capacity} bytes, ${durability}`, async () => {
      const parent = await mkdtemp(join(tmpdir(), "dnd-journal-"));
      return {
        async open() {
          const below = await openLevelStorage({
            directory: join(parent, "db"),
            durability: "fsync",
          });
          return openJournaledStorage({
            path: join(parent, "journal"),
            below,
            durability,
            capacity,
          });
        },
        remove: () => rm(parent, { recursive: true }),
      };
    });
  }
}

/** Counts what goes below; the file takes everything at once. */
function overMemory(capacity: number) {
  const memory = new MemoryStorage({ defer: setImmediate });
  const batches: number[] = [];
  const below: Storage = {
    get: (key) => memory.get(key),
    scan: (range, done) => memory.scan(range, done),
    close: (done) => memory.close(done),
    write: (operations, done) => {
      batches.push(operations.length);
      memory.write(operations, done);
    },
  };
  const file: JournalFile = {
    blockBytes: 1,
    write: (_offset, _bytes, done) => setImmediate(done, undefined),
    sync: (done) => setImmediate(done, undefined),
    close: (done) => setImmediate(done),
  };
  const ring = newRing(capacity, 1);
  const storage = new JournaledStorage({
    below,
    journal: new Journal(file, ring),
    memtable: new Memtable(ring),
    isSynced: true,
    defer: setImmediate,
  });
  return { storage, batches };
}

const MIB = 1024 * 1024;
const many = (bytes: number, count: number) =>
  Array.from({ length: count }, (_, index) => put(`k${index}`, "x".repeat(bytes)));

test("large batches of small operations go through the journal, where most are replaced", async () => {
  const { storage, batches } = overMemory(4 * MIB);
  // Each is 100 KiB; thirty of them would fill three quarters of the ring.
  for (let round = 0; round < 29; round += 1) await write(storage, many(100, 800));
  assert.equal(batches.length, 0);
  for (let round = 0; round < 29; round += 1) await write(storage, many(100, 800));
  await close(storage);
  let below = 0;
  for (const count of batches) below += count;
  assert.ok(below >= 800 && below < 4 * 800, `${below} of ${58 * 800} operations went below`);
});

test("large values go round the journal while it is empty, and when emptying it costs less", async () => {
  const { storage, batches } = overMemory(4 * MIB);
  await write(storage, many(70_000, 2));
  assert.deepEqual(batches, [2], "nothing is before it");
  await write(storage, many(100, 1));
  let through = 0;
  for (; batches.length === 1; through += 1) await write(storage, many(70_000, 1));
  assert.ok(through > 2 && through < 60, `${through} went through it, no more than fit`);
  for (let round = 0; round < 60; round += 1) await write(storage, many(70_000, 1));
  const before = batches.length;
  for (let round = 0; round < 5; round += 1) await write(storage, many(70_000, 1));
  assert.deepEqual(batches.slice(before), [1, 1, 1, 1, 1], "and then none does");
  await close(storage);
});
