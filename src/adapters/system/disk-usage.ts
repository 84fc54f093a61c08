/** How much a directory takes, and how much its file system has left. */
import { readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";

export interface DiskUsage {
  readonly usedBytes: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Never rejects: `undefined` when it cannot be told. Files that go away meanwhile count as nothing. */
export async function diskUsage(directory: string): Promise<DiskUsage | undefined> {
  try {
    const figures = await statfs(directory);
    return {
      usedBytes: await bytesOf(directory),
      freeBytes: figures.bavail * figures.bsize,
      totalBytes: figures.blocks * figures.bsize,
    };
  } catch {
    return undefined;
  }
}

async function bytesOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    try {
      bytes += (await stat(join(entry.parentPath, entry.name))).size;
    } catch {
      // Compaction removes files all the time.
    }
  }
  return bytes;
}
