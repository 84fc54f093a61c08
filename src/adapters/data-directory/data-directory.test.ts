import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { close, put, texts, write } from "../../../test/contracts/storage.ts";
import { openLevelStorage } from "../leveldb/level-storage.ts";
import { openDataDirectory, prepareDataDirectory } from "./data-directory.ts";

/** Runs `body` with a directory of its own. */
async function inPlace(body: (parent: string) => Promise<void>): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), "dnd-directory-"));
  try {
    await body(parent);
  } finally {
    await rm(parent, { recursive: true });
  }
}

const open = (directory: string) => openDataDirectory({ directory, durability: "os" });

/** A process that holds `directory` open until it is killed. */
async function spawnHolder(directory: string): Promise<ChildProcess> {
  const source = `
    const { openDataDirectory } = await import(${JSON.stringify(import.meta.resolve("./data-directory.ts"))});
    const storage = await openDataDirectory({ directory: ${JSON.stringify(directory)}, durability: "fsync" });
    storage.write([{ key: "held", value: Buffer.from("1") }], () => {
      console.log("holding");
      setInterval(() => storage.get("held"), 1000);
    });`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await Promise.race([
    once(holder.stdout as NodeJS.ReadableStream, "data"),
    once(holder, "exit").then(() => assert.fail("the holder ended early")),
  ]);
  return holder;
}

test("a new directory is created private, with its parents, and keeps data", () =>
  inPlace(async (parent) => {
    const directory = join(parent, "a", "b");
    const first = await open(directory);
    await write(first, [put("k", "v")]);
    await close(first);
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    assert.equal((await stat(join(directory, "db"))).mode & 0o777, 0o700);
    const second = await open(directory);
    assert.deepEqual(await texts(second), ["k=v"]);
    await close(second);
  }));

test("an empty directory open to all is taken and made private", () =>
  inPlace(async (parent) => {
    const directory = join(parent, "wide");
    await mkdir(directory);
    await chmod(directory, 0o777);
    await close(await open(directory));
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
  }));

test("a start interrupted before its marker was complete is continued", () =>
  inPlace(async (parent) => {
    await writeFile(join(parent, "FORMAT.new"), "dnd da");
    await close(await open(parent));
    assert.deepEqual((await readdir(parent)).sort(), ["FORMAT", "db", "journal"]);
  }));

test("a directory with other content is refused and left as it was", () =>
  inPlace(async (parent) => {
    await writeFile(join(parent, "thesis.txt"), "x");
    await chmod(parent, 0o755);
    await assert.rejects(open(parent), {
      name: "DataDirectoryError",
      code: "not-ours",
      message: /holds "thesis\.txt" but no FORMAT file/,
    });
    assert.deepEqual(await readdir(parent), ["thesis.txt"]);
    assert.equal((await stat(parent)).mode & 0o777, 0o755);
  }));

test("a marker that is not a dnd marker is refused", () =>
  inPlace(async (parent) => {
    for (const text of [
      "",
      "1\n",
      "dnd data directory, format 1",
      "dnd data directory, format x\n",
    ]) {
      await writeFile(join(parent, "FORMAT"), text);
      await assert.rejects(open(parent), { code: "not-ours" }, JSON.stringify(text));
    }
    assert.deepEqual(await readdir(parent), ["FORMAT"]);
  }));

test("another format is refused, naming both", () =>
  inPlace(async (parent) => {
    await writeFile(join(parent, "FORMAT"), "dnd data directory, format 5\n");
    await assert.rejects(open(parent), {
      code: "wrong-format",
      message:
        /^data directory .* has format 5, and this dnd reads formats 1 to 4; a later version wrote it/,
    });
    assert.deepEqual(await readdir(parent), ["FORMAT"]);
  }));

// Goal: a version that knows no journals never opens a directory whose last writes are only in one, and may open any other.
test("the marker says whether the journal may hold what the tables do not", () =>
  inPlace(async (parent) => {
    const marker = (): Promise<string> => readFile(join(parent, "FORMAT"), "latin1");
    const storage = await open(parent);
    assert.equal(await marker(), "dnd data directory, format 2\n");
    await write(storage, [put("k", "v")]);
    await close(storage);
    assert.equal(await marker(), "dnd data directory, format 1\n");

    const holder = await spawnHolder(parent);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    assert.equal(await marker(), "dnd data directory, format 2\n");
    const again = await open(parent);
    assert.deepEqual(await texts(again), ["held=1", "k=v"]);
    await close(again);
    assert.equal(await marker(), "dnd data directory, format 1\n");
  }));

