/**
 * One write, from its stamp to its answer: sends it to all primaries and pending nodes at once, counts who holds
 * it durably, asks a fallback for each primary that is not to be had, stamps again when it was pushed back.
 *
 * Invariant: an answer `written` counts only nodes that hold the write under its last stamp, durably; a fallback
 * counts for the primary it stands in for, while that one has not acked itself. A first attempt below something
 * acknowledged earlier cannot gather W plain acks, because those who hold the earlier write push it back; a final
 * attempt is stamped above what N−W+1 primaries hold, and so above everything acknowledged before this write began.
 * "Nothing was stored" is only said when every node asked has said so itself.
 * Source: design notes in docs/ARCHITECTURE.md, "Push-back"; DeCandia et al., "Dynamo" (2007), section 4.6.
 */
import { assert, unreachable } from "../../base/assert.ts";
import type { NodeId } from "../../model/ids.ts";
import type { QuorumReport } from "../../model/outcome.ts";
import { compareStamps, maxStamp, NO_STAMP, type Stamp } from "../../model/stamp.ts";
import { blockingCount, majority, type Reach, type SlotPlan } from "./quorum.ts";
import {
  type Attempt,
  isComing,
  isMet,
  type Tally,
  type Target,
  type TargetState,
  tallyOf,
  withOpen,
  withOpenAndComing,
  withoutStandIns,
} from "./write-tally.ts";

/** A primary may take this long before a fallback is asked in its stead; then it is hinted. */
export const PATIENCE_MS = 250;
/** A write that was pushed back waits this long for the plain acks that would outvote it: they cost no second round. */
export const OUTVOTE_MS = 50;
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

export type WriteEvent =
  | { readonly kind: "started" }
  | { readonly kind: "stored"; readonly from: NodeId; readonly attempt: Attempt }
  /** Stored, below `held`. */
  | {
      readonly kind: "superseded";
      readonly from: NodeId;
      readonly attempt: Attempt;
      readonly held?: Stamp;
    }
  | {
      readonly kind: "behind";
      readonly from: NodeId;
      readonly attempt: Attempt;
      readonly held: Stamp;
    }
  /** Not stored: it lies below the floor of the slot there, or the node's mark, and must be stamped above `held`. */
  | {
      readonly kind: "below";
      readonly from: NodeId;
      readonly attempt: Attempt;
      readonly held: Stamp;
    }
  /** `refused`: the node did nothing. `lost`: no answer, so it is not known what it did. */
  | { readonly kind: "refused" | "lost"; readonly from: NodeId; readonly attempt: Attempt }
  /** The placement changed: the write goes on under the new one; `again` refused the former one and is asked anew. */
  | {
      readonly kind: "replanned";
      readonly plan: SlotPlan;
      readonly again?: { readonly from: NodeId; readonly attempt: Attempt };
    }
  | { readonly kind: "restamped"; readonly stamp: Stamp }
  | { readonly kind: "tick" };

export type WriteVerdict =
  | { readonly kind: "written"; readonly quorum: QuorumReport; readonly isSuperseded: boolean }
  /** It came below a floor or a mark: to be written anew, as another write, above `held`. */
  | {
      readonly kind: "below";
      readonly held: Stamp;
      readonly mayBeStored: boolean;
      readonly quorum: QuorumReport;
    }
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

export class WriteCoordinator {
  readonly #options: WriteOptions;
  #plan: SlotPlan;
  #targets: Target[] = [];
  #stamp: Stamp;
  #attempt: Attempt = "first";
  #held: Stamp = NO_STAMP;
  #isRestamping = false;
  /** Primaries whose word the present stamp is above; `undefined` while they are enough, or it is the first. */
  #heardTooFew: ReadonlySet<NodeId> | undefined;
  #isPatienceSpent = false;
  #isAnswered = false;
  #isFinished = false;
  #isSuperseded = false;
  #isWritten = false;
  /** Somebody stored it, or may have, under whichever stamp or plan. */
  #mayBeStored = false;

  constructor(options: WriteOptions) {
    assert(options.plan.primaries.length >= 1, "a slot has a primary");
    assert(options.w === undefined || options.w >= 1, "w is at least one");
    this.#options = options;
    this.#plan = options.plan;
    this.#stamp = options.stamp;
  }

