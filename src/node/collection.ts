/**
 * What a node keeps, and does, so that what was deleted can be forgotten and never returns: slot states, its mark, its votes,
 * what it has heard of others' commits; and over them the collector, and what amnesia asks for.
 *
 * Invariant: in two steps, because coordinators and replicas need the first part, and the second needs them.
 */
import { parseSlotStateKey } from "../core/causality/storage-key.ts";
import type { Placement } from "../core/placement/placement.ts";
import type { NodeId } from "../model/ids.ts";
import type { Slot } from "../model/slot.ts";
import type { Stamp } from "../model/stamp.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Storage, StorageKey } from "../ports/storage.ts";
import { Amnesia } from "./amnesia.ts";
import type { CellStore } from "./cell-store.ts";
import { Collector } from "./collector.ts";
import { CommitNumbers } from "./commit-numbers.ts";
import type { Convergence } from "./convergence.ts";
import type { Counters } from "./counters.ts";
import type { GroupCommit } from "./group-commit.ts";
import { LowWaterMark } from "./low-water-mark.ts";
import type { OwnCommits } from "./own-commits.ts";
import type { Pace } from "./pace.ts";
import type { Requests } from "./requests.ts";
import type { ExchangePorts } from "./slot-exchange.ts";
import { SlotStates } from "./slot-states.ts";
import type { CollectionStatus } from "./store.ts";
import { Votes } from "./votes.ts";

export interface CollectionOptions {
  readonly self: NodeId;
  readonly storage: Storage;
  readonly commit: GroupCommit;
  readonly cells: CellStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly placement: () => Placement;
  readonly graceMs: () => number;
  /** Random: where the generations of this boot begin. */
  readonly generation: number;
  readonly pace: Readonly<Pace>;
  readonly ownCommits: OwnCommits;
}

export class Collection {
  readonly states: SlotStates;
  readonly votes: Votes;
  readonly commitNumbers: CommitNumbers;
  readonly #options: CollectionOptions;
  readonly #mark: LowWaterMark;
  #requests: Requests | undefined;
  #convergence: Convergence | undefined;
  #collector: Collector | undefined;
  #amnesia: Amnesia | undefined;

  /** Throws `StorageError` when the disk cannot be read. */
  constructor(options: CollectionOptions) {
    const { commit, storage, cells, clock, graceMs } = options;
    this.#options = options;
    this.states = new SlotStates({
      commit,
      onNamed: (slot, named) => cells.hashes.setCollected(slot, named),
    });
    cells.follow(this.states);
    this.votes = new Votes({ commit, storage });
    this.commitNumbers = new CommitNumbers({ commit, storage });
    this.#mark = new LowWaterMark({
      storage,
      commit,
      wallMs: () => clock.wallMs(),
      graceMs,
      leastStampInFlight: () => this.#requests?.leastStampInFlight(),
      hasForeignCells: () =>
        cells.isBuilt ? (this.#convergence?.foreign().length ?? 0) > 0 : undefined,
    });
  }

  /** What this node has promised to send, keep and take nothing at or below. */
  get mark(): Stamp {
    return this.#mark.mark;
  }

  /** A peer has promised this: see `LowWaterMark.raise`. */
  onMark(mark: Stamp): void {
    this.#mark.raise(mark);
  }

  /** The second step. */
  connect(parts: {
    readonly ports: ExchangePorts;
    readonly requests: Requests;
    readonly convergence: Convergence;
  }): Collector {
    const { self, storage, commit, cells, clock, log, counters, placement } = this.#options;
    const { states, votes, commitNumbers } = this;
    const { convergence } = parts;
    const { dueTimes } = cells;
    this.#requests = parts.requests;
    this.#convergence = convergence;
    const collector = new Collector({
      ports: parts.ports,
      drops: { storage, commit, cells, states, dueTimes, counters },
      self,
      clock,
      mark: this.#mark,
      dueTimes,
      placement,
      graceMs: this.#options.graceMs,
      generation: this.#options.generation,
      pace: this.#options.pace,
      hasVote: (slot) => votes.has(slot),
      compare: (peer, slots, done) => convergence.compareAndExchange(peer, slots, done),
    });
    this.#collector = collector;
    this.#amnesia = new Amnesia({
      self,
      clock,
      log,
      counters,
      votes,
      commitNumbers,
      convergence,
      collector,
      placement,
      ownCommits: this.#options.ownCommits,
    });
    return collector;
  }

  start(): void {
    this.#collector?.start();
    this.#amnesia?.start();
  }

  close(): void {
    this.#collector?.close();
    this.#amnesia?.close();
  }

  status(): CollectionStatus {
    const { hold } = this.#collector ?? {};
    const slotsDue = this.#collector?.due().length ?? 0;
    return { slotsDue, reason: slotsDue === 0 ? undefined : hold?.reason, heldBy: hold?.by };
  }

  onPlacement(): void {
    this.#collector?.onPlacement();
  }

  /** A commit failed that carried these keys. */
  onCommitFailed(keys: readonly StorageKey[]): void {
    for (const key of keys) {
      const slot = parseSlotStateKey(key);
      if (slot !== undefined) this.states.takeBack(slot);
    }
    this.votes.noteFailed(keys);
    this.commitNumbers.noteUnstored();
    this.#collector?.renew();
  }

  /** What stood in the slot is not known here any more: no authority, and no part in rounds under way. */
  onDamaged(slot: Slot): void {
    this.states.reset(slot);
    this.#collector?.renew();
  }

  /** A peer has heard of this commit of ours. */
  onRemembered(remembered: number): void {
    this.#amnesia?.onRemembered(remembered);
  }
}
