/**
 * One write, from its stamp to its answer: sends it to all primaries and pending nodes at once, counts who holds
 * it durably, asks a fallback for each primary that is not to be had, stamps again when it was pushed back.
 *
 * Invariant: an answer `written` counts only nodes that hold the write under its last stamp, durably.
 * A first attempt below something acknowledged earlier cannot gather W plain acks, because those who hold the earlier
 * write push it back; a final attempt is stamped above all who pushed back, and so above everything
 * acknowledged before this write began.
 * Source: design notes in docs/ARCHITECTURE.md, "Push-back"; DeCandia et al., "Dynamo" (2007), section 4.6.
 */
import { assert, unreachable } from "../../base/assert.ts";
import type { NodeId } from "../../model/ids.ts";
import type { QuorumReport } from "../../model/outcome.ts";
import { compareStamps, maxStamp, NO_STAMP, type Stamp } from "../../model/stamp.ts";
import { majority, type Reach, type SlotPlan } from "./quorum.ts";

/** A primary may take this long before a fallback is asked in its stead; then it is hinted. */
export const PATIENCE_MS = 250;
/** After this long one copy is accepted where the caller did not say how many. */
export const SILENCE_MS = 1_000;

export interface WriteOptions {
  readonly self: NodeId;
  readonly plan: SlotPlan;
  readonly reach: (node: NodeId) => Reach;
  readonly stamp: Stamp;
  /** Primaries demanded; `undefined` is the majority, or what there is when no more is to be had. */
  readonly w: number | undefined;
  /**
   * `blind` stamps again when pushed back. `conditional` ends as `behind` instead, and stores locally only after
   * the first remote acceptance, so that a pushed-back try leaves as little as possible behind.
   */
  readonly mode: "blind" | "conditional";
  readonly startMs: number;
  readonly deadlineMs: number;
}

/** A first attempt may be pushed back; a final one is merged whatever is held. */
export type Attempt = "first" | "final";

export type WriteEvent =
  | { readonly kind: "started" }
  | { readonly kind: "stored"; readonly from: NodeId; readonly attempt: Attempt }
  | { readonly kind: "superseded"; readonly from: NodeId; readonly attempt: Attempt }
  | {
      readonly kind: "behind";
      readonly from: NodeId;
      readonly attempt: Attempt;
      readonly held: Stamp;
    }
  /** `refused`: the node did nothing. `lost`: no answer, so it is not known what it did. */
  | { readonly kind: "refused" | "lost"; readonly from: NodeId; readonly attempt: Attempt }
  /** The placement changed: the write goes on under the new one. */
  | { readonly kind: "replanned"; readonly plan: SlotPlan }
  | { readonly kind: "restamped"; readonly stamp: Stamp }
  | { readonly kind: "tick" };

export type WriteVerdict =
  | { readonly kind: "written"; readonly quorum: QuorumReport; readonly isSuperseded: boolean }
  /** Conditional only: something newer than what was read is held. `mayBeStored`: somebody may have kept the try. */
  | {
      readonly kind: "behind";
      readonly held: Stamp;
      readonly mayBeStored: boolean;
      readonly quorum: QuorumReport;
    }
  | {
      readonly kind: "failed";
      readonly code: "quorum-unreachable" | "timed-out";
      readonly mayBeStored: boolean;
      readonly quorum: QuorumReport;
    };

export type WriteEffect =
  | {
      readonly kind: "send";
      readonly to: NodeId;
      readonly role: "primary" | "fallback";
      readonly attempt: Attempt;
    }
  /** Mint a stamp above `above`, then deliver `restamped`. */
  | { readonly kind: "restamp"; readonly above: Stamp }
  | { readonly kind: "answer"; readonly verdict: WriteVerdict }
  /** `holders` hold the write; they must remember that `targets` may lack it. */
  | {
      readonly kind: "hint";
      readonly targets: readonly NodeId[];
      readonly holders: readonly NodeId[];
    }
  /** Nothing more comes of this write. */
  | { readonly kind: "finished" };

/** `unreached` was never sent anything; `waiting` is this node itself, in a conditional write. */
type TargetState = "waiting" | "asked" | "acked" | "behind" | "refused" | "lost" | "unreached";

interface Target {
  readonly node: NodeId;
  readonly role: "primary" | "pending" | "fallback";
  state: TargetState;
  /** The next fallback was asked in its stead. */
  isReplaced: boolean;
}

