/**
 * One read, from its question to its answer and to the repair of who was behind: asks R primaries, one for the
 * cells and the others for digests, fetches the cells of whoever differs, merges, answers.
 *
 * Invariant: an answer merges the cells of every replica whose vote it counts. "Nothing here" is a vote of a
 * primary only; damage, refusal and silence are no votes. Reads are hedged: past the hedge delay the
 * next replica is asked, because a late vote costs nothing but a message.
 * Source: DeCandia et al., "Dynamo" (2007), section 4.5; Dean and Barroso, "The Tail at Scale" (2013), on hedging.
 */
import { assert, unreachable } from "../../base/assert.ts";
import type { Cell, CellAddress, EncodedCell } from "../../model/cell.ts";
import type { NodeId } from "../../model/ids.ts";
import type { Field, Key } from "../../model/key.ts";
import type { QuorumReport } from "../../model/outcome.ts";
import type { Selection } from "../../model/selection.ts";
import { compareStamps, maxStamp, NO_STAMP, type Stamp } from "../../model/stamp.ts";
import { checksumOf, decodeCell, encodeCell, isRootCell } from "../causality/cell-codec.ts";
import { mergeCells } from "../causality/merge.ts";
import { majority, type Reach, type SlotPlan } from "./quorum.ts";
import { PATIENCE_MS, SILENCE_MS } from "./write-coordinator.ts";

/** A vote that takes longer than this has the next replica asked: above a synced commit, below what people notice. */
export const HEDGE_MS = 12;
/** While an answer is older than the stamp it must not be older than, replicas are asked again this often. */
const ASK_AGAIN_MS = 100;

export interface ReadOptions {
  readonly self: NodeId;
  readonly key: Key;
  readonly selection: Selection;
  readonly plan: SlotPlan;
  readonly reach: (node: NodeId) => Reach;
  /** Primaries demanded; `undefined` is the majority, or what there is when no more is to be had. */
  readonly r: number | undefined;
  /** The answer must hold this stamp or a greater one. */
  readonly after: Stamp | undefined;
  readonly startMs: number;
  readonly deadlineMs: number;
}

/** One cell as a replica says it holds it. */
export interface CellVersion {
  readonly field: CellAddress;
  readonly checksum: number;
}

interface Vote {
  readonly from: NodeId;
  /** The voter's named C of the slot: what it lacks up to it was deleted. */
  readonly collected: Stamp;
  /** The slot's flush floor, as the voter knows it; absent for none. */
  readonly flushed?: Stamp;
}

export type ReadEvent =
  | { readonly kind: "started" }
  | ({
      readonly kind: "cells";
      readonly cells: readonly EncodedCell[];
      /** Of a range: up to here the voter has looked; `undefined`: all of it. */
      readonly through?: Field | undefined;
    } & Vote)
  | ({ readonly kind: "digests"; readonly digests: readonly CellVersion[] } & Vote)
  /** `voteless`: it has lost commits, and what it lacks says nothing. */
  /** `too-large`: it holds more of what is asked for than one message does, and so do others, or will. */
  | {
      readonly kind: "refused" | "lost" | "damaged" | "voteless" | "too-large";
      readonly from: NodeId;
    }
  /** It refused a question put under another placement; both have agreed since, and it is to be asked anew. */
  | { readonly kind: "again"; readonly from: NodeId }
  | { readonly kind: "repaired" | "not-repaired"; readonly from: NodeId }
  | { readonly kind: "replanned"; readonly plan: SlotPlan }
  | { readonly kind: "tick" };

export type ReadFailureCode =
  | "quorum-unreachable"
  | "timed-out"
  | "too-new"
  | "damaged"
  | "too-large";

export type ReadVerdict =
  /** `cells`: what was selected of the key, merged, in no order; empty when no replica holds any. */
  | {
      readonly kind: "read";
      readonly cells: readonly MergedCell[];
      /** Of a range: up to here every voter has looked; `undefined`: all of it. */
      readonly through: Field | undefined;
      /** The greatest C of a vote: what is not here up to it was deleted, or expired. */
      readonly collected: Stamp;
      /** The greatest flush floor of a vote: what is at or below it is gone, though it may be among `cells`. */
      readonly flushed: Stamp;
      readonly quorum: QuorumReport;
    }
  | {
      readonly kind: "failed";
      readonly code: ReadFailureCode;
      readonly newest: Stamp;
      readonly quorum: QuorumReport;
    };

