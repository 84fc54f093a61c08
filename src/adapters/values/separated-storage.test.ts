// Goal: values that are kept apart are a storage like any other, on a real file system; sim/values-run.ts has its faults and ends.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  appendFile,
  mkdtemp,
  open as openFile,
  readdir,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import {
  close,
  put,
  remove,
  storageContract,
  texts,
  write,
  writeCall,
} from "../../../test/contracts/storage.ts";
import { onSmallDisk } from "../../../test/support/small-disk.ts";
import type { Storage } from "../../ports/storage.ts";
import { openLevelStorage } from "../leveldb/level-storage.ts";
import { SeparatedStorage } from "./separated-storage.ts";
import { openValueFiles } from "./system-value-files.ts";
import { ValueLog } from "./value-log.ts";
import { POINTER_BYTES, pointerTo } from "./value-record.ts";

const run = promisify(execFile);

interface Sizes {
  readonly apartBytes: number;
  readonly fileBytes: number;
  readonly isSeparating?: boolean;
}

async function open(
  parent: string,
  { apartBytes, fileBytes, isSeparating = true }: Sizes,
): Promise<Storage> {
  const below = await openLevelStorage({
    directory: join(parent, "db"),
    durability: "fsync",
    reopenPauseMs: 0,
  });
  const { files, found } = await openValueFiles({
    directory: join(parent, "values"),
    isMarked: true,
    mark: () => assert.fail("it is marked"),
  });
  const log = new ValueLog({ files, found, defer: setImmediate, fileBytes });
  const after = (ms: number, callback: () => void): void => {
    setTimeout(callback, ms / 500).unref();
  };
  const storage = { below, log, isSeparating, defer: setImmediate, after, apartBytes };
  return new SeparatedStorage(storage);
}

for (const apartBytes of [POINTER_BYTES, 1_000]) {
  for (const fileBytes of [256, 1_000_000]) {
    storageContract(`apart from ${apartBytes} bytes on, files of ${fileBytes}`, async () => {
      const parent = await mkdtemp(join(tmpdir(), "dnd-values-"));
      return {
        open: () => open(parent, { apartBytes, fileBytes }),
        remove: () => rm(parent, { recursive: true }),
      };
    });
  }
}

/** Runs `body` with a directory of its own. */
async function inPlace(body: (parent: string) => Promise<void>): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), "dnd-values-"));
  try {
    await body(parent);
  } finally {
    await rm(parent, { recursive: true });
  }
}

const SMALL: Sizes = { apartBytes: 100, fileBytes: 4_096 };

async function valueBytes(parent: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(join(parent, "values"))) {
    // It may go meanwhile.
    const found = await stat(join(parent, "values", name)).catch(() => undefined);
    bytes += found?.size ?? 0;
  }
  return bytes;
}

function expectedOf(model: ReadonlyMap<string, string>): string[] {
  return [...model].map(([key, value]) => `${key}=${value}`).sort();
}

test("what was replaced is given back, what stays is kept, through starts", () =>
  inPlace(async (parent) => {
    const model = new Map<string, string>();
    for (let boot = 0; boot < 3; boot += 1) {
      const storage = await open(parent, SMALL);
      assert.deepEqual(await texts(storage), expectedOf(model));
      for (let round = 0; round < 400; round += 1) {
        const key = round % 40 === 0 ? `rare${round}` : `k${round % 7}`;
        const value = `${boot}:${round}`.padEnd(100 + (round % 300), "x");
        await write(storage, [put(key, value), put("small", `${round}`)]);
        model.set(key, value).set("small", `${round}`);
      }
      assert.deepEqual(await texts(storage), expectedOf(model));
      await close(storage);
    }
    const written = 3 * 400 * 250;
    const live = [...model.values()].reduce((bytes, value) => bytes + value.length, 0);
    const kept = await valueBytes(parent);
    assert.ok(kept < 6 * live && kept < written / 4, `${kept} bytes of ${written}, ${live} live`);
  }));

test("files whose values were all removed go", () =>
  inPlace(async (parent) => {
    const storage = await open(parent, SMALL);
    for (let key = 0; key < 100; key += 1) {
      await write(storage, [put(`k${key}`, "x".repeat(1_000))]);
    }
    const before = await valueBytes(parent);
    for (let key = 0; key < 100; key += 1) await write(storage, [remove(`k${key}`)]);
    // Nothing more is written: it looks by the clock.
    let after = before;
    for (let round = 0; round < 200 && after >= 10_000; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      after = await valueBytes(parent);
    }
    assert.ok((storage.apartBytes ?? 0) < 20_000, "as it says itself");
    await close(storage);
    assert.ok(before > 50_000 && after < 10_000, `${before} bytes before, ${after} after`);
  }));

