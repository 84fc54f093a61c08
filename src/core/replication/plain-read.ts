/**
 * The short way of a read of a root: this node holds it, the others who are asked say that they hold the same, and nothing else happens.
 *
 * Invariant: as long as it says so, a `ReadCoordinator` that was told the same would have asked the same, and answered the same.
 * Whatever else happens goes to one that takes over (`handOver`), and that is told it first.
 */
import type { NodeId } from "../../model/ids.ts";
import { compareStamps, maxStamp, NO_STAMP, type Stamp } from "../../model/stamp.ts";
import { checksumOf } from "../causality/cell-codec.ts";
import { majority, type Reach } from "./quorum.ts";
import {
  type CellVersion,
  HEDGE_MS,
  type MergedCell,
  ReadCoordinator,
  type ReadOptions,
  type ReadVerdict,
} from "./read-coordinator.ts";

/** A root as this node itself holds it, durably: one cell, or none where there is nothing. */
export interface OwnRoot {
  readonly cells: readonly MergedCell[];
  readonly collected: Stamp;
  readonly flushed: Stamp;
}

/** What another replica says that it holds. */
interface SaidVote {
  readonly digests: readonly CellVersion[];
  readonly collected: Stamp;
  readonly flushed?: Stamp;
}

interface OtherVote extends SaidVote {
  readonly from: NodeId;
}

export class PlainRead {
  readonly #options: ReadOptions;
  readonly #own: OwnRoot;
  /** Of the primaries in their order, when it began. */
  readonly #reaches: readonly Reach[];
  readonly #need: number;
  #votes: readonly OtherVote[] = NO_VOTES;
  #flushed: Stamp;

  /** `undefined` for a read that needs more than this from the beginning. Then `asked` are to be asked for their digests. */
  static begin(options: ReadOptions, own: OwnRoot): PlainRead | undefined {
    const { plan, r, self, selection, after, reach } = options;
    const { primaries } = plan;
    const need = r ?? majority(primaries.length);
    if (selection.kind !== "root" || after !== undefined || need > primaries.length) {
      return undefined;
    }
    if (need < 2 || !primaries.includes(self)) return undefined;
    const reaches: Reach[] = [];
    for (const node of primaries) {
      const reached = node === self ? "up" : reach(node);
      if (reached !== "up" && reached !== "slow") return undefined;
      reaches.push(reached);
    }
    return new PlainRead(options, own, need, reaches);
  }

  private constructor(options: ReadOptions, own: OwnRoot, need: number, reaches: readonly Reach[]) {
    this.#options = options;
    this.#own = own;
    this.#need = need;
    this.#reaches = reaches;
    this.#flushed = own.flushed;
  }

  /** Those whose word is needed beside this node's: the quick ones first, in the order of the plan. */
  asked(): NodeId[] {
    const { plan, self } = this.#options;
    const asked: NodeId[] = [];
    for (const wanted of ["up", "slow"] as const) {
      for (let index = 0; index < plan.primaries.length; index += 1) {
        if (asked.length === this.#need - 1) return asked;
        const node = plan.primaries[index] as NodeId;
        if (node !== self && this.#reaches[index] === wanted) asked.push(node);
      }
    }
    return asked;
  }

  /** One who was asked says what it holds. The verdict; `waits` for others; `over`: it was not taken in. */
  onDigests(from: NodeId, vote: SaidVote, nowMs: number): ReadVerdict | "waits" | "over" {
    const isNew = this.#votes.every((other) => other.from !== from);
    if (!isNew || !this.isUndisturbed(nowMs) || !this.#isSame(vote)) return "over";
    this.#flushed = maxStamp(this.#flushed, vote.flushed ?? NO_STAMP);
    const acks = this.#votes.length + 2;
    if (acks < this.#need) {
      this.#votes = [...this.#votes, { from, ...vote }];
      return "waits";
    }
    const { cells, collected } = this.#own;
    const quorum = { acks, of: this.#options.plan.primaries.length, hinted: 0 };
    return { kind: "read", cells, through: undefined, collected, flushed: this.#flushed, quorum };
  }

  /** Whether time has changed nothing yet. */
  isUndisturbed(nowMs: number): boolean {
    const { startMs, deadlineMs } = this.#options;
    return nowMs < startMs + HEDGE_MS && nowMs < deadlineMs;
  }

  /** One that has seen, and done, all that this one has. */
  handOver(): ReadCoordinator {
    const { plan, startMs, reach, self } = this.#options;
    let isReplaying = true;
    const coordinator = new ReadCoordinator({
      ...this.#options,
      reach: (node) =>
        isReplaying ? (this.#reaches[plan.primaries.indexOf(node)] as Reach) : reach(node),
    });
    // What it wants done is done already.
    coordinator.step({ kind: "started" }, startMs);
    const { cells, collected, flushed } = this.#own;
    const own = { cells, through: undefined, collected, flushed };
    coordinator.step({ kind: "cells", from: self, ...own }, startMs);
    // A vote may be a whole reply, of a kind of its own.
    for (const vote of this.#votes) coordinator.step({ ...vote, kind: "digests" }, startMs);
    isReplaying = false;
    return coordinator;
  }

  #isSame({ digests, collected }: SaidVote): boolean {
    const { cells } = this.#own;
    if (digests.length !== cells.length || compareStamps(collected, this.#own.collected) !== 0) {
      return false;
    }
    const [cell] = cells;
    const [digest] = digests;
    if (cell === undefined || digest === undefined) return true;
    return digest.field === undefined && digest.checksum === checksumOf(cell.bytes);
  }
}

const NO_VOTES: readonly OtherVote[] = [];