export class WriteCoordinator {
  readonly #options: WriteOptions;
  #plan: SlotPlan;
  #targets: Target[] = [];
  #stamp: Stamp;
  #attempt: Attempt = "first";
  #held: Stamp = NO_STAMP;
  #isRestamping = false;
  #isPatienceSpent = false;
  #isAnswered = false;
  #isFinished = false;
  #isSuperseded = false;
  /** Somebody stored it, or may have, under whichever stamp or plan. */
  #mayBeStored = false;

  constructor(options: WriteOptions) {
    assert(options.plan.primaries.length >= 1, "a slot has a primary");
    assert(options.w === undefined || options.w >= 1, "w is at least one");
    this.#options = options;
    this.#plan = options.plan;
    this.#stamp = options.stamp;
  }

  /** The stamp under which the write stands now. */
  get stamp(): Stamp {
    return this.#stamp;
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Primaries known to be out of reach: replicas mark them dirty in the commit of the write itself. */
  unreached(): NodeId[] {
    const nodes: NodeId[] = [];
    for (const target of this.#targets) {
      if (target.state === "unreached" && target.role !== "fallback") nodes.push(target.node);
    }
    return nodes;
  }

  /** Events may come late, twice or never. `nowMs` is monotonic milliseconds. */
  step(event: WriteEvent, nowMs: number): WriteEffect[] {
    const effects: WriteEffect[] = [];
    if (this.#isFinished) return effects;
    switch (event.kind) {
      case "started":
        this.#adopt(this.#plan, effects);
        break;
      case "stored":
      case "superseded":
        this.#onStored(event.from, event.attempt, event.kind === "superseded");
        break;
      case "behind":
        this.#onBehind(event.from, event.attempt, event.held);
        break;
      case "refused":
      case "lost":
        this.#onFailed(event.from, event.attempt, event.kind);
        break;
      case "replanned":
        this.#adopt(event.plan, effects);
        break;
      case "restamped":
        this.#onRestamped(event.stamp, effects);
        break;
      case "tick":
        if (nowMs - this.#options.startMs >= PATIENCE_MS) this.#isPatienceSpent = true;
        break;
      default:
        unreachable(event);
    }
    if (!this.#isAnswered && !this.#isRestamping) this.#judge(nowMs, effects);
    if (this.#isAnswered) this.#finishIfDone(effects);
    return effects;
  }

  /** Takes over a plan: who is in both keeps its state, who is new is asked, who is out no longer counts. */
  #adopt(plan: SlotPlan, effects: WriteEffect[]): void {
    const former = this.#targets;
    this.#plan = plan;
    this.#targets = [];
    for (const node of plan.primaries) this.#keepOrAdd(former, node, "primary");
    for (const node of plan.pending) this.#keepOrAdd(former, node, "pending");
    for (const target of former) {
      if (target.role === "fallback" && this.#find(target.node) === undefined) {
        this.#targets.push(target);
      }
    }
    // Who cannot be reached is settled before the first frame is made: frames name them.
    const unsent = this.#targets.filter((target) => target.state === "waiting");
    for (const target of unsent) {
      if (this.#reach(target) === "down") target.state = "unreached";
    }
    for (const target of unsent) {
      if (target.state === "waiting" && !this.#mustWait(target)) this.#ask(target, effects);
    }
  }

  #keepOrAdd(former: readonly Target[], node: NodeId, role: "primary" | "pending"): void {
    const known = former.find((target) => target.node === node);
    const isKept = known !== undefined && (known.state === "acked" || known.state === "asked");
    this.#targets.push({
      node,
      role,
      state: isKept && known.role !== "fallback" ? known.state : "waiting",
      isReplaced: false,
    });
  }

  /** A conditional try is kept here only once somebody else took it. */
  #mustWait(target: Target): boolean {
    const { self, mode } = this.#options;
    if (mode === "blind" || target.node !== self) return false;
    return !this.#targets.some(({ state }) => state === "acked");
  }

  #ask(target: Target, effects: WriteEffect[]): void {
    target.state = "asked";
    const role = target.role === "fallback" ? "fallback" : "primary";
    effects.push({ kind: "send", to: target.node, role, attempt: this.#attempt });
  }

  #onStored(from: NodeId, attempt: Attempt, isSuperseded: boolean): void {
    this.#mayBeStored = true;
    const target = this.#findAsked(from, attempt);
    if (target === undefined) return;
    target.state = "acked";
    if (isSuperseded) this.#isSuperseded = true;
  }

  #onBehind(from: NodeId, attempt: Attempt, held: Stamp): void {
    const target = this.#findAsked(from, attempt);
    if (target === undefined) return;
    target.state = "behind";
    this.#held = maxStamp(this.#held, held);
  }

  #onFailed(from: NodeId, attempt: Attempt, state: "refused" | "lost"): void {
    if (state === "lost") this.#mayBeStored = true;
    const target = this.#findAsked(from, attempt);
    if (target !== undefined) target.state = state;
  }

