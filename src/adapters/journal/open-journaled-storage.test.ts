// Goal: a journal on a real file system keeps what it said was done, through kills, full disks and failing syncs.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { close, put, remove, texts, write, writeCall } from "../../../test/contracts/storage.ts";
import { takesDirectWrites } from "../../../test/support/direct-writes.ts";
import { onSmallDisk } from "../../../test/support/small-disk.ts";
import { openLevelStorage } from "../leveldb/level-storage.ts";
import { MemoryStorage } from "../memory/memory-storage.ts";
import { openJournaledStorage } from "./open-journaled-storage.ts";

const run = promisify(execFile);
const CAPACITY = 64 * 1024;

async function open(directory: string, capacity = CAPACITY) {
  const below = await openLevelStorage({
    directory: join(directory, "db"),
    durability: "fsync",
    reopenPauseMs: 0,
  });
  return openJournaledStorage({
    path: join(directory, "journal"),
    below,
    durability: "fsync",
    capacity,
  });
}

/** Runs `body` with a directory of its own. */
async function inPlace(body: (parent: string) => Promise<void>): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), "dnd-journal-"));
  try {
    await body(parent);
  } finally {
    await rm(parent, { recursive: true });
  }
}

test("what a process that was killed had done is there, however far the tables are", () =>
  inPlace(async (parent) => {
    const directory = join(parent, "data");
    const copy = join(parent, "copy");
    await run("mkdir", [directory]);
    const storage = await open(directory);
    const model = new Map<string, string>();
    for (let round = 0; round < 60; round += 1) {
      const key = `k${round % 7}`;
      const value = `${round}`.padEnd(40 * (1 + (round % 50)), "x");
      await write(storage, [
        put(key, value),
        put("last", `${round}`),
        remove(`k${(round + 3) % 7}`),
      ]);
      model
        .set(key, value)
        .set("last", `${round}`)
        .delete(`k${(round + 3) % 7}`);
      if (round % 6 !== 0) continue;
      // As a process that is killed now would leave it.
      await cp(directory, copy, { recursive: true });
      const found = await open(copy);
      const expected = [...model].map(([name, held]) => `${name}=${held}`).sort();
      assert.deepEqual(await texts(found), expected, `round ${round}`);
      await close(found);
      await rm(copy, { recursive: true });
    }
    await close(storage);
  }));

test("a journal has its full size from the start, and keeps it", () =>
  inPlace(async (parent) => {
    const storage = await open(parent, 1_024);
    const { size } = await stat(join(parent, "journal"));
    for (let round = 0; round < 100; round += 1)
      await write(storage, [put("k", "x".repeat(round))]);
    assert.equal((await stat(join(parent, "journal"))).size, size);
    await close(storage);
    // Each start makes its own.
    await close(await open(parent, 4_096));
    assert.equal((await stat(join(parent, "journal"))).size, size + 3_072);
  }));

test("a full disk is felt when the journal is full, keeps what was done, and heals", (context) =>
  onSmallDisk(context, 24 * 1024 * 1024, async (disk) => {
    let storage = await open(disk.path);
    await disk.fill();
    const model = new Map<string, string>();
    let refused = 0;
    for (let round = 0; refused < 5; round += 1) {
      assert.ok(round < 100_000, "a full disk is felt at last");
      const value = `${round}:`.padEnd(300, "x");
      const error = await writeCall(storage, [put(`k${10 + (round % 50)}`, value)]);
      if (error === undefined) model.set(`k${10 + (round % 50)}`, value);
      else {
        assert.equal(error.code, "disk-full");
        refused += 1;
      }
    }
    assert.ok(model.size > 0, "a journal has room when the disk has none");
    const expected = (): string[] => [...model].map(([key, held]) => `${key}=${held}`).sort();
    assert.deepEqual(await texts(storage), expected());
    await disk.free();
    await write(storage, [put("after", "1")]);
    model.set("after", "1");
    assert.deepEqual(await texts(storage), expected());
    await close(storage);
    storage = await open(disk.path);
    assert.deepEqual(await texts(storage), expected());
    await close(storage);
  }));