test("a value that looks like a pointer is one like any other", () =>
  inPlace(async (parent) => {
    const storage = await open(parent, SMALL);
    await write(storage, [put("large", "x".repeat(5_000))]);
    const pointer = pointerTo({ file: 1, offset: 24, length: 5_000 });
    await write(storage, [{ key: "forged", value: pointer }]);
    assert.deepEqual(storage.get("forged"), pointer);
    await close(storage);
    const again = await open(parent, SMALL);
    assert.deepEqual(again.get("forged"), pointer);
    await close(again);
  }));

test("a value whose file is cut short or gone is read as other bytes, not as absent", () =>
  inPlace(async (parent) => {
    const value = "x".repeat(5_000);
    const storage = await open(parent, SMALL);
    await write(storage, [put("a", value)]);
    await write(storage, [put("b", value)]);
    await close(storage);
    const [first = "", second = ""] = (await readdir(join(parent, "values"))).sort();
    await truncate(join(parent, "values", first), 1_000);
    await rm(join(parent, "values", second));
    // Whatever else is there is left alone.
    await appendFile(join(parent, "values", "note.txt"), "of somebody");
    const again = await open(parent, SMALL);
    const shown = await texts(again);
    assert.deepEqual(
      shown.map((text) => `${text.slice(0, 2)}${text.length}`),
      ["a=5002", "b=5002"],
    );
    for (const key of ["a", "b"]) {
      const read = again.get(key);
      assert.equal(read?.length, 5_000);
      assert.notEqual(Buffer.from(read ?? []).toString(), value);
    }
    await close(again);
  }));

test("a value whose head has rotted, or that stands behind one, is kept when its file goes", () =>
  inPlace(async (parent) => {
    const sizes: Sizes = { apartBytes: 100, fileBytes: 8_000 };
    const first = await open(parent, sizes);
    await write(
      first,
      ["a", "b", "c", "d"].map((key) => put(key, key.repeat(3_000))),
    );
    await write(first, [put("later", "l".repeat(200))]);
    await close(first);
    const [name = ""] = (await readdir(join(parent, "values"))).sort();
    const file = await openFile(join(parent, "values", name), "r+");
    await file.write(Buffer.from([1]), 0, 1, 14);
    await file.close();

    const storage = await open(parent, sizes);
    await write(storage, [remove("b"), remove("d")]);
    for (let round = 0; round < 200; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (!(await readdir(join(parent, "values"))).includes(name)) break;
    }
    assert.ok(!(await readdir(join(parent, "values"))).includes(name), "the file has gone");
    const expected = [
      `a=${"a".repeat(3_000)}`,
      `c=${"c".repeat(3_000)}`,
      `later=${"l".repeat(200)}`,
    ];
    assert.deepEqual(await texts(storage), expected);
    await close(storage);
  }));

test("where batches may be lost nothing is kept apart, and what is apart is read", () =>
  inPlace(async (parent) => {
    const first = await open(parent, SMALL);
    await write(first, [put("a", "x".repeat(500)), put("b", "y".repeat(500))]);
    await close(first);
    const bytes = await valueBytes(parent);
    const storage = await open(parent, { ...SMALL, isSeparating: false });
    await write(storage, [put("b", "z".repeat(500))]);
    assert.deepEqual(await texts(storage), [`a=${"x".repeat(500)}`, `b=${"z".repeat(500)}`]);
    await close(storage);
    assert.equal(await valueBytes(parent), bytes);
  }));

test("a full disk refuses a batch, leaves few files behind, and heals", (context) =>
  onSmallDisk(context, 8 * 1024 * 1024, async (disk) => {
    let storage = await open(disk.path, { apartBytes: 1_000, fileBytes: 64 * 1024 });
    await write(storage, [put("before", "b".repeat(20_000))]);
    await disk.fill();
    for (let round = 0; round < 20; round += 1) {
      const error = await writeCall(storage, [put("k", "x".repeat(40_000)), put("s", "1")]);
      assert.equal(error?.code, "disk-full");
    }
    assert.ok((await readdir(join(disk.path, "values"))).length <= 3);
    assert.deepEqual(await texts(storage), [`before=${"b".repeat(20_000)}`]);
    await disk.free();
    await write(storage, [put("k", "x".repeat(40_000))]);
    await close(storage);
    storage = await open(disk.path, { apartBytes: 1_000, fileBytes: 64 * 1024 });
    const expected = [`before=${"b".repeat(20_000)}`, `k=${"x".repeat(40_000)}`];
    assert.deepEqual(await texts(storage), expected);
    await close(storage);
  }));

