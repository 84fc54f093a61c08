// Goal: what a failing `fdatasync` of the log does to the storage, with the real LevelDB on a real file system.
// Method: a child process under `strace`, which makes the third sync of the first log fail; the child tells what
// each write answered and what is read afterwards. Skipped, saying why, where there is no `strace` or no right to.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

const SOURCE = `
  const { openLevelStorage } = await import(${JSON.stringify(import.meta.resolve("./level-storage.ts"))});
  const [directory, keys] = process.argv.slice(1);
  const open = () => openLevelStorage({ directory, durability: "fsync", reopenPauseMs: 0 });
  let storage = await open();
  const read = () => "kj".split("").map((key) => Buffer.from(storage.get(key) ?? "-").toString()).join();
  const told = [];
  const seen = new Set();
  let isOver = false;
  const look = () => {
    try {
      seen.add(read().split(",")[0]);
    } catch (error) {
      seen.add(error.code);
    }
    if (!isOver) setImmediate(look);
  };
  look();
  for (const [index, key] of keys.split("").entries()) {
    const value = Buffer.from(String(index + 1));
    const error = await new Promise((done) => storage.write([{ key, value }], done));
    told.push((error?.code ?? "ok") + " " + read());
  }
  isOver = true;
  await new Promise((done) => storage.close(done));
  storage = await open();
  told.push("again " + read());
  console.log(JSON.stringify({ told, seen: [...seen] }));
  await new Promise((done) => storage.close(done));
`;

/** Writes 1, 2, 3, ... to the letters of `keys`, the third sync failing with `error`; what was told after
 * each write, and what `k` was ever seen to hold meanwhile; or `undefined`. */
async function tell(
  context: TestContext,
  error: "EIO" | "ENOSPC",
  keys: string,
): Promise<{ told: string[]; seen: string[] } | undefined> {
  const parent = await realpath(await mkdtemp(join(tmpdir(), "dnd-sync-")));
  const directory = join(parent, "db");
  try {
    await run("strace", ["-qq", "-e", "trace=none", "true"]);
  } catch (cause) {
    await rm(parent, { recursive: true });
    context.skip(`needs strace and the right to trace: ${(cause as Error).message.trim()}`);
    return undefined;
  }
  try {
    const inject = ["-e", "trace=fdatasync", "-e", `inject=fdatasync:error=${error}:when=3`];
    const child = [process.execPath, "--input-type=module", "-e", SOURCE, directory, keys];
    const { stdout } = await run(
      "strace",
      // LevelDB names its first log so; strace counts by thread, hence one thread.
      [
        "-f",
        "-qq",
        "-o",
        join(parent, "trace"),
        "-P",
        join(directory, "000003.log"),
        ...inject,
        ...child,
      ],
      { env: { ...process.env, UV_THREADPOOL_SIZE: "1" } },
    );
    return JSON.parse(stdout);
  } finally {
    await rm(parent, { recursive: true });
  }
}

test("after a failed sync nothing is written any more, and reads show what was acknowledged", async (context) => {
  const answer = await tell(context, "EIO", "kkkk");
  if (answer === undefined) return;
  const { told, seen } = answer;
  assert.deepEqual(told.slice(0, 4), ["ok 1,-", "ok 2,-", "sync-failed 2,-", "sync-failed 2,-"]);
  // The record is in the log, and whether the disk has it nobody knows: hence "may have been stored".
  assert.ok(!seen.includes("3"), `seen ${seen.join()}`);
  assert.match(told[4] as string, /^again [23],-$/);
});

test("a batch whose sync lacked space is not there after reopening", async (context) => {
  const answer = await tell(context, "ENOSPC", "kkkjj");
  if (answer === undefined) return;
  const { told, seen } = answer;
  assert.deepEqual(told, ["ok 1,-", "ok 2,-", "disk-full 2,-", "ok 2,4", "ok 2,5", "again 2,5"]);
  assert.ok(!seen.includes("3"), `nor was it ever seen: ${seen.join()}`);
});

test("a batch whose sync lacked space is not there after closing", async (context) => {
  const answer = await tell(context, "ENOSPC", "kkk");
  if (answer === undefined) return;
  const { told, seen } = answer;
  assert.deepEqual(told, ["ok 1,-", "ok 2,-", "disk-full 2,-", "again 2,-"]);
  assert.ok(!seen.includes("3"), `nor was it ever seen: ${seen.join()}`);
});
