import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** Whether the file system that a file is on takes writes past the system's cache. */
export async function takesDirectWrites(path: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  try {
    await (await open(path, constants.O_RDWR | constants.O_DIRECT)).close();
    return true;
  } catch {
    return false;
  }
}