export type ReadEffect =
  | { readonly kind: "ask"; readonly to: NodeId; readonly want: "cells" | "digest" }
  | { readonly kind: "answer"; readonly verdict: ReadVerdict }
  | {
      readonly kind: "repair";
      readonly to: NodeId;
      readonly cells: readonly EncodedCell[];
      /** The least C that one of the cells was read under: whoever has collected further does not take it. */
      readonly collected: Stamp;
    };

/** What matters once the answer is settled and only its repair is waited for. */
const REPAIR_EVENTS: ReadonlySet<ReadEvent["kind"]> = new Set<ReadEvent["kind"]>([
  "repaired",
  "not-repaired",
  "tick",
]);

/** A cell with its encoding, ready to be sent on. */
export interface MergedCell extends EncodedCell {
  readonly cell: Cell;
}

/** `digest`: voted, its cells not seen. `merged`: voted, its cells are in the answer. `none`: gave no vote. */
type VoterState = "unasked" | "asked" | "digest" | "fetching" | "merged" | "none";

interface Voter {
  readonly node: NodeId;
  readonly isPrimary: boolean;
  state: VoterState;
  /** What it was asked for last. */
  want: "cells" | "digest";
  /** Holds a copy that fails its checksum: no vote, and to be healed. */
  isDamaged: boolean;
  /** Checksums by address. */
  versions: ReadonlyMap<CellAddress, number>;
  /** A fallback that holds a part of what was asked for: what it lacks of it says nothing. */
  isPartial: boolean;
  /** What it gave, once `merged`. */
  cells: readonly MergedCell[];
  through: Field | undefined;
  collected: Stamp;
  flushed: Stamp;
  repair: "no" | "sent" | "done";
}

export class ReadCoordinator {
  readonly #options: ReadOptions;
  #plan: SlotPlan;
  #voters: Voter[] = [];
  #merged = new Map<CellAddress, MergedCell>();
  /** The greatest C of a vote: up to it that voter is right, also about what it lacks. */
  #collected: Stamp = NO_STAMP;
  #through: Field | undefined;
  #isAnswered = false;
  #isRepairing = false;
  #hasDamage = false;
  #hasVoteless = false;
  #isTooLarge = false;
  #nextHedgeMs: number;
  #askAgainMs = 0;

