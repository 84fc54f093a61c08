/**
 * A planted bug: one snippet of one source file, replaced while the module is loaded. Production code has no hook
 * for it, so what is tried is the code that ships, less one idea.
 *
 * Invariant: a snippet stands exactly once in its file; a refactoring that moves it makes the mutant fail, loudly,
 * instead of running unharmed code and calling that a harness that finds nothing.
 */

import { DESTROYING_KINDS } from "../destroying-kinds.ts";
import type { FaultKind } from "../fault-plan.ts";
import type { RunPlan } from "../run-plan.ts";

/**
 * What a run must have for a bug to show at all: a kind of fault; none of them; requests with a w or r of their own;
 * more machines than replicas; a grace so short that things are collected while the run lasts; `kept`: nothing that
 * destroys disks, so that these are watched; `core`: part of the cluster stays broken for good. Seeds without it are passed over, which changes what is run in no way.
 */
export type Need =
  | FaultKind
  | "calm"
  | "quorums"
  | "fallbacks"
  | "rivals"
  | "collecting"
  | "kept"
  | "core";

export interface Mutant {
  /** Kebab-case; how it is chosen on the command line. */
  readonly name: string;
  /** Under the root of the repository. */
  readonly file: string;
  /** Stands exactly once in `file`. */
  readonly find: string;
  readonly replace: string;
  /** Invariants any of which should notice. Another one that does counts too, and is shown. */
  readonly expected: readonly string[];
  /** Each of these; nothing where any run will do. */
  readonly needs?: readonly Need[];
  /**
   * A test that goes red with the bug in, where the common mix does not show it: something else catches what it lets
   * through, or what it takes is too rare. Not counted among the bugs that are found.
   */
  readonly seenBy?: string;
  /** What goes wrong, in a sentence. */
  readonly breaks: string;
}

/** With a longer grace little is collected while faults strike. */
const COLLECTING_GRACE_MS_MAX = 2_000;

/** Whether a run of this shape has all that a bug needs. */
export function canShow({ needs = [] }: Mutant, plan: RunPlan): boolean {
  return needs.every((need) => {
    const replicas = Math.min(plan.shared.replicas, plan.machines);
    if (need === "calm") return plan.isCalm;
    if (need === "quorums") return plan.workload.asksQuorums;
    if (need === "fallbacks") return plan.machines > plan.shared.replicas;
    if (need === "rivals") return replicas > 1 && plan.workload.keys <= 20;
    if (need === "collecting") return plan.shared.graceMs <= COLLECTING_GRACE_MS_MAX;
    if (need === "core") return plan.broken.length > 0;
    if (need === "kept") return !DESTROYING_KINDS.some((kind) => plan.faults.kinds.has(kind));
    return plan.faults.kinds.has(need);
  });
}

/** The source with the bug in it. Throws if the snippet does not stand exactly once. */
export function plant(mutant: Mutant, source: string): string {
  const pieces = source.split(mutant.find);
  if (pieces.length !== 2) {
    const count = pieces.length - 1;
    throw new Error(
      `${mutant.name}: its snippet stands ${count} times in ${mutant.file}, not once`,
    );
  }
  return pieces.join(mutant.replace);
}
