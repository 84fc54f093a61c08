/**
 * One suspicion: how long it lasts before the suspect is called dead.
 *
 * It starts long and shrinks with each independent confirmation: one slow node alone cannot kill another quickly, a
 * real crash is confirmed by all who probe. Source: Dadgar et al., "Lifeguard" (2018), LHA-Suspicion: the time left
 * falls with log(c + 1) / log(k + 1) for c of k confirmations.
 */
import { assert } from "../../base/assert.ts";
import type { NodeId } from "../../model/ids.ts";
import { ceilLog2, type SwimConfig } from "./swim-config.ts";

/** 1000 x log(c + 1) / log(k + 1), by k and c: a table, because engines may round logarithms differently. */
const SHRINKAGE: readonly (readonly number[])[] = [
  [1_000],
  [0, 1_000],
  [0, 631, 1_000],
  [0, 500, 792, 1_000],
];

/** Members up to which the configured minimum holds as it is: ceil(log2(32 + 1)). */
const LOG_OF_USUAL = 6;

/** Stalls during one suspicion that delay it. */
const GIVEN_BACK_MAX = 16;

/** Milliseconds that a suspicion lasts. `others`: alive members that could confirm it. */
export function suspicionMs(parts: {
  readonly config: SwimConfig;
  readonly memberCount: number;
  readonly others: number;
  readonly confirmations: number;
}): number {
  const { config, others } = parts;
  const scale = Math.max(LOG_OF_USUAL, ceilLog2(parts.memberCount + 1));
  const minMs = Math.floor((config.suspicionMinMs * scale) / LOG_OF_USUAL);
  // With nobody there to confirm, waiting for confirmations is vain, but the accuser is alone with its doubt.
  if (others === 0) return Math.floor((minMs * 3) / 2);
  const wanted = Math.min(config.confirmations, others);
  const shrinkage = SHRINKAGE[wanted]?.[Math.min(parts.confirmations, wanted)];
  assert(shrinkage !== undefined, "confirmations are within the table");
  const maxMs = minMs * config.suspicionMaxFactor;
  return maxMs - Math.floor(((maxMs - minMs) * shrinkage) / 1_000);
}

/** A suspicion under way. Its accusers are members; the first one opened it, the others confirm it. */
export class Suspicion {
  readonly incarnation: number;
  readonly #accusers = new Set<NodeId>();
  #startedMs: number;
  #notBeforeMs = 0;
  #timesGivenBack = 0;
  /** Another member's own suspicion has run out: it is as if all had confirmed this one. */
  isSentenced = false;
  /** The latest timer set for it. */
  timerAtMs = Number.POSITIVE_INFINITY;

  constructor(incarnation: number, startedMs: number) {
    this.incarnation = incarnation;
    this.#startedMs = startedMs;
  }

  get confirmations(): number {
    return Math.max(0, this.#accusers.size - 1);
  }

  /** Whether `by` is news. At most `accusersMax` are remembered: more would change nothing. */
  accuse(by: NodeId, accusersMax: number): boolean {
    if (this.#accusers.has(by) || this.#accusers.size >= accusersMax) return false;
    this.#accusers.add(by);
    return true;
  }

  /** When the suspect is dead, if the suspicion lasts for `lastsMs`. */
  deadlineMs(lastsMs: number): number {
    return Math.max(this.#startedMs + lastsMs, this.#notBeforeMs);
  }

  /** Adds time lost by a stall, and some until `notBeforeMs`; not for ever, or a node in constant trouble would never judge. */
  giveBack(lagMs: number, notBeforeMs: number): void {
    if (this.#timesGivenBack >= GIVEN_BACK_MAX) return;
    this.#timesGivenBack += 1;
    this.#startedMs += lagMs;
    this.#notBeforeMs = Math.max(this.#notBeforeMs, notBeforeMs);
  }
}
