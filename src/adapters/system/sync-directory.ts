/** Makes the names in a directory durable: those of files that were made, renamed or removed there. */
import { open } from "node:fs/promises";

export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory as a file; its file systems journal names by themselves.
  if (process.platform === "win32") return;
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
