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

/** Bytes of the logs in `directory`: what LevelDB writes again, as tables, when it opens. Never rejects. */
export async function logBytes(directory: string): Promise<number> {
  try {
    const logs = (await readdir(directory)).filter((name) => name.endsWith(".log"));
    const sizes = await Promise.all(
      logs.map(async (name) => (await stat(join(directory, name))).size),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch {
    // A log may be removed between listing and looking, and a disk may be gone: then opening will tell.
    return 0;
  }
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
