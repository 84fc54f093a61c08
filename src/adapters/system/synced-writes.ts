/** How a file is opened whose writes are durable when they are done. */
import { constants } from "node:fs";

/**
 * Linux syncs a write in the call that makes it, data alone, which saves a round through the runtime's threads. Elsewhere the
 * flag is missing, or means less than a sync does (on macOS the drive may still hold it): there it is 0, and a sync must follow.
 */
export const SYNCED_WRITES: number = process.platform === "linux" ? constants.O_DSYNC : 0;
