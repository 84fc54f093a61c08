/**
 * What a node does that has lost commits: a peer has heard of a greater commit of its than its directory holds, because an
 * old disk was put back, or the end of a log was lost. What it holds is a past, and mostly still true.
 *
 * Invariant: from the moment it is known, no slot of this node has a vote in reads, until it has been compared, since then,
 * with N−W+1 of the slot's other primaries that have one, or with all of them. What it had collected stays collected: up to
 * its C that past was complete, and what is gone for good does not come back with an earlier past of another node.
 * Source: docs/ARCHITECTURE.md, "Amnesia"; decision 0011.
 */
import type { Placement } from "../core/placement/placement.ts";
import { blockingCount } from "../core/replication/quorum.ts";
import type { NodeId } from "../model/ids.ts";
import type { Slot } from "../model/slot.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Collector } from "./collector.ts";
import { type CommitNumbers, STORE_HEARD_MS } from "./commit-numbers.ts";
import type { Convergence } from "./convergence.ts";
import type { Counters } from "./counters.ts";
import type { OwnCommits } from "./own-commits.ts";
import type { Votes } from "./votes.ts";

export interface AmnesiaOptions {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly votes: Votes;
  readonly commitNumbers: CommitNumbers;
  readonly convergence: Convergence;
  readonly collector: Collector;
  readonly placement: () => Placement;
  readonly ownCommits: OwnCommits;
}

export class Amnesia {
  readonly #options: AmnesiaOptions;
  #isClosed = false;
  /** The greatest number that was remembered and not held: it is known, also before the next commit passes it. */
  #known = 0;

  constructor(options: AmnesiaOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.clock.after(STORE_HEARD_MS, () => {
      if (this.#isClosed) return;
      const { commitNumbers, placement, votes } = this.#options;
      const members = placement().memberIds;
      commitNumbers.store((node) => members.includes(node));
      votes.giveBack((slot) => this.#isMended(slot));
      this.start();
    });
  }

  close(): void {
    this.#isClosed = true;
  }

  /** A peer has heard of this commit of ours. */
  onRemembered(remembered: number): void {
    const { ownCommits, votes, collector, convergence, counters, log } = this.#options;
    if (remembered <= this.#known || !ownCommits.hasLost(remembered)) return;
    this.#known = remembered;
    log.log("warn", "commits-lost", { remembered, held: ownCommits.durable });
    counters.add("amnesia-found");
    // In one commit with the votes that are lost: a restart between would take the number for its own.
    ownCommits.skipTo(remembered);
    votes.loseAll();
    collector.renew();
    convergence.distrust();
  }

  #isMended(slot: Slot): boolean {
    const { placement, self, convergence } = this.#options;
    const primaries = placement().primaries(slot);
    const others = primaries.filter((node) => node !== self);
    const equal = others.filter((node) => convergence.isEqualTo(node));
    // Others that have lost commits themselves count only where all are asked: what none of them holds is lost.
    if (equal.length === others.length) return true;
    const heard = equal.filter((node) => convergence.hasVote(node)).length;
    return heard >= blockingCount(primaries.length);
  }
}
