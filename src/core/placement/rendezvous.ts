/**
 * Rendezvous hashing: every node draws a score for every slot, and the greatest scores hold it.
 *
 * Invariant: a score depends on the slot, the node's id and its weight alone, in integer arithmetic; so nodes of any
 * platform agree, and a member that comes or goes changes nobody else's score. Raising a weight only raises scores.
 * Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates" (1998); docs/ARCHITECTURE.md.
 */
import { assert } from "../../base/assert.ts";
import { hashBinary, mix32, mix64 } from "../../base/hash.ts";
import type { NodeId } from "../../model/ids.ts";
import type { Slot } from "../../model/slot.ts";

/** Greatest weight of a node. */
export const WEIGHT_MAX = 64;

/** What a node draws its scores from: the two halves of one hash for each unit of its weight. */
export type Draws = Uint32Array;

/** The draws of a node of `weight` 1..WEIGHT_MAX; a node of twice the weight draws twice as often. */
export function drawsOf(id: NodeId, weight: number): Draws {
  assert(Number.isInteger(weight) && weight >= 1 && weight <= WEIGHT_MAX, "a weight is 1..64");
  const draws = new Uint32Array(2 * weight);
  for (let draw = 0; draw < weight; draw += 1) {
    const hash = hashBinary(id, draw);
    draws[2 * draw] = hash.high;
    draws[2 * draw + 1] = hash.low;
  }
  return draws;
}

/** The node's score in `slot`, 0..2^43-1: the upper bits of its best draw, so that a score and an index fit 53 bits. */
export function scoreOf(slot: Slot, draws: Draws): number {
  const salt = mix32(slot + 1);
  let best = 0;
  for (let index = 0; index < draws.length; index += 2) {
    const hash = mix64((draws[index] as number) ^ salt, draws[index + 1] as number);
    best = Math.max(best, hash.high * 0x800 + (hash.low >>> 21));
  }
  return best;
}
