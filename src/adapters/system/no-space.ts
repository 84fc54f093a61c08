/** Whether an error of the operating system says that space is lacking. */
import { constants } from "node:os";

/** By number: the runtime has no name for a quota. */
const NO_SPACE = new Set([-constants.errno.ENOSPC, -constants.errno.EDQUOT]);

/** Whether a full disk, or a quota, is the cause. */
export function isNoSpace(error: unknown): boolean {
  return NO_SPACE.has((error as NodeJS.ErrnoException).errno ?? 0);
}
