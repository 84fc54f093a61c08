/** Whether a disk that was full can be written again: asked before LevelDB is closed for reopening. */
import { open, readdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";

/** Answers whether `bytes` more can be stored in `directory`. Never rejects. */
export type FreeSpaceProbe = (directory: string, bytes: number) => Promise<boolean>;

/** LevelDB removes files of this kind of name when it opens, should a crash leave one behind. */
const TRIAL_NAME = "000000.dbtmp";
const TRIAL_PIECE_BYTES = 1024 * 1024;

/** First by the file system's own figures, which cost nothing, then by a trial file: figures do not show quotas. */
export async function hasSpaceFor(directory: string, bytes: number): Promise<boolean> {
  try {
    const figures = await statfs(directory);
    if (figures.bavail * figures.bsize < bytes) return false;
    await writeTrial(join(directory, TRIAL_NAME), bytes);
    return true;
  } catch {
    // Whatever the reason, the answer is that it cannot be written now.
    return false;
  }
}

/** Bytes of the logs in `directory`: what LevelDB writes again, as tables, when it opens. */
export async function logBytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(directory)) {
    if (name.endsWith(".log")) bytes += (await stat(join(directory, name))).size;
  }
  return bytes;
}

async function writeTrial(path: string, bytes: number): Promise<void> {
  const piece = Buffer.alloc(TRIAL_PIECE_BYTES);
  try {
    const trial = await open(path, "w", 0o600);
    try {
      for (let written = 0; written < bytes; written += piece.length) await trial.write(piece);
      await trial.datasync();
    } finally {
      await trial.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}