// Goal: a version that knows no values of their own never opens a directory in which something points to one.
test("the marker says whether there are values beside the tables", () =>
  inPlace(async (parent) => {
    const marker = (): Promise<string> => readFile(join(parent, "FORMAT"), "latin1");
    const openSynced = () => openDataDirectory({ directory: parent, durability: "fsync" });
    const large = "x".repeat(20_000);
    const first = await openSynced();
    await write(first, [put("k", "v")]);
    assert.equal(await marker(), "dnd data directory, format 2\n");
    await write(first, [put("large", large)]);
    assert.equal(await marker(), "dnd data directory, format 4\n");
    await close(first);
    assert.equal(await marker(), "dnd data directory, format 3\n");
    assert.equal((await stat(join(parent, "values"))).mode & 0o777, 0o700);

    const holder = await spawnHolder(parent);
    assert.equal(await marker(), "dnd data directory, format 4\n");
    holder.kill("SIGKILL");
    await once(holder, "exit");
    // Read, and kept, also by who puts none there.
    const unsynced = await open(parent);
    await write(unsynced, [put("other", large)]);
    assert.deepEqual(await texts(unsynced), ["held=1", "k=v", `large=${large}`, `other=${large}`]);
    await close(unsynced);
    assert.equal(await marker(), "dnd data directory, format 3\n");
    assert.equal((await readdir(join(parent, "values"))).length, 1);
  }));

test("a directory of a version that knew no journals is opened, and left as that version reads it", () =>
  inPlace(async (parent) => {
    const directory = await prepareDataDirectory(parent);
    const tables = () =>
      openLevelStorage({ directory: join(directory, "db"), durability: "fsync" });
    const former = await tables();
    await write(former, [put("a", "1"), put("b", "1")]);
    await close(former);
    const storage = await open(parent);
    await write(storage, [put("b", "2")]);
    assert.deepEqual(await texts(storage), ["a=1", "b=2"]);
    await close(storage);

    const back = await tables();
    assert.deepEqual(await texts(back), ["a=1", "b=2"]);
    await write(back, [put("b", "3")]);
    await close(back);
    const forth = await open(parent);
    assert.deepEqual(await texts(forth), ["a=1", "b=3"]);
    await close(forth);
  }));

test("a journal that cannot be read is one clear line, and the directory is free again", () =>
  inPlace(async (parent) => {
    const holder = await spawnHolder(parent);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    await truncate(join(parent, "journal"), 100);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await assert.rejects(open(parent), {
        name: "StorageError",
        code: "read-failed",
        message: /^journal .*journal is damaged.*: moved away/,
      });
    }
    await rm(join(parent, "journal"));
    await close(await open(parent));
    // After a stop in order it holds nothing, whatever it looks like.
    await truncate(join(parent, "journal"), 100);
    await close(await open(parent));
  }));

test("what cannot be a directory is one clear line", () =>
  inPlace(async (parent) => {
    const file = join(parent, "file");
    await writeFile(file, "x");
    for (const directory of [file, join(file, "below")]) {
      await assert.rejects(open(directory), {
        code: "unusable",
        message: /^data directory .*file.* cannot be used: [^\n]+$/,
      });
    }
  }));

test("one process cannot open a directory twice, by whatever path", () =>
  inPlace(async (parent) => {
    const directory = join(parent, "data");
    const first = await open(directory);
    await symlink(directory, join(parent, "alias"));
    for (const path of [directory, `${directory}/../data`, join(parent, "alias")]) {
      await assert.rejects(open(path), {
        name: "DataDirectoryError",
        code: "locked",
        message: /is in use by another node$/,
      });
    }
    await write(first, [put("k", "v")]);
    await close(first);
    await close(await open(directory));
  }));

// Goal: the lock holds against another process, also after a refused second opening within the holder's own,
// and dies with a killed holder.
test("a second process is refused until the first is gone, even if it was killed", () =>
  inPlace(async (parent) => {
    const directory = join(parent, "data");
    const holder = await spawnHolder(directory);
    try {
      await assert.rejects(open(directory), { name: "DataDirectoryError", code: "locked" });
    } finally {
      holder.kill("SIGKILL");
      await once(holder, "exit");
    }
    const storage = await open(directory);
    assert.deepEqual(await texts(storage), ["held=1"]);
    await close(storage);
  }));