  constructor(options: ReadOptions) {
    assert(options.plan.primaries.length >= 1, "a slot has a primary");
    assert(options.r === undefined || options.r >= 1, "r is at least one");
    this.#options = options;
    this.#plan = options.plan;
    this.#nextHedgeMs = options.startMs + HEDGE_MS;
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Events may come late, twice or never. `nowMs` is monotonic milliseconds. */
  step(event: ReadEvent, nowMs: number): ReadEffect[] {
    const effects: ReadEffect[] = [];
    if (this.#isAnswered) return effects;
    // While repairs run, the answer stands: a vote that came in now would change what is being repaired.
    if (this.#isRepairing && !REPAIR_EVENTS.has(event.kind)) return effects;
    switch (event.kind) {
      case "started":
        this.#adopt(this.#plan);
        break;
      case "cells":
        this.#onCells(event.from, event.cells, event.through, event);
        break;
      case "digests":
        this.#onDigests(event.from, event.digests, event);
        break;
      case "refused":
      case "lost":
      case "damaged":
        this.#onNoVote(event.from, event.kind === "damaged");
        break;
      case "voteless":
        this.#hasVoteless = true;
        this.#onNoVote(event.from, false);
        break;
      case "too-large":
        this.#isTooLarge = true;
        this.#onNoVote(event.from, false);
        break;
      case "again":
        this.#onAgain(event.from);
        break;
      case "repaired":
      case "not-repaired":
        this.#onRepaired(event.from, event.kind === "repaired");
        break;
      case "replanned":
        // A placement without anybody cannot be gone by; what was begun ends under the former one.
        if (event.plan.primaries.length > 0) this.#adopt(event.plan);
        break;
      case "tick":
        this.#onTick(nowMs, effects);
        break;
      default:
        unreachable(event);
    }
    if (!this.#isRepairing) this.#askMore(effects);
    this.#judge(nowMs, effects);
    return effects;
  }

  #adopt(plan: SlotPlan): void {
    const former = this.#voters;
    this.#plan = plan;
    const rank = (node: NodeId): number => {
      if (node === this.#options.self) return 0;
      return { up: 1, slow: 2, doubtful: 3, down: 4 }[this.#options.reach(node)];
    };
    const nodes = plan.primaries.map((node) => ({ node, rank: rank(node) }));
    // Sorting is stable: among equals the order of the preference list stays.
    nodes.sort((a, b) => a.rank - b.rank);
    this.#voters = nodes.map(
      ({ node }) =>
        former.find((voter) => voter.isPrimary && voter.node === node) ?? voterFor(node, true),
    );
  }

  #onCells(
    from: NodeId,
    cells: readonly EncodedCell[],
    through: Field | undefined,
    { collected, flushed = NO_STAMP }: Vote,
  ): void {
    const voter = this.#find(from);
    if (voter === undefined || (voter.state !== "asked" && voter.state !== "fetching")) return;
    if (!voter.isPrimary && cells.length === 0) {
      voter.state = "none";
      return;
    }
    const { key } = this.#options;
    const decoded: MergedCell[] = [];
    for (const { field, bytes } of cells) {
      const cell = decodeCell(bytes, key, field);
      if (cell === "damaged") return this.#onNoVote(from, true);
      decoded.push({ field, bytes, cell });
    }
    voter.versions = new Map(cells.map(({ field, bytes }) => [field, checksumOf(bytes)]));
    voter.cells = decoded;
    voter.isPartial = !voter.isPrimary && !this.#isAllOf(voter.versions);
    voter.through = through;
    voter.flushed = flushed;
    voter.state = "merged";
    if (this.#noteCollected(voter, collected)) return;
    for (const cell of decoded) if (!this.#isOutranked(cell, voter)) this.#merge(cell);
  }

  /** Whether these are all cells that were asked for by name; of a range nobody but a primary knows them all. */
  #isAllOf(versions: ReadonlyMap<CellAddress, number>): boolean {
    const { selection } = this.#options;
    if (selection.kind === "range" || !versions.has(undefined)) return false;
    return selection.kind === "root" || selection.fields.every((field) => versions.has(field));
  }

  #onDigests(
    from: NodeId,
    digests: readonly CellVersion[],
    { collected, flushed = NO_STAMP }: Vote,
  ): void {
    const voter = this.#find(from);
    if (voter?.state !== "asked") return;
    voter.versions = new Map(digests.map(({ field, checksum }) => [field, checksum]));
    voter.state = "digest";
    voter.flushed = flushed;
    this.#noteCollected(voter, collected);
  }

  /** A voter that has collected further than those before it may take away what they gave. True if all was merged anew. */
  #noteCollected(voter: Voter, collected: Stamp): boolean {
    voter.collected = collected;
    if (!voter.isPrimary || compareStamps(collected, this.#collected) <= 0) return false;
    this.#collected = collected;
    this.#mergeAnew();
    return true;
  }

  /** Whether some voter has collected past this cell, further than the one who gave it, and does not hold it. */
  #isOutranked({ field, bytes, cell }: MergedCell, by: Voter): boolean {
    if (compareStamps(cell.stamp, this.#collected) > 0) return false;
    if (compareStamps(by.collected, this.#collected) >= 0) return false;
    const checksum = checksumOf(bytes);
    return this.#voters.some(
      (voter) =>
        voter.isPrimary &&
        isVote(voter) &&
        compareStamps(voter.collected, cell.stamp) >= 0 &&
        compareStamps(voter.collected, by.collected) > 0 &&
        voter.versions.get(field) !== checksum,
    );
  }

  #onNoVote(from: NodeId, isDamaged: boolean): void {
    const voter = this.#find(from);
    if (isDamaged) {
      this.#hasDamage = true;
      if (voter !== undefined) voter.isDamaged = true;
    }
    if (voter === undefined || (voter.state !== "asked" && voter.state !== "fetching")) return;
    voter.state = "none";
    // A vote that is withdrawn takes with it what it had done to the others.
    if (compareStamps(voter.collected, NO_STAMP) > 0) this.#recount();
  }

  /** The greatest C, and the merge under it, over the votes there are. */
  #recount(): void {
    this.#collected = NO_STAMP;
    for (const voter of this.#voters) {
      if (voter.isPrimary && isVote(voter)) {
        this.#collected = maxStamp(this.#collected, voter.collected);
      }
    }
    this.#mergeAnew();
  }

  #mergeAnew(): void {
    this.#merged = new Map();
    for (const voter of this.#voters) {
      if (voter.state !== "merged") continue;
      for (const cell of voter.cells) if (!this.#isOutranked(cell, voter)) this.#merge(cell);
    }
  }

  #onAgain(from: NodeId): void {
    const voter = this.#find(from);
    if (voter?.state === "asked" || voter?.state === "fetching") voter.state = "unasked";
  }

  #onRepaired(from: NodeId, isDone: boolean): void {
    const voter = this.#find(from);
    if (voter?.repair === "sent") voter.repair = isDone ? "done" : "no";
  }

  #onTick(nowMs: number, effects: ReadEffect[]): void {
    // The votes are in: asking anybody again would take one back.
    if (this.#isRepairing) return;
    if (nowMs >= this.#nextHedgeMs) {
      this.#nextHedgeMs = nowMs + HEDGE_MS;
      this.#hedge(effects);
    }
    const isSilent = nowMs - this.#options.startMs >= PATIENCE_MS;
    if (isSilent && this.#votes() < this.#need()) this.#askFallbacks(effects);
    if (this.#askAgainMs !== 0 && nowMs >= this.#askAgainMs) {
      this.#askAgainMs = 0;
      for (const voter of this.#voters)
        if (voter.state !== "asked") this.#askFor(voter, "cells", effects);
    }
  }

  /** Asks one more; where nobody has given cells yet, for cells, since whoever was asked for them is late. */
  #hedge(effects: ReadEffect[]): void {
    const isAnyMerged = this.#voters.some(({ state }) => state === "merged");
    for (const voter of this.#voters) {
      if (voter.state !== "unasked" || this.#isDown(voter)) continue;
      this.#askFor(voter, isAnyMerged ? "digest" : "cells", effects);
      return;
    }
    if (isAnyMerged) return;
    const voted = this.#voters.find(({ state }) => state === "digest");
    if (voted !== undefined) this.#askFor(voted, "cells", effects);
  }

  #isDown({ node }: Voter): boolean {
    return node !== this.#options.self && this.#options.reach(node) === "down";
  }

  /** Keeps as many asked as are needed, and has the cells of whoever differs fetched. */
  #askMore(effects: ReadEffect[]): void {
    let hopeful = this.#voters.filter((voter) => voter.isPrimary && isHopeful(voter)).length;
    for (const voter of this.#voters) {
      if (hopeful >= this.#need()) break;
      if (!voter.isPrimary || voter.state !== "unasked") continue;
      if (this.#ask(voter, effects)) hopeful += 1;
    }
    if (hopeful < this.#need()) this.#askFallbacks(effects);
    this.#fetch(effects);
  }

  #ask(voter: Voter, effects: ReadEffect[]): boolean {
    if (this.#isDown(voter)) {
      voter.state = "none";
      return false;
    }
    const isFirst = !this.#voters.some((other) => other.state === "merged" || isGiving(other));
    this.#askFor(voter, isFirst || !voter.isPrimary ? "cells" : "digest", effects);
    return true;
  }

  #askFor(voter: Voter, want: "cells" | "digest", effects: ReadEffect[]): void {
    voter.state = voter.state === "digest" ? "fetching" : "asked";
    // Of a range each has looked at another part: only with the cells at hand can it be cut to what all have seen.
    voter.want = this.#options.selection.kind === "range" ? "cells" : want;
    effects.push({ kind: "ask", to: voter.node, want: voter.want });
  }

  #askFallbacks(effects: ReadEffect[]): void {
    const { self, reach } = this.#options;
    for (const node of this.#plan.fallbacks) {
      if (this.#find(node) !== undefined) continue;
      if (node !== self && reach(node) !== "up") continue;
      const voter = voterFor(node, false);
      this.#voters.push(voter);
      this.#askFor(voter, "cells", effects);
    }
  }

  /** Someone must give the cells; then everybody whose digest differs from what is merged. */
  #fetch(effects: ReadEffect[]): void {
    const isAnyMerged = this.#voters.some(({ state }) => state === "merged");
    if (!isAnyMerged) {
      const first = this.#voters.find(({ state }) => state === "digest");
      if (!this.#voters.some(isGiving) && first !== undefined)
        this.#askFor(first, "cells", effects);
      return;
    }
    for (const voter of this.#voters) {
      if (voter.state !== "digest" || this.#isCurrent(voter)) continue;
      this.#askFor(voter, "cells", effects);
    }
  }

  #judge(nowMs: number, effects: ReadEffect[]): void {
    if (nowMs >= this.#options.deadlineMs) return this.#fail(effects);
    if (this.#isRepairing) return this.#judgeRepair(nowMs, effects);
    const votes = this.#votes();
    if (votes < this.#need()) {
      const isOpen = this.#voters.some(({ state }) => OPEN.has(state));
      const isSilent = nowMs - this.#options.startMs >= SILENCE_MS;
      if (isOpen && !(isSilent && votes > 0 && this.#options.r === undefined)) return;
      if (votes === 0 || this.#options.r !== undefined) return this.#fail(effects);
      // Somebody holds something that cannot be read: too few have said that there is nothing.
      if (this.#isHidden()) return this.#fail(effects);
    }
    // A vote by digest alone has nothing to answer with; `#fetch` has asked for the cells.
    if (!this.#voters.some(({ state }) => state === "merged")) return;
    if (this.#isTooOld()) return this.#askEverybody(nowMs, effects);
    this.#cut();
    this.#repair(effects);
    if (this.#isRepairing) return this.#judgeRepair(nowMs, effects);
    this.#answer(effects);
  }

  /** Nothing is said of what lies beyond where a voter stopped looking: not there, and not whether it lacks something. */
  #cut(): void {
    let through: Field | undefined;
    for (const voter of this.#voters) {
      if (!isVote(voter) || voter.through === undefined) continue;
      if (through === undefined || voter.through < through) through = voter.through;
    }
    if (through === undefined) return;
    this.#through = through;
    const last = through;
    const isWithin = ({ field }: { field: CellAddress }): boolean =>
      field === undefined || field <= last;
    for (const voter of this.#voters) {
      voter.cells = voter.cells.filter(isWithin);
      voter.versions = new Map(
        voter.cells.map(({ field, bytes }) => [field, checksumOf(bytes)] as const),
      );
    }
    this.#mergeAnew();
  }

  /** The newest is not here: everybody is asked, then asked again until the deadline. */
  #askEverybody(nowMs: number, effects: ReadEffect[]): void {
    if (this.#askAgainMs !== 0) return;
    for (const voter of this.#voters) if (voter.state === "unasked") this.#ask(voter, effects);
    this.#askFallbacks(effects);
    this.#askAgainMs = nowMs + ASK_AGAIN_MS;
  }

  /** Sends what is merged to every primary that voted and holds less; with `r`, answers only when W hold it. */
  #repair(effects: ReadEffect[]): void {
    if (this.#merged.size === 0) return;
    const cells = [...this.#merged.values()];
    const collected = this.#readUnder();
    for (const voter of this.#voters) {
      const isStale = isVote(voter) && !this.#isCurrent(voter);
      if (!voter.isPrimary || (!isStale && !voter.isDamaged)) continue;
      effects.push({ kind: "repair", to: voter.node, cells, collected });
      if (!isStale) continue;
      voter.repair = "sent";
      if (this.#options.r !== undefined) this.#isRepairing = true;
    }
  }

  /** The least, over what is merged, of the greatest C of a voter that holds just that. */
  #readUnder(): Stamp {
    let least = this.#collected;
    for (const { field, bytes } of this.#merged.values()) {
      const checksum = checksumOf(bytes);
      let greatest = NO_STAMP;
      for (const { versions, collected } of this.#voters) {
        if (versions.get(field) === checksum) greatest = maxStamp(greatest, collected);
      }
      if (compareStamps(greatest, least) < 0) least = greatest;
    }
    return least;
  }

  #judgeRepair(nowMs: number, effects: ReadEffect[]): void {
    const quorum = majority(this.#plan.primaries.length);
    const voters = this.#voters.filter((voter) => voter.isPrimary && isVote(voter));
    const needed = Math.min(quorum, voters.length);
    const held = voters.filter((voter) => voter.repair === "done" || this.#isCurrent(voter)).length;
    if (held >= needed) return this.#answer(effects);
    const isOpen = voters.some(({ repair }) => repair === "sent");
    if (!isOpen || nowMs >= this.#options.deadlineMs) this.#fail(effects);
  }

  #answer(effects: ReadEffect[]): void {
    this.#isAnswered = true;
    const verdict: ReadVerdict = {
      kind: "read",
      cells: [...this.#merged.values()],
      through: this.#through,
      collected: this.#collected,
      flushed: this.#flushed(),
      quorum: this.#report(),
    };
    effects.push({ kind: "answer", verdict });
  }

  #flushed(): Stamp {
    let flushed = NO_STAMP;
    for (const voter of this.#voters) if (isVote(voter)) flushed = maxStamp(flushed, voter.flushed);
    return flushed;
  }

  #fail(effects: ReadEffect[]): void {
    // Without a demand, an answer of fewer than R is better than none.
    const isAnswerable =
      this.#options.r === undefined && this.#votes() > 0 && !this.#isTooOld() && !this.#isHidden();
    if (isAnswerable && this.#voters.some(({ state }) => state === "merged")) {
      this.#cut();
      return this.#answer(effects);
    }
    this.#isAnswered = true;
    const isOpen = this.#voters.some(({ state, repair }) =>
      this.#isRepairing ? repair === "sent" : state === "asked" || state === "fetching",
    );
    let code: ReadFailureCode = "quorum-unreachable";
    if (this.#isTooLarge) code = "too-large";
    else if (this.#isTooOld()) code = "too-new";
    else if (isOpen) code = "timed-out";
    else if (this.#hasDamage) code = "damaged";
    const newest = this.#newest();
    effects.push({
      kind: "answer",
      verdict: { kind: "failed", code, newest, quorum: this.#report() },
    });
  }

  /** Too few have said that there is nothing, or less, and somebody holds, or held, what nobody can read. */
  #isHidden(): boolean {
    if (this.#isTooLarge) return true;
    return (this.#hasDamage || this.#hasVoteless) && this.#merged.size === 0;
  }

  #need(): number {
    return this.#options.r ?? majority(this.#plan.primaries.length);
  }

  /** Without `r`, a fallback that holds a cell speaks for a primary; with it, only primaries count. */
  #votes(): number {
    const { r } = this.#options;
    return this.#voters.filter((voter) => isVote(voter) && (voter.isPrimary || r === undefined))
      .length;
  }

  #report(): QuorumReport {
    const votes = this.#voters.filter(isVote);
    const acks = votes.filter(({ isPrimary }) => isPrimary).length;
    return { acks, of: this.#plan.primaries.length, hinted: votes.length - acks };
  }

  #merge(incoming: MergedCell): void {
    const { field } = incoming;
    const held = this.#merged.get(field);
    if (held === undefined) {
      this.#merged.set(field, incoming);
      return;
    }
    const cell = mergeCells(held.cell, incoming.cell);
    if (cell === held.cell) return;
    const bytes =
      cell === incoming.cell ? incoming.bytes : encodeCell(cell, this.#options.key, field);
    this.#merged.set(field, { field, cell, bytes });
  }

  /** Whether a voter holds exactly what is merged. */
  #isCurrent(voter: Voter): boolean {
    if (voter.versions.size !== this.#merged.size) return false;
    for (const { field, bytes } of this.#merged.values()) {
      if (voter.versions.get(field) !== checksumOf(bytes)) return false;
    }
    return true;
  }

  #isTooOld(): boolean {
    const { after } = this.#options;
    // Who has collected past it knows what became of it.
    const newest = maxStamp(maxStamp(this.#newest(), this.#collected), this.#flushed());
    return after !== undefined && compareStamps(newest, after) < 0;
  }

  #newest(): Stamp {
    let newest = NO_STAMP;
    for (const { cell } of this.#merged.values()) {
      newest = maxStamp(newest, cell.stamp);
      if (isRootCell(cell)) newest = maxStamp(newest, cell.cleared);
    }
    return newest;
  }

  #find(node: NodeId): Voter | undefined {
    return this.#voters.find((voter) => voter.node === node);
  }
}

function voterFor(node: NodeId, isPrimary: boolean): Voter {
  return {
    node,
    isPrimary,
    state: "unasked",
    want: "digest",
    isDamaged: false,
    isPartial: false,
    versions: new Map(),
    cells: [],
    through: undefined,
    collected: NO_STAMP,
    flushed: NO_STAMP,
    repair: "no",
  };
}

/** Has been asked for its cells. */
function isGiving({ state, want }: Voter): boolean {
  return want === "cells" && (state === "asked" || state === "fetching");
}

const OPEN: ReadonlySet<VoterState> = new Set<VoterState>(["unasked", "asked", "fetching"]);

/** Whoever differs votes again once its cells are merged. */
function isVote({ state, isPartial }: Voter): boolean {
  return !isPartial && (state === "digest" || state === "merged");
}

/** Has voted, or may still. */
function isHopeful(voter: Voter): boolean {
  return voter.state === "asked" || voter.state === "fetching" || isVote(voter);
}
