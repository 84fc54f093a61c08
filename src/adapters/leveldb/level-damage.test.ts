import assert from "node:assert/strict";
import { cp, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { close, put, scanCall, texts, write } from "../../../test/contracts/storage.ts";
import type { Storage } from "../../ports/storage.ts";
import { openLevelStorage } from "./level-storage.ts";

const openAt = (directory: string): Promise<Storage> =>
  openLevelStorage({ directory, durability: "fsync" });

async function inPlace(body: (directory: string) => Promise<void>): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), "dnd-damage-"));
  try {
    await body(join(parent, "db"));
  } finally {
    await rm(parent, { recursive: true });
  }
}

async function fileIn(directory: string, ending: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(ending)).sort();
  const name = names.at(-1);
  assert.ok(name !== undefined, `there is a ${ending} in ${names.join()}`);
  return join(directory, name);
}

test("a damaged table is a failed read, not an absent key", () =>
  inPlace(async (directory) => {
    const first = await openAt(directory);
    for (let index = 0; index < 200; index += 1) {
      await write(first, [put(`k${String(index).padStart(3, "0")}`, `value ${index} `.repeat(30))]);
    }
    await close(first);
    // Opening turns the log into a table.
    await close(await openAt(directory));
    const table = await open(await fileIn(directory, ".ldb"), "r+");
    await table.write(Buffer.alloc(1_000, 0xff), 0, 1_000, 200);
    await table.close();

    const storage = await openAt(directory);
    assert.throws(() => storage.get("k000"), { name: "StorageError", code: "read-failed" });
    const result = await scanCall(storage, {
      from: "",
      before: "z",
      entriesMax: 1e3,
      bytesMax: 1e9,
    });
    assert.equal(result.kind === "failed" && result.error.code, "read-failed");
    assert.equal(storage.get("k199")?.length, 300, "what is not damaged can be read");
    await close(storage);
  }));

test("a damaged manifest is refused at opening, in one line that names the directory", () =>
  inPlace(async (directory) => {
    await close(await openAt(directory));
    const current = (await readFile(join(directory, "CURRENT"), "latin1")).trim();
    await writeFile(join(directory, current), "noise");
    await assert.rejects(openAt(directory), {
      name: "StorageError",
      code: "read-failed",
      message: /^cannot open .*db: [^\n]+$/,
    });
    // The refusal gives the directory up again: the second attempt fails for the same reason, not for a lock.
    await assert.rejects(openAt(directory), { code: "read-failed" });
  }));

// Goal: a crash costs no acknowledged batch, and takes or leaves a torn one as a whole.
// Method: the directory is copied while open, as a crash would leave it, with its log cut at every length that
// falls into the last batch.
test("a log torn within its last batch loses that batch, whole, and nothing else", () =>
  inPlace(async (directory) => {
    const storage = await openAt(directory);
    await write(storage, [put("a", "1"), put("b", "1")]);
    const log = await fileIn(directory, ".log");
    const keptBytes = (await readFile(log)).length;
    await write(storage, [put("a", "2"), put("b", "2"), put("c", "2")]);
    const allBytes = (await readFile(log)).length;
    assert.ok(allBytes > keptBytes);
    for (let length = keptBytes; length <= allBytes; length += 1) {
      const crashed = `${directory}-${length}`;
      await cp(directory, crashed, { recursive: true });
      await truncate(await fileIn(crashed, ".log"), length);
      const again = await openAt(crashed);
      const expected = length === allBytes ? ["a=2", "b=2", "c=2"] : ["a=1", "b=1"];
      assert.deepEqual(await texts(again), expected, `cut at ${length} of ${allBytes}`);
      await close(again);
    }
    await close(storage);
  }));