  /** An answer to an earlier attempt says nothing about this one. */
  #findAsked(from: NodeId, attempt: Attempt): Target | undefined {
    if (attempt !== this.#attempt && !this.#isAnswered) return undefined;
    const target = this.#find(from);
    return target?.state === "asked" ? target : undefined;
  }

  #onRestamped(stamp: Stamp, effects: WriteEffect[]): void {
    assert(this.#isRestamping, "a new stamp was asked for");
    assert(compareStamps(stamp, this.#held) > 0, "a new stamp is above all that pushed back");
    this.#isRestamping = false;
    this.#stamp = stamp;
    this.#attempt = "final";
    for (const target of this.#targets) {
      if (target.state !== "unreached" && target.state !== "lost") this.#ask(target, effects);
    }
  }

  /** Decides whether the client can be answered, and how. */
  #judge(nowMs: number, effects: WriteEffect[]): void {
    const { startMs, deadlineMs, w, mode } = this.#options;
    if (mode === "conditional") this.#askSelfIfAccepted(effects);
    this.#askFallbacks(effects);
    const tally = this.#tally();
    if (isMet(this.#plan, w, tally)) return this.#answerWritten(tally, effects);
    const isLate = nowMs >= deadlineMs;
    const canBeMet = isMet(this.#plan, w, withOpen(tally));
    if (this.#attempt === "first" && tally.behind > 0 && !isLate) {
      // Whoever is still silent after the patience may stay so; waiting for it would in the end count an
      // attempt that is known to be below something held.
      if (!canBeMet || this.#isPatienceSpent) return this.#pushedBack(tally, effects);
    }
    if (!isLate && canBeMet && nowMs - startMs < SILENCE_MS) return;
    if (!isLate && tally.waiting > 0 && tally.asked === 0) return this.#askWaiting(effects);
    if (w === undefined && tally.acks > 0) {
      if (isLate || tally.asked === 0 || nowMs - startMs >= SILENCE_MS) {
        return this.#answerWritten(tally, effects);
      }
    }
    if (!isLate && (canBeMet || (w === undefined && tally.asked > 0))) return;
    this.#answerFailed(isLate ? "timed-out" : "quorum-unreachable", tally, effects);
  }

  #pushedBack(tally: Tally, effects: WriteEffect[]): void {
    if (this.#options.mode === "blind") {
      this.#isRestamping = true;
      effects.push({ kind: "restamp", above: this.#held });
      return;
    }
    this.#isAnswered = true;
    const quorum = this.#report(tally);
    const mayBeStored = this.#mayBeStored || tally.asked > 0;
    effects.push({
      kind: "answer",
      verdict: { kind: "behind", held: this.#held, mayBeStored, quorum },
    });
  }

  #askSelfIfAccepted(effects: WriteEffect[]): void {
    if (this.#targets.some(({ state }) => state === "acked")) this.#askWaiting(effects);
  }

  #askWaiting(effects: WriteEffect[]): void {
    for (const target of this.#targets) {
      if (target.state === "waiting") this.#ask(target, effects);
    }
  }

  /** One fallback for each primary that is not to be had, while there are any; never as a hedge. */
  #askFallbacks(effects: WriteEffect[]): void {
    // The list grows while it is walked: a fallback that fails is replaced like a primary.
    for (const target of this.#targets) {
      if (target.isReplaced || !this.#isMissing(target)) continue;
      target.isReplaced = true;
      const node = this.#nextFallback();
      if (node === undefined) continue;
      const fallback: Target = { node, role: "fallback", state: "waiting", isReplaced: false };
      this.#targets.push(fallback);
      this.#ask(fallback, effects);
    }
  }

  #isMissing(target: Target): boolean {
    if (target.role === "pending") return false;
    const { state } = target;
    if (state === "unreached" || state === "lost" || state === "refused") return true;
    if (state !== "asked" || target.node === this.#options.self) return false;
    const reach = this.#reach(target);
    return this.#isPatienceSpent || reach === "doubtful" || reach === "down";
  }

  #nextFallback(): NodeId | undefined {
    return this.#plan.fallbacks.find(
      (node) =>
        this.#find(node) === undefined &&
        (node === this.#options.self || this.#options.reach(node) === "up"),
    );
  }

  #reach(target: Target): Reach {
    return target.node === this.#options.self ? "up" : this.#options.reach(target.node);
  }

  #answerWritten(tally: Tally, effects: WriteEffect[]): void {
    this.#isAnswered = true;
    const quorum = this.#report(tally);
    const isSuperseded = this.#isSuperseded;
    effects.push({ kind: "answer", verdict: { kind: "written", quorum, isSuperseded } });
    // Whoever pushed back was outvoted, and may lack the write all the same (`held` can be another key's).
    this.#attempt = "final";
    for (const target of this.#targets) {
      if (target.state === "behind" || target.state === "waiting") this.#ask(target, effects);
    }
  }

  #answerFailed(
    code: "quorum-unreachable" | "timed-out",
    tally: Tally,
    effects: WriteEffect[],
  ): void {
    this.#isAnswered = true;
    const mayBeStored = this.#mayBeStored || tally.asked > 0;
    const quorum = this.#report(tally);
    effects.push({ kind: "answer", verdict: { kind: "failed", code, mayBeStored, quorum } });
  }

  /** Waits for the rest until the patience is spent, then has those who hold the write remember who may lack it. */
  #finishIfDone(effects: WriteEffect[]): void {
    if (!this.#isPatienceSpent && this.#targets.some(({ state }) => state === "asked")) return;
    this.#isFinished = true;
    const targets: NodeId[] = [];
    const holders: NodeId[] = [];
    for (const { node, role, state } of this.#targets) {
      if (state === "acked") holders.push(node);
      // The unreached were named in the frames themselves, and are marked where those were stored.
      else if (role !== "fallback" && state !== "unreached") targets.push(node);
    }
    if (holders.length > 0 && targets.length > 0) effects.push({ kind: "hint", targets, holders });
    effects.push({ kind: "finished" });
  }

  #report(tally: Tally): QuorumReport {
    return {
      acks: tally.primaryAcks,
      of: this.#plan.primaries.length,
      hinted: tally.acks - tally.primaryAcks - tally.pendingAcks,
    };
  }

  #find(node: NodeId): Target | undefined {
    for (const target of this.#targets) if (target.node === node) return target;
    return undefined;
  }

  #tally(): Tally {
    const tally = newTally();
    for (const { state, role } of this.#targets) {
      if (state === "acked") {
        tally.acks += 1;
        if (role === "primary") tally.primaryAcks += 1;
        else if (role === "pending") tally.pendingAcks += 1;
      } else if (state === "asked" || state === "waiting") {
        tally[state] += 1;
        if (role === "primary") tally.primaryOpen += 1;
        else if (role === "pending") tally.pendingOpen += 1;
      } else if (state === "behind") tally.behind += 1;
    }
    return tally;
  }
}

