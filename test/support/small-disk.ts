/** A real file system of few bytes, where this user may mount one. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface SmallDisk {
  readonly path: string;
  /** Takes all the space that is left, down to the last page. */
  fill(): Promise<void>;
  /** Gives it back. */
  free(): Promise<void>;
}

/** Runs `body` on a disk of `bytes`, or skips the test and says why. */
export async function onSmallDisk(
  context: TestContext,
  bytes: number,
  body: (disk: SmallDisk) => Promise<void>,
): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), "dnd-disk-"));
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path]);
  } catch (error) {
    await rm(path, { recursive: true });
    context.skip(`needs the right to mount a tmpfs: ${(error as Error).message.trim()}`);
    return;
  }
  const filler = join(path, "filler");
  try {
    await body({ path, fill: () => fill(filler, bytes), free: () => rm(filler) });
  } finally {
    await run("umount", ["--lazy", path]);
    await rm(path, { recursive: true });
  }
}

async function fill(path: string, diskBytes: number): Promise<void> {
  for (let bytes = diskBytes; bytes >= 4_096; bytes = Math.floor(bytes / 2)) {
    try {
      await writeFile(path, Buffer.alloc(bytes), { flag: "a" });
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
    }
  }
}