test("a file that cannot be made refuses the batch, and what needs none goes on", () =>
  inPlace(async (parent) => {
    const storage = await open(parent, SMALL);
    await writeFile(join(parent, "values"), "in the way");
    const error = await writeCall(storage, [put("large", "x".repeat(500)), put("s", "1")]);
    assert.equal(error?.code, "disk-full");
    await write(storage, [put("s", "2")]);
    await rm(join(parent, "values"));
    await write(storage, [put("large", "y".repeat(500))]);
    assert.deepEqual(await texts(storage), [`large=${"y".repeat(500)}`, "s=2"]);
    await close(storage);
  }));

const OPENING = `
  const { openLevelStorage } = await import(${JSON.stringify(import.meta.resolve("../leveldb/level-storage.ts"))});
  const { SeparatedStorage } = await import(${JSON.stringify(import.meta.resolve("./separated-storage.ts"))});
  const { openValueFiles } = await import(${JSON.stringify(import.meta.resolve("./system-value-files.ts"))});
  const { ValueLog } = await import(${JSON.stringify(import.meta.resolve("./value-log.ts"))});
  const [parent] = process.argv.slice(1);
  const below = await openLevelStorage({ directory: parent + "/db", durability: "fsync" });
  const settings = { directory: parent + "/values", isMarked: true };
  const log = new ValueLog({ ...(await openValueFiles(settings)), defer: setImmediate });
  const storage = new SeparatedStorage({ below, log, isSeparating: true, defer: setImmediate });
`;

/** Tells of a value's bytes how many there are, and what they add up to: by a key, and in a scan. */
const READING = `${OPENING}
  const operations = [{ key: "k", value: Buffer.alloc(20000, 1) }];
  await new Promise((done) => storage.write(operations, done));
  const told = (bytes) => [bytes.length, bytes.reduce((sum, byte) => sum + byte, 0)];
  const range = { from: "", before: "z", entriesMax: 9, bytesMax: 99 };
  const { entries } = await new Promise((done) => storage.scan(range, done));
  console.log(JSON.stringify({ got: told(storage.get("k")), scanned: told(entries[0].value) }));
  await new Promise((done) => storage.close(done));
`;

const SOURCE = `${OPENING}
  const told = [];
  for (const length of [20000, 20001, 20002, 3]) {
    const operations = [{ key: "k", value: Buffer.alloc(length) }];
    const error = await new Promise((done) => storage.write(operations, done));
    told.push((error?.code ?? "ok") + " " + storage.get("k")?.length);
  }
  await new Promise((done) => storage.close(done));
  console.log(JSON.stringify(told));
`;

/** Whether this user may trace; else the test is skipped. */
async function mayTrace(context: TestContext): Promise<boolean> {
  try {
    await run("strace", ["-qq", "-e", "trace=none", "true"]);
    return true;
  } catch (cause) {
    context.skip(`needs strace and the right to trace: ${(cause as Error).message.trim()}`);
    return false;
  }
}

test("a value that the disk cannot read is read as other bytes", async (context) => {
  if (!(await mayTrace(context))) return;
  await inPlace(async (parent) => {
    const file = join(parent, "values", "00000001");
    const inject = ["-e", "trace=pread64", "-e", "inject=pread64:error=EIO"];
    const { stdout } = await run(
      "strace",
      ["-f", "-qq", "-o", join(parent, "trace"), "-P", file]
        .concat(inject)
        .concat([process.execPath, "--input-type=module", "-e", READING, parent]),
    );
    assert.deepEqual(JSON.parse(stdout), { got: [20_000, 0], scanned: [20_000, 0] });
  });
});

test("after a value could not be synced nothing is written any more", async (context) => {
  if (!(await mayTrace(context))) return;
  await inPlace(async (parent) => {
    const inject = ["-e", "trace=pwritev", "-e", "inject=pwritev:error=EIO:when=2"];
    const { stdout } = await run(
      "strace",
      // strace counts by thread, hence one thread.
      ["-f", "-qq", "-o", join(parent, "trace"), ...inject].concat([
        process.execPath,
        "--input-type=module",
        "-e",
        SOURCE,
        parent,
      ]),
      { env: { ...process.env, UV_THREADPOOL_SIZE: "1" } },
    );
    assert.deepEqual(JSON.parse(stdout), [
      "ok 20000",
      "sync-failed 20000",
      "sync-failed 20000",
      "sync-failed 20000",
    ]);
  });
});
