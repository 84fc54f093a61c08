/**
 * Where a node answers otherwise than Redis, and is meant to. Each is in `docs/redis.md` as well. What does not match
 * one of these fails the differential test: match as little as explains it.
 */
import type { Difference } from "./difference.ts";

export interface KnownDifference {
  readonly name: string;
  /** For those who use it: what differs, and why. */
  readonly reason: string;
  readonly matches: (difference: Difference) => boolean;
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [];