  /**
   * One that goes on with a write of which `PlainWrite` has seen the beginning: every primary was asked.
   *
   * @param acked Those that hold it, one bit each, by their place in the plan.
   */
  static goingOn(options: WriteOptions, acked: number, isAnswered: boolean): WriteCoordinator {
    const coordinator = new WriteCoordinator(options);
    coordinator.#targets = options.plan.primaries.map((node, index) => ({
      node,
      role: "primary",
      standsFor: node,
      state: (acked & (1 << index)) === 0 ? "asked" : "acked",
      attempt: "first",
      isReplaced: false,
    }));
    coordinator.#mayBeStored = acked !== 0;
    coordinator.#isAnswered = isAnswered;
    coordinator.#isWritten = isAnswered;
    if (isAnswered) coordinator.#attempt = "final";
    return coordinator;
  }

  /** The stamp under which the write stands now. */
  get stamp(): Stamp {
    return this.#stamp;
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Whether a concurrent write wins over this one somewhere, and so everywhere; known for certain once finished. */
  get isSuperseded(): boolean {
    return this.#isSuperseded;
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
    if (nowMs - this.#options.startMs >= PATIENCE_MS) this.#isPatienceSpent = true;
    switch (event.kind) {
      case "started":
        this.#adopt(this.#plan, effects);
        break;
      case "stored":
        this.#onStored(event.from, event.attempt, undefined);
        break;
      case "superseded":
        this.#onStored(event.from, event.attempt, event.held ?? NO_STAMP);
        break;
      case "behind":
        this.#onBehind(event.from, event.attempt, event.held, effects);
        break;
      case "below":
        this.#onBelow(event.from, event.attempt, event.held, effects);
        break;
      case "refused":
      case "lost":
        this.#onFailed(event.from, event.attempt, event.kind);
        break;
      case "replanned":
        this.#onReplanned(event.plan, event.again, effects);
        break;
      case "restamped":
        this.#onRestamped(event.stamp, effects);
        break;
      case "tick":
        this.#askPendingAgain(effects);
        break;
      default:
        unreachable(event);
    }
    if (!this.#isAnswered && !this.#isRestamping) this.#judge(nowMs, effects);
    if (this.#isAnswered) this.#finishIfDone(effects);
    return effects;
  }

  #onReplanned(
    plan: SlotPlan,
    again: { readonly from: NodeId; readonly attempt: Attempt } | undefined,
    effects: WriteEffect[],
  ): void {
    // What failed is not sent to anybody new.
    if (this.#isAnswered && !this.#isWritten) return;
    const refusing = again === undefined ? undefined : this.#findAsked(again.from, again.attempt);
    if (refusing !== undefined) refusing.state = "refused";
    // A placement without anybody cannot be gone by; what was begun ends under the former one.
    if (plan.primaries.length > 0) this.#adopt(plan, effects);
    else if (refusing !== undefined) this.#ask(refusing, effects);
  }

  /** Takes over a plan: who is in both keeps its state, who is new is asked, who is out no longer counts. */
  #adopt(plan: SlotPlan, effects: WriteEffect[]): void {
    const former = this.#targets;
    this.#plan = plan;
    this.#targets = [];
    for (const node of plan.primaries) this.#keepOrAdd(former, node, "primary");
    for (const node of plan.pending) this.#keepOrAdd(former, node, "pending");
    for (const target of former) {
      const kept = this.#find(target.node);
      if (target.role === "fallback" && kept === undefined) this.#targets.push(target);
      // Whoever was asked and is not waited for any more may have stored it all the same.
      else if (target.state === "asked" && kept?.state !== "asked") this.#mayBeStored = true;
    }
    // Who cannot be reached is settled before the first frame is made: frames name them. Who comes later was named
    // in none, so it is told of at the end, like one that refused.
    const outOfReach = former.length === 0 ? "unreached" : "refused";
    for (const target of this.#targets) {
      if (target.state === "waiting" && this.#reach(target) === "down") target.state = outOfReach;
    }
    for (const target of this.#targets) {
      if (target.state === "waiting" && !this.#mustWait(target)) this.#ask(target, effects);
    }
  }

  #keepOrAdd(former: readonly Target[], node: NodeId, role: "primary" | "pending"): void {
    const known = findHolder(former, node);
    const isKept = known !== undefined && (known.state === "acked" || known.state === "asked");
    this.#targets.push({
      node,
      role,
      standsFor: node,
      state: isKept ? known.state : "waiting",
      attempt: isKept ? known.attempt : this.#attempt,
      isReplaced: isKept && known.isReplaced,
    });
  }

  /** A conditional try is kept here only once somebody else took it. */
  #mustWait(target: Target): boolean {
    const { self, mode } = this.#options;
    if (mode === "blind" || target.node !== self) return false;
    return !this.#isAnyIn("acked");
  }

  #ask(target: Target, effects: WriteEffect[]): void {
    target.state = "asked";
    target.attempt = this.#attempt;
    const role = target.role === "fallback" ? "fallback" : "primary";
    effects.push({ kind: "send", to: target.node, role, attempt: this.#attempt });
  }

  #onStored(from: NodeId, attempt: Attempt, superseding: Stamp | undefined): void {
    this.#mayBeStored = true;
    const target = this.#findAsked(from, attempt);
    if (target === undefined) return;
    target.state = "acked";
    if (superseding === undefined) return;
    // What a primary holds that had no say in this stamp may have been acknowledged before the write began: then this is
    // a push-back that came late, and no ack.
    const isLateWord = attempt === "final" && this.#heardTooFew?.has(from) === false;
    const isAbove = compareStamps(superseding, this.#stamp) > 0;
    if (this.#isAnswered || !isLateWord || !isAbove || target.role !== "primary") {
      this.#isSuperseded = true;
      return;
    }
    target.state = "behind";
    this.#held = maxStamp(this.#held, superseding);
  }

  #onBehind(from: NodeId, attempt: Attempt, held: Stamp, effects: WriteEffect[]): void {
    const target = this.#findAsked(from, attempt);
    if (target === undefined) return;
    target.state = "behind";
    this.#held = maxStamp(this.#held, held);
    // Outvoted: it may lack the write all the same (`held` can be another key's).
    if (this.#isWritten) this.#ask(target, effects);
  }

  /**
   * Not something held, but the time: what was deleted there may be gone for good. It never counts as an ack, and does not
   * use up the one retry, which is for rivals: the write ends here and begins anew.
   */
  #onBelow(from: NodeId, attempt: Attempt, held: Stamp, effects: WriteEffect[]): void {
    const target = this.#findAsked(from, attempt);
    if (target === undefined) return;
    target.state = "refused";
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    const tally = tallyOf(this.#targets, this.#plan.primaries.length);
    const mayBeStored = this.#mayBeStored || tally.asked > 0;
    effects.push({
      kind: "answer",
      verdict: { kind: "below", held, mayBeStored, quorum: this.#report(tally) },
    });
  }

  #onFailed(from: NodeId, attempt: Attempt, state: "refused" | "lost"): void {
    if (state === "lost") this.#mayBeStored = true;
    const target = this.#findAsked(from, attempt);
    if (target !== undefined) target.state = state;
  }

  /** An answer to an earlier attempt says nothing about this one. */
  #findAsked(from: NodeId, attempt: Attempt): Target | undefined {
    const target = this.#find(from);
    return target?.state === "asked" && target.attempt === attempt ? target : undefined;
  }

  #onRestamped(stamp: Stamp, effects: WriteEffect[]): void {
    assert(this.#isRestamping, "a new stamp was asked for");
    this.#isRestamping = false;
    if (this.#isAnswered) return;
    this.#stamp = stamp;
    const heard = this.#targets.filter(
      ({ role, state }) => role === "primary" && (state === "acked" || state === "behind"),
    );
    const isEnough = heard.length >= blockingCount(this.#plan.primaries.length);
    const isFirst = this.#attempt === "first";
    this.#heardTooFew = isEnough || !isFirst ? undefined : new Set(heard.map(({ node }) => node));
    this.#attempt = isFirst ? "final" : "last";
    for (const target of this.#targets) {
      // What becomes of the first attempt there is no longer waited for.
      if (target.state === "asked") this.#mayBeStored = true;
      if (target.state !== "unreached" && target.state !== "lost") this.#ask(target, effects);
    }
  }

  /** Decides whether the client can be answered, and how. */
  #judge(nowMs: number, effects: WriteEffect[]): void {
    const { startMs, deadlineMs, w, mode } = this.#options;
    if (mode === "conditional") this.#askSelfIfAccepted(effects);
    this.#askFallbacks(effects);
    const tally = tallyOf(this.#targets, this.#plan.primaries.length);
    const isLate = nowMs >= deadlineMs;
    const isSilent = nowMs - startMs >= SILENCE_MS;
    if (this.#attempt !== "last" && tally.behind > 0) {
      return this.#judgeBehind(tally, nowMs, effects);
    }
    if (isMet(this.#plan, w, tally)) return this.#answerWritten(tally, effects);
    const hoped = w === undefined || isSilent ? withOpen(tally) : withOpenAndComing(tally);
    const canBeMet = isMet(this.#plan, w, hoped);
    if (!isLate && tally.waiting > 0 && (tally.asked === 0 || isSilent)) {
      return this.#askWaiting(effects);
    }
    if (!isLate && canBeMet && !isSilent) return;
    if (w === undefined && tally.holders > 0 && (isLate || tally.asked === 0 || isSilent)) {
      return this.#answerWritten(tally, effects);
    }
    if (!isLate && (canBeMet || (w === undefined && tally.asked > 0))) return;
    this.#answerFailed(isLate ? "timed-out" : "quorum-unreachable", tally, effects);
  }

  /** Somebody holds more than a first attempt. Only plain acks of primaries can outvote that: they meet every quorum. */
  #judgeBehind(tally: Tally, nowMs: number, effects: WriteEffect[]): void {
    const { startMs, deadlineMs, w } = this.#options;
    const plain = withoutStandIns(tally);
    if (isMet(this.#plan, w, plain)) return this.#answerWritten(tally, effects);
    if (nowMs >= deadlineMs) return this.#answerFailed("timed-out", tally, effects);
    const canBeOutvoted =
      isMet(this.#plan, w, withOpen(plain)) && nowMs - startMs < OUTVOTE_MS && tally.asked > 0;
    if (canBeOutvoted) return;
    // Those who have spoken must be enough to know of everything acknowledged before; a final attempt below
    // something they did not tell of would be acknowledged and lost.
    const isEnough = tally.primariesHeard >= blockingCount(this.#plan.primaries.length);
    const isOver = tally.asked === 0 || nowMs - startMs >= SILENCE_MS;
    if (isEnough || isOver) this.#pushedBack(tally, effects);
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
    if (this.#isAnyIn("acked")) this.#askWaiting(effects);
  }

  #askWaiting(effects: WriteEffect[]): void {
    for (const target of this.#targets) {
      if (target.state === "waiting") this.#ask(target, effects);
    }
  }

  /** A node that is just being let in comes within reach, and under the same placement, a moment later. */
  #askPendingAgain(effects: WriteEffect[]): void {
    if (this.#isAnswered) return;
    for (const target of this.#targets) {
      if (isComing(target) && this.#reach(target) === "up") this.#ask(target, effects);
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
      const fallback: Target = {
        node,
        role: "fallback",
        standsFor: target.standsFor,
        state: "waiting",
        attempt: this.#attempt,
        isReplaced: false,
      };
      this.#targets.push(fallback);
      this.#ask(fallback, effects);
    }
  }

  #isMissing(target: Target): boolean {
    if (target.role === "pending") return false;
    const { state } = target;
    if (state === "unreached" || state === "lost" || state === "refused") return true;
    if (state !== "asked") return false;
    // This node's own disk may hang as well: then another stands in for it like for any primary.
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
    this.#isWritten = true;
    const quorum = this.#report(tally);
    const isSuperseded = this.#isSuperseded;
    effects.push({ kind: "answer", verdict: { kind: "written", quorum, isSuperseded } });
    // Whoever pushed back was outvoted, and may lack the write all the same (`held` can be another key's).
    if (this.#attempt === "first") this.#attempt = "final";
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
    if (!this.#isPatienceSpent && this.#isAnyIn("asked")) return;
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

  /**
   * While somebody is pending a majority of today's primaries is not yet one of tomorrow's: what reads can miss then is not
   * reported as one.
   */
  #report(tally: Tally): QuorumReport {
    const { primaries, pending } = this.#plan;
    const quorum = majority(primaries.length);
    const { primaryAcks, pendingAcks } = tally;
    const isOverlapping = primaryAcks + pendingAcks >= quorum + pending.length;
    return {
      acks: isOverlapping ? primaryAcks : Math.min(primaryAcks, Math.max(1, quorum - 1)),
      of: this.#plan.primaries.length,
      hinted: tally.holders - tally.primaryAcks - tally.pendingAcks,
    };
  }

  #isAnyIn(wanted: TargetState): boolean {
    for (const { state } of this.#targets) if (state === wanted) return true;
    return false;
  }

  #find(node: NodeId): Target | undefined {
    for (const target of this.#targets) if (target.node === node) return target;
    return undefined;
  }
}

/** The target that `node` is by the placement, and not as a fallback. */
function findHolder(targets: readonly Target[], node: NodeId): Target | undefined {
  for (const target of targets) {
    if (target.node === node && target.role !== "fallback") return target;
  }
  return undefined;
}
