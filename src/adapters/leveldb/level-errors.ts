/** What LevelDB's errors mean to us. It reports the operating system's message as text, so text is what is matched. */
import { StorageError } from "../../ports/storage.ts";

/** `strerror` of ENOSPC and EDQUOT, in glibc, musl, macOS and Windows. */
const NO_SPACE = /no space left on device|disk quota exceeded|not enough space|disk is full/i;

/** Whether a full disk, or a quota, is the cause. */
export function isNoSpace(error: unknown): boolean {
  return NO_SPACE.test(messageOf(error));
}

/** Whether another process, or this one, holds the database's lock. */
export function isLocked(error: unknown): boolean {
  return codesOf(error).includes("LEVEL_LOCKED");
}

/** An error of `getSync` or of an iterator. */
export function readErrorFrom(error: unknown): StorageError {
  return new StorageError("read-failed", `read failed: ${messageOf(error)}`, error);
}

/**
 * An error of a batch. Everything but a lack of space is taken for a failed sync: LevelDB does not say whether
 * the log was written, and after it, or after a failed compaction, takes no more writes.
 */
export function writeErrorFrom(error: unknown): StorageError {
  if (isNoSpace(error)) {
    return new StorageError(
      "disk-full",
      `disk full: ${messageOf(error)}; nothing was stored`,
      error,
    );
  }
  const message = `write or sync failed: ${messageOf(error)}; may have been stored`;
  return new StorageError("sync-failed", message, error);
}

/** An error of opening, other than a lock that is held. */
export function openErrorFrom(error: unknown, directory: string): StorageError {
  const code = isNoSpace(error) ? "disk-full" : "read-failed";
  return new StorageError(code, `cannot open ${directory}: ${messageOf(error)}`, error);
}

/** The codes of an error and of its causes: opening wraps what happened. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    codes.push((at as NodeJS.ErrnoException).code ?? "");
  }
  return codes;
}

/** The message of the innermost cause: the one that names the file and the reason. */
function messageOf(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  return at instanceof Error ? at.message : String(at);
}
