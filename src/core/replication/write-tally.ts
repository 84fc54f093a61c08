/**
 * Counting the nodes of one write: who holds it, who still may, and whether that is enough.
 *
 * Invariant: a fallback counts only for the primary it stands in for, once, and never toward a demanded `w`; each pending
 * node raises what a write needs by one. Source: docs/ARCHITECTURE.md, "Requests".
 */
import type { NodeId } from "../../model/ids.ts";
import { majority, type SlotPlan } from "./quorum.ts";

/**
 * A first attempt may be pushed back; a final one is merged whatever is held. The last is a final one stamped once more:
 * the stamp before was above too few primaries, and one of the others held more.
 */
export type Attempt = "first" | "final" | "last";

/** `unreached` was never sent anything; `waiting` is this node itself, in a conditional write. */
export type TargetState =
  | "waiting"
  | "asked"
  | "acked"
  | "behind"
  | "refused"
  | "lost"
  | "unreached";

/** One node that is to hold the write. */
export interface Target {
  readonly node: NodeId;
  readonly role: "primary" | "pending" | "fallback";
  /** The primary whose copy it keeps; of a primary or pending node, itself. */
  readonly standsFor: NodeId;
  state: TargetState;
  /** Under which it was asked last. */
  attempt: Attempt;
  /** The next fallback was asked in its stead. */
  isReplaced: boolean;
}

/** How many nodes of a write are in which state, and for whom they count. */
export interface Tally {
  /** Nodes that hold the write, of any role. */
  holders: number;
  primaryAcks: number;
  pendingAcks: number;
  /** Primaries without an ack of their own, for whom a fallback holds the write, or may come to. */
  standIns: number;
  openStandIns: number;
  asked: number;
  waiting: number;
  primaryOpen: number;
  /** Those of `primaryOpen` that a fallback already counts for. */
  primaryOpenBeside: number;
  pendingOpen: number;
  /** Pending nodes that are not to be had yet. */
  pendingComing: number;
  behind: number;
  /** Primaries that have said whether they hold more. */
  primariesHeard: number;
}

/** Counts the nodes of a write under a plan of so many primaries. */
export function tallyOf(targets: readonly Target[], primaries: number): Tally {
  const tally = newTally();
  for (const { state, role } of targets) {
    if (state === "acked") {
      tally.holders += 1;
      if (role === "primary") tally.primaryAcks += 1;
      else if (role === "pending") tally.pendingAcks += 1;
    } else if (state === "asked" || state === "waiting") {
      tally[state] += 1;
      if (role === "primary") tally.primaryOpen += 1;
      else if (role === "pending") tally.pendingOpen += 1;
    } else if (state === "behind") tally.behind += 1;
    if (isComing({ state, role })) tally.pendingComing += 1;
    if (role === "primary" && (state === "acked" || state === "behind")) tally.primariesHeard += 1;
  }
  if (targets.length > primaries) tallyStandIns(tally, targets);
  return tally;
}

/** Each primary that has not acked counts once through its fallbacks, however many of them hold the write. */
function tallyStandIns(tally: Tally, targets: readonly Target[]): void {
  for (const { node, role, state } of targets) {
    if (role !== "primary" || state === "acked") continue;
    const has = (wanted: TargetState): boolean =>
      targets.some(
        (target) =>
          target.role === "fallback" && target.standsFor === node && target.state === wanted,
      );
    if (has("acked")) {
      tally.standIns += 1;
      // Its own ack would come in place of this one, not beside it.
      if (state === "asked" || state === "waiting") tally.primaryOpenBeside += 1;
    } else if (state !== "asked" && state !== "waiting" && has("asked")) tally.openStandIns += 1;
  }
}

/** What of a tally decides whether enough nodes hold the write. */
export type Acks = Pick<Tally, "primaryAcks" | "pendingAcks" | "standIns">;

/** The acks if everybody who may still ack does. */
export function withOpen(tally: Tally): Acks {
  return {
    primaryAcks: tally.primaryAcks + tally.primaryOpen,
    pendingAcks: tally.pendingAcks + tally.pendingOpen,
    standIns: Math.max(0, tally.standIns - tally.primaryOpenBeside) + tally.openStandIns,
  };
}

/** The acks if pending nodes that are not to be had yet soon are, and everybody else who may still ack does. */
export function withOpenAndComing(tally: Tally): Acks {
  const acks = withOpen(tally);
  return { ...acks, pendingAcks: acks.pendingAcks + tally.pendingComing };
}

/** The acks of primaries and pending nodes alone, none of them by a fallback. */
export function withoutStandIns(tally: Tally): Tally {
  return { ...tally, standIns: 0, openStandIns: 0 };
}

export function isComing({ role, state }: Pick<Target, "role" | "state">): boolean {
  return role === "pending" && (state === "unreached" || state === "refused" || state === "lost");
}

/** Whether enough nodes hold the write. Only primaries count toward a demanded `w`. */
export function isMet(
  { primaries, pending }: SlotPlan,
  w: number | undefined,
  { primaryAcks, pendingAcks, standIns }: Acks,
): boolean {
  const quorum = majority(primaries.length);
  if (w === undefined) return primaryAcks + pendingAcks + standIns >= quorum + pending.length;
  if (primaryAcks < w) return false;
  // Fewer than a majority promises no overlap anyway; from there on pending nodes count as everywhere.
  return w < quorum || primaryAcks + pendingAcks >= w + pending.length;
}

function newTally(): Tally {
  return {
    holders: 0,
    primaryAcks: 0,
    pendingAcks: 0,
    standIns: 0,
    openStandIns: 0,
    asked: 0,
    waiting: 0,
    primaryOpen: 0,
    primaryOpenBeside: 0,
    pendingOpen: 0,
    pendingComing: 0,
    behind: 0,
    primariesHeard: 0,
  };
}
