/**
 * What becomes of a damaged cell, once the other replicas were asked for theirs.
 *
 * Invariant: it is replaced only by the merge of so many replicas that every write acknowledged by a write quorum is
 * in it, this node's own vote not counted; where that many cannot be had because they are damaged too, or have lost
 * commits themselves, of all there are: those wait for this node as it would for them. Where every copy is damaged it
 * stays: something is there, and nobody knows what.
 * Source: docs/ARCHITECTURE.md, "Damage".
 */
import { assert } from "../../base/assert.ts";
import { blockingCount } from "./quorum.ts";

/** What the other replicas said of one cell. */
export interface MendingAnswers {
  /** They hold it, and gave it. */
  readonly held: number;
  /** They hold nothing there. */
  readonly absent: number;
  /** Theirs is damaged too. */
  readonly damaged: number;
  /** They did not answer. */
  readonly silent: number;
  /** They have lost commits and are not mended yet: they hold it, and gave it. */
  readonly votelessHeld: number;
  /** Likewise, and hold nothing there, which says nothing. */
  readonly voteless: number;
}

/**
 * `mend`: what was given takes its place. `lost`: nobody has it, so it goes. `all-damaged`: it stays until somebody
 * writes the key. `later`: too few have answered.
 */
export type MendingVerdict = "mend" | "lost" | "all-damaged" | "later";

/** Answers that tell all: for a primary N−W+1 of the others, for the holder of a foreign cell every primary. */
export function answersNeeded(primaries: number, isPrimary: boolean): number {
  assert(primaries >= 1, "a slot has a primary");
  return isPrimary ? blockingCount(primaries) : primaries;
}

export function judgeMending(
  { held, absent, damaged, silent, votelessHeld, voteless }: MendingAnswers,
  needed: number,
): MendingVerdict {
  if (held + absent + damaged + votelessHeld + voteless === 0) return "later";
  const isEnough = held + absent >= needed;
  if (!isEnough && silent > 0) return "later";
  if (held + votelessHeld > 0) return "mend";
  return damaged > 0 ? "all-damaged" : "lost";
}