interface Tally {
  acks: number;
  primaryAcks: number;
  pendingAcks: number;
  asked: number;
  waiting: number;
  primaryOpen: number;
  pendingOpen: number;
  behind: number;
}

function newTally(): Tally {
  return {
    acks: 0,
    primaryAcks: 0,
    pendingAcks: 0,
    asked: 0,
    waiting: 0,
    primaryOpen: 0,
    pendingOpen: 0,
    behind: 0,
  };
}

/** The tally if everybody who may still ack does. */
function withOpen(tally: Tally): Tally {
  return {
    ...tally,
    acks: tally.acks + tally.asked + tally.waiting,
    primaryAcks: tally.primaryAcks + tally.primaryOpen,
    pendingAcks: tally.pendingAcks + tally.pendingOpen,
  };
}

/** Whether enough nodes hold the write. Only primaries count toward a demanded `w`. */
function isMet({ primaries, pending }: SlotPlan, w: number | undefined, tally: Tally): boolean {
  const quorum = majority(primaries.length);
  if (w === undefined) return tally.acks >= quorum + pending.length;
  if (tally.primaryAcks < w) return false;
  // Fewer than a majority promises no overlap anyway; from there on pending nodes count as everywhere.
  return w < quorum || tally.primaryAcks + tally.pendingAcks >= w + pending.length;
}