test("a journal without room for itself is an error of opening", (context) =>
  onSmallDisk(context, 4 * 1024 * 1024, async (disk) => {
    const below = new MemoryStorage({ defer: setImmediate });
    const path = join(disk.path, "journal");
    const capacity = 8 * 1024 * 1024;
    await assert.rejects(openJournaledStorage({ path, below, durability: "fsync", capacity }), {
      name: "StorageError",
      code: "disk-full",
    });
    assert.throws(() => below.get("a"), { code: "closed" });
  }));

const SOURCE = `
  const { openLevelStorage } = await import(${JSON.stringify(import.meta.resolve("../leveldb/level-storage.ts"))});
  const { openJournaledStorage } = await import(${JSON.stringify(import.meta.resolve("./open-journaled-storage.ts"))});
  const [parent, count] = process.argv.slice(1);
  const open = async () => openJournaledStorage({
    path: parent + "/journal",
    below: await openLevelStorage({ directory: parent + "/db", durability: "fsync" }),
    durability: "fsync",
    capacity: 65536,
  });
  let storage = await open();
  const read = () => Buffer.from(storage.get("k") ?? "-").toString();
  const told = [];
  for (let index = 1; index <= Number(count); index += 1) {
    const operations = [{ key: "k", value: Buffer.from(String(index)) }];
    const error = await new Promise((done) => storage.write(operations, done));
    told.push((error?.code ?? "ok") + " " + read());
  }
  await new Promise((done) => storage.close(done));
  storage = await open();
  told.push("again " + read());
  await new Promise((done) => storage.close(done));
  console.log(JSON.stringify(told));
`;

/** Writes 1, 2, 3, ... to a key, the third write of a batch into the file failing with `error`; what was told, or `undefined`. */
async function tell(
  context: TestContext,
  error: "EIO" | "ENOSPC" | "EDQUOT",
  count: number,
): Promise<string[] | undefined> {
  try {
    await run("strace", ["-qq", "-e", "trace=none", "true"]);
  } catch (cause) {
    context.skip(`needs strace and the right to trace: ${(cause as Error).message.trim()}`);
    return undefined;
  }
  const parent = await mkdtemp(join(tmpdir(), "dnd-journal-"));
  try {
    await close(await open(parent));
    // A block that is written to see whether it can be comes first.
    const nth = (await takesDirectWrites(join(parent, "journal"))) ? 4 : 3;
    const { stdout } = await run(
      "strace",
      // strace counts by thread, hence one thread.
      ["-f", "-qq", "-o", join(parent, "trace"), "-P", join(parent, "journal")]
        .concat(["-e", "trace=pwrite64", "-e", `inject=pwrite64:error=${error}:when=${nth}`])
        .concat([process.execPath, "--input-type=module", "-e", SOURCE, parent, `${count}`]),
      { env: { ...process.env, UV_THREADPOOL_SIZE: "1" } },
    );
    return JSON.parse(stdout) as string[];
  } finally {
    await rm(parent, { recursive: true });
  }
}

test("after a failed sync nothing is written any more, and reads show what was acknowledged", async (context) => {
  const told = await tell(context, "EIO", 5);
  if (told === undefined) return;
  assert.deepEqual(told.slice(0, 5), [
    "ok 1",
    "ok 2",
    "sync-failed 2",
    "sync-failed 2",
    "sync-failed 2",
  ]);
  assert.match(told[5] as string, /^again [23]$/);
});

for (const error of ["ENOSPC", "EDQUOT"] as const) {
  test(`a batch that met ${error} is not there, and the next one is`, async (context) => {
    const told = await tell(context, error, 4);
    if (told === undefined) return;
    assert.deepEqual(told, ["ok 1", "ok 2", "disk-full 2", "ok 4", "again 4"]);
  });
}
