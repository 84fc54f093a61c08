import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { alignedMemory } from "../../src/adapters/journal/aligned-memory.ts";

const BLOCK_BYTES = 4_096;

/** Whether the file system that a file is on takes writes past the system's cache. Writes its first block once more. */
export async function takesDirectWrites(path: string): Promise<boolean> {
  const memory = alignedMemory(BLOCK_BYTES);
  if (process.platform !== "linux" || memory === undefined) return false;
  try {
    const file = await open(path, constants.O_RDWR | constants.O_DIRECT);
    try {
      const block = Buffer.from(memory, 0, BLOCK_BYTES);
      await file.read(block, 0, BLOCK_BYTES, 0);
      await file.write(block, 0, BLOCK_BYTES, 0);
    } finally {
      await file.close();
    }
    return true;
  } catch {
    return false;
  }
}
