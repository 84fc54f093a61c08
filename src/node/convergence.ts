/**
 * Keeps replicas equal: delivers what absent primaries missed when they answer again, compares with each
 * other member all the time, hands foreign cells over, and fills a joining node.
 *
 * Invariant: a node declares itself active only after it completed, under the present epoch, an exchange of each of
 * its slots with so many of today's primaries that it holds every write acknowledged before they knew of it.
 * Source: DeCandia et al., "Dynamo" (2007), sections 4.6 and 4.7.
 */
import { assert } from "../base/assert.ts";
import { GROUP_COUNT, SLOTS_PER_GROUP } from "../core/anti-entropy/hash-tree.ts";
import type { Placement } from "../core/placement/placement.ts";
import type { DirtyMaps } from "../core/replication/dirty-maps.ts";
import { blockingCount } from "../core/replication/quorum.ts";
import type { Epoch, NodeId } from "../model/ids.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { Slot } from "../model/slot.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import { Handovers } from "./handovers.ts";
import type { Pace } from "./pace.ts";
import { askPeer, type ExchangePorts, SlotExchange, type SlotOutcome } from "./slot-exchange.ts";

const TICK_MS = 100;
/** Two members compare about this often in a quiet cluster: some hundred bytes each time. */
const COMPARE_MS = 5_000;
/** A node that joins, or met a difference, compares again this soon. */
const COMPARE_SOON_MS = 300;
/** After a change of the members those who neither come nor go compare within this, not all at once. */
const COMPARE_SPREAD_MS = 2_000;
/** A peer that cannot compare, as while it builds its hashes, is asked ever more seldom, down to this. */
const REFUSED_MS_MAX = 3_200;
/** Slots that differ are looked at again after this long: longer than a write takes to reach everybody. */
const CONFIRM_MS = 250;
/** Exchanges at once with one peer, and slots in each. */
const BATCHES_MAX = 3;
const BATCH_SLOTS_MAX = 256;
/** A peer that fills up is looked at again only after this long. */
const FILLING_MS = 2_000;
/** A peer that fills up gets on while, from one look to the next, no more than this of what differed still does. */
const FILLING_SHARE_MAX = 0.98;

export interface ConvergenceOptions {
  readonly ports: ExchangePorts;
  readonly self: NodeId;
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: Storage;
  readonly dirtyMaps: DirtyMaps;
  readonly placement: () => Placement;
  /** Puts a changed dirty map into the forming commit. */
  readonly storeDirtyMap: (target: NodeId) => void;
  readonly pace: Readonly<Pace>;
  /** This node holds all its slots. Called again until the placement says so. */
  readonly onFilled: () => void;
}

interface PeerProgress {
  readonly peer: NodeId;
  /** Slots found to differ, waiting for their exchange. */
  readonly differing: Set<Slot>;
  /** Slots under exchange, and in how many batches. */
  running: number;
  batches: number;
  /** Slots of the next batch. */
  batchSlots: number;
  /** Where the search for dirty slots goes on. */
  dirtyFrom: number;
  isComparing: boolean;
  compareMs: number;
  /** Epoch under which everything found by the last comparison was exchanged. */
  completeUnder: Epoch | undefined;
  comparedUnder: Epoch | undefined;
  /** Whether that has been so under any epoch, since the start or since this node lost what it held. */
  hasMet: boolean;
  /** Epoch under which a comparison was begun, or has its time: the first under a new one does not wait for long. */
  triedUnder: Epoch | undefined;
  hasFailed: boolean;
  /** The peer has lost commits, and is not mended. */
  isVoteless: boolean;
  /** Batches that failed. */
  failures: number;
  /** How soon a peer that could not compare is asked again. */
  refusedMs: number;
}

export class Convergence {
  readonly #options: ConvergenceOptions;
  readonly #peers = new Map<NodeId, PeerProgress>();
  readonly #handovers: Handovers;
  /** Slots under exchange with any peer, and with how many. */
  readonly #busy = new Map<Slot, number>();
  #filledUnder: Epoch | undefined;
  #pendingUnder: { readonly placement: Placement; readonly slots: readonly Slot[] } | undefined;
  #isClosed = false;

  constructor(options: ConvergenceOptions) {
    this.#options = options;
    this.#handovers = new Handovers(options);
  }

  start(): void {
    this.#options.ports.cells.ensureBuilding();
    this.#tickLater();
  }

  close(): void {
    this.#isClosed = true;
    this.#handovers.close();
  }

  /** Slots with cells that belong to others, as last counted. */
  get foreignSlots(): number {
    return this.#handovers.foreignSlots;
  }

  /** Slots under exchange. */
  get running(): number {
    let running = 0;
    for (const progress of this.#peers.values()) running += progress.running;
    return running;
  }

  /** Slots found to differ from another member's and not yet exchanged with it, summed over members. */
  get slotsToExchange(): number {
    let slots = 0;
    for (const { differing, running } of this.#peers.values()) slots += differing.size + running;
    return slots;
  }

  /** Whether this node holds, under the present placement, all that it is to hold. */
  get isFilled(): boolean {
    return this.#filledUnder === this.#options.placement().epoch;
  }

  /** Whether everything found to differ from `peer` under the present placement was exchanged. */
  isEqualTo(peer: NodeId): boolean {
    return this.#peers.get(peer)?.completeUnder === this.#options.placement().epoch;
  }

  /** Whether everything found to differ from `peer` was exchanged once since this start. */
  hasMet(peer: NodeId): boolean {
    return this.#peers.get(peer)?.hasMet === true;
  }

  /** Whether a peer's word counts, as it said when it was last compared with. */
  hasVote(peer: NodeId): boolean {
    return this.#peers.get(peer)?.isVoteless !== true;
  }

  /** What was compared before now says nothing any more: this node has lost what it held then. */
  distrust(): void {
    for (const progress of this.#peers.values()) {
      progress.completeUnder = undefined;
      progress.comparedUnder = undefined;
      progress.hasMet = false;
      progress.compareMs = 0;
      // A comparison under way began with what is lost.
      progress.hasFailed = true;
    }
  }

  /**
   * Makes sure that this node and a peer hold the same of these slots, as far as either held it at the call: compares
   * their hashes, C included, and exchanges those that differ. `done` is told once, with an outcome for each slot:
   * complete, when everything this node and the peer held of it at the call is durable on both, and the least stamp
   * that changed something here by it. A peer that cannot be reached leaves all of them incomplete.
   */
  compareAndExchange(
    peer: NodeId,
    slots: readonly Slot[],
    done: (outcomes: ReadonlyMap<Slot, SlotOutcome>) => void,
  ): void {
    const all = new Map<Slot, SlotOutcome>();
    const next = (first: number): void => {
      const some = slots.slice(first, first + BATCH_SLOTS_MAX);
      if (some.length === 0) return done(all);
      this.#startExchange(peer, some, (outcomes) => {
        for (const [slot, outcome] of outcomes) all.set(slot, outcome);
        next(first + BATCH_SLOTS_MAX);
      });
    };
    next(0);
  }

  #tickLater(): void {
    const { clock, pace } = this.#options;
    clock.after(TICK_MS * pace.repairs, () => {
      if (this.#isClosed) return;
      this.#tick();
      this.#tickLater();
    });
  }

  #tick(): void {
    const { ports, self, placement } = this.#options;
    ports.cells.ensureBuilding();
    if (!ports.cells.isBuilt) return;
    const members = placement().memberIds;
    for (const peer of this.#peers.keys()) if (!members.includes(peer)) this.#peers.delete(peer);
    for (const target of this.#options.dirtyMaps.targets()) {
      if (members.includes(target)) continue;
      this.#options.dirtyMaps.drop(target);
      this.#options.storeDirtyMap(target);
    }
    for (const peer of members) if (peer !== self) this.#work(this.#progress(peer));
    this.#handovers.tick();
    if (members.includes(self)) this.#judgeFilled();
  }

  #progress(peer: NodeId): PeerProgress {
    let progress = this.#peers.get(peer);
    if (progress === undefined) {
      progress = {
        peer,
        differing: new Set(),
        running: 0,
        batches: 0,
        batchSlots: BATCH_SLOTS_MAX,
        dirtyFrom: 0,
        isComparing: false,
        compareMs: 0,
        completeUnder: undefined,
        comparedUnder: undefined,
        hasMet: false,
        triedUnder: undefined,
        hasFailed: false,
        isVoteless: false,
        failures: 0,
        refusedMs: TICK_MS,
      };
      this.#peers.set(peer, progress);
    }
    return progress;
  }

  #work(progress: PeerProgress): void {
    const { ports, clock, random, placement } = this.#options;
    const reach = ports.peers.reach(progress.peer);
    if (reach !== "up" && reach !== "slow") return;
    this.#exchangeMore(progress);
    const nowMs = clock.monotonicMs();
    const isIdle = progress.running === 0 && progress.differing.size === 0 && !progress.isComparing;
    if (!isIdle) return;
    const { epoch } = placement();
    if (progress.triedUnder !== epoch) {
      progress.triedUnder = epoch;
      const spreadMs = this.#isUnmoved() ? random.below(COMPARE_SPREAD_MS) : 0;
      progress.compareMs = Math.min(progress.compareMs, nowMs + spreadMs);
    }
    if (nowMs >= progress.compareMs) this.#compare(progress);
  }

  /** Whether this node holds under the present placement what it held, and is to go on holding it. */
  #isUnmoved(): boolean {
    const { placement, self } = this.#options;
    const now = placement();
    return now.isSettled || (now.isStaying(self) && this.#pendingSlots(now).length === 0);
  }

  #exchangeMore(progress: PeerProgress): void {
    while (progress.batches < BATCHES_MAX && !this.#isClosed) {
      const dirty = this.#takeDirty(progress);
      const slots = [...dirty.keys(), ...this.#takeDiffering(progress, dirty)];
      if (slots.length === 0) return;
      const { failures } = progress;
      this.#exchange(progress, slots, dirty);
      // A peer that is gone refuses within the call, and the slots are as dirty as before: they wait for the next tick.
      if (progress.failures !== failures) return;
    }
  }

  /** Dirty slots first: they are known to be lacking. With each the number of its exchange. */
  #takeDirty(progress: PeerProgress): Map<Slot, number> {
    const { dirtyMaps, placement, storeDirtyMap } = this.#options;
    const { peer } = progress;
    const now = placement();
    const dirty = new Map<Slot, number>();
    let isChanged = false;
    while (dirty.size < progress.batchSlots) {
      const slot = dirtyMaps.next(peer, progress.dirtyFrom) ?? dirtyMaps.next(peer, 0);
      if (slot === undefined) break;
      // One that fails again and again does not hold up those behind it.
      progress.dirtyFrom = slot + 1;
      const number = dirtyMaps.begin(peer, slot);
      if (now.isHolder(slot, peer)) dirty.set(slot, number);
      // The slot has moved on without that peer: there is nothing left to deliver.
      else if (dirtyMaps.end(peer, slot, number, true)) isChanged = true;
    }
    if (isChanged) storeDirtyMap(peer);
    return dirty;
  }

  /** Slots under exchange with another peer wait: what it brings need not come twice. */
  #takeDiffering(progress: PeerProgress, dirty: ReadonlyMap<Slot, number>): Slot[] {
    const { placement } = this.#options;
    const now = placement();
    const taken: Slot[] = [];
    for (const slot of progress.differing) {
      if (dirty.size + taken.length >= progress.batchSlots) break;
      if (dirty.has(slot) || !now.isHolder(slot, progress.peer)) progress.differing.delete(slot);
      else if (!this.#busy.has(slot)) {
        progress.differing.delete(slot);
        taken.push(slot);
      }
    }
    return taken;
  }

  #exchange(
    progress: PeerProgress,
    slots: readonly Slot[],
    dirty: ReadonlyMap<Slot, number>,
  ): void {
    const { dirtyMaps, ports, storeDirtyMap } = this.#options;
    const { peer } = progress;
    progress.batches += 1;
    progress.running += slots.length;
    for (const slot of slots) this.#busy.set(slot, (this.#busy.get(slot) ?? 0) + 1);
    ports.counters.add("exchanges", slots.length);
    const startMs = ports.monotonicMs();
    this.#startExchange(peer, slots, (outcomes) => {
      ports.counters.durations.stages.exchange.add(ports.monotonicMs() - startMs);
      progress.batches -= 1;
      progress.running -= slots.length;
      let isDirtyChanged = false;
      let isComplete = true;
      for (const slot of slots) {
        const users = (this.#busy.get(slot) ?? 1) - 1;
        if (users === 0) this.#busy.delete(slot);
        else this.#busy.set(slot, users);
        const isDone = outcomes.get(slot)?.isComplete === true;
        if (!isDone) isComplete = false;
        const number = dirty.get(slot);
        if (number !== undefined && dirtyMaps.end(peer, slot, number, isDone))
          isDirtyChanged = true;
      }
      if (isDirtyChanged) storeDirtyMap(peer);
      // A slot that fails takes its batch with it: smaller ones find it out.
      const batchSlots = isComplete ? progress.batchSlots * 2 : Math.floor(progress.batchSlots / 2);
      progress.batchSlots = Math.max(1, Math.min(BATCH_SLOTS_MAX, batchSlots));
      if (!isComplete) {
        progress.hasFailed = true;
        progress.failures += 1;
      }
      if (isComplete && !this.#isClosed) this.#exchangeMore(progress);
      this.#noteProgress(progress);
    });
  }

  #startExchange(
    peer: NodeId,
    slots: readonly Slot[],
    done: (outcomes: ReadonlyMap<Slot, SlotOutcome>) => void,
  ): void {
    const { ports, placement, self } = this.#options;
    const now = placement();
    const exchange = new SlotExchange({
      ports,
      peer,
      slots: slots.toSorted((a, b) => a - b),
      isPulling: (slot) => now.isHolder(slot, self),
      done,
    });
    exchange.start();
  }

  #compare(progress: PeerProgress): void {
    const { ports, clock, random, placement } = this.#options;
    const { epoch } = placement();
    progress.isComparing = true;
    progress.hasFailed = false;
    progress.compareMs = clock.monotonicMs() + COMPARE_MS + random.below(COMPARE_MS);
    this.#compareLevel(progress, "root", (isOk) => {
      progress.isComparing = false;
      if (isOk && placement().epoch === epoch) {
        progress.comparedUnder = epoch;
        progress.refusedMs = TICK_MS;
      } else {
        progress.compareMs = clock.monotonicMs() + progress.refusedMs;
        progress.refusedMs = Math.min(2 * progress.refusedMs, REFUSED_MS_MAX);
      }
      if (progress.differing.size > 0)
        ports.counters.add("slots-differing", progress.differing.size);
      this.#noteProgress(progress);
    });
  }

  /** First the root, eight bytes that are mostly equal; then the groups, then the slots of those that differ. */
  #compareLevel(
    progress: PeerProgress,
    level: "root" | "groups",
    done: (isOk: boolean) => void,
  ): void {
    const { ports } = this.#options;
    const { peer } = progress;
    const { hashes: tree } = ports.cells;
    const isShared = ports.counterpart.sharedWith(peer);
    const hashes = level === "root" ? tree.root(isShared) : tree.groups(isShared);
    ports.commit.whenDurable((error) => {
      if (error !== undefined) return done(false);
      askPeer(ports, peer, { kind: "compare", level, hashes }, "compare-reply", (reply) => {
        if (reply === undefined) return done(false);
        progress.isVoteless = reply.isVoteless;
        if (reply.differing.length === 0) {
          ports.counters.add("comparisons-equal");
          return done(true);
        }
        if (level === "root") return this.#compareLevel(progress, "groups", done);
        const slots: Slot[] = [];
        for (const group of reply.differing.filter((one) => one < GROUP_COUNT)) {
          for (let offset = 0; offset < SLOTS_PER_GROUP; offset += 1) {
            const slot = (group * SLOTS_PER_GROUP + offset) as Slot;
            if (isShared(slot)) slots.push(slot);
          }
        }
        this.#compareSlots(progress, slots, (first) => {
          if (first === undefined || first.length === 0) return done(first !== undefined);
          this.#confirm(progress, first, done);
        });
      });
    });
  }

  /**
   * Under load slots differ by what is on its way: only those that differ twice are worth an exchange. A peer that fills
   * up by itself is left to it as long as it gets on: both sides at the same slots would move everything twice.
   */
  #confirm(progress: PeerProgress, first: readonly Slot[], done: (isOk: boolean) => void): void {
    const { clock, placement, self } = this.#options;
    const now = placement();
    const isFilling = first.some(
      (slot) => now.isPending(slot, progress.peer) && now.isPrimary(slot, self),
    );
    clock.after(isFilling ? FILLING_MS : CONFIRM_MS, () => {
      if (this.#isClosed || placement().epoch !== now.epoch) return done(false);
      this.#compareSlots(progress, first, (second) => {
        if (second === undefined || placement().epoch !== now.epoch) return done(false);
        if (isFilling && second.length <= first.length * FILLING_SHARE_MAX) {
          return this.#confirm(progress, second, done);
        }
        for (const slot of this.#inTurn(progress.peer, second)) progress.differing.add(slot);
        done(true);
      });
    });
  }

  /** Begins with each peer somewhere else: a node that lost everything takes a part from each. */
  #inTurn(peer: NodeId, slots: readonly Slot[]): Slot[] {
    const { memberIds } = this.#options.placement();
    const from = Math.floor((memberIds.indexOf(peer) * SLOT_COUNT) / memberIds.length);
    return [...slots.filter((slot) => slot >= from), ...slots.filter((slot) => slot < from)];
  }

  /** Which of these slots, in ascending order, differ from the peer's; `undefined` if it does not say. */
  #compareSlots(
    progress: PeerProgress,
    slots: readonly Slot[],
    done: (differing: readonly Slot[] | undefined) => void,
  ): void {
    const { ports } = this.#options;
    if (!ports.cells.isBuilt) return done(undefined);
    const hashes = ports.cells.hashes.slots(slots);
    ports.commit.whenDurable((error) => {
      if (error !== undefined) return done(undefined);
      const message = { kind: "slot-compare", slots, hashes } as const;
      askPeer(ports, progress.peer, message, "compare-reply", (reply) => {
        if (reply === undefined) return done(undefined);
        const differing = new Set(reply.differing);
        done(slots.filter((slot) => differing.has(slot)));
      });
    });
  }

  /** Notes when everything the last comparison found has been exchanged. */
  #noteProgress(progress: PeerProgress): void {
    if (progress.isComparing || progress.running > 0 || progress.differing.size > 0) return;
    if (!progress.hasFailed) {
      progress.completeUnder = progress.comparedUnder;
      progress.hasMet ||= progress.comparedUnder !== undefined;
    } else {
      progress.comparedUnder = undefined;
      progress.compareMs = this.#options.clock.monotonicMs() + COMPARE_SOON_MS;
    }
  }

  /** Whether this node, pending in some slots, has what it takes to be a primary of all of them. */
  #judgeFilled(): void {
    const { placement, self, onFilled } = this.#options;
    const now = placement();
    if (now.isSettled) {
      this.#filledUnder = now.epoch;
      return;
    }
    const pending = this.#pendingSlots(now);
    for (const slot of pending) {
      const primaries = now.primaries(slot);
      if (primaries.length === 0) return;
      const lacking = primaries.filter((peer) => !this.isEqualTo(peer));
      const heard = primaries.filter((peer) => this.isEqualTo(peer) && this.hasVote(peer));
      const isEnough = lacking.length === 0 || heard.length >= blockingCount(primaries.length);
      // Where so many are removed that the rest is fewer, the rest is all there is.
      if (!isEnough && !lacking.every((peer) => now.removingIds.includes(peer))) return;
    }
    assert(now.memberIds.includes(self), "a node that fills up is a member");
    this.#filledUnder = now.epoch;
    if (pending.length > 0) onFilled();
  }

  /** Looked for once a placement, not at each tick: there are many slots, and while members change, many ticks. */
  #pendingSlots(now: Placement): readonly Slot[] {
    if (this.#pendingUnder?.placement === now) return this.#pendingUnder.slots;
    const slots: Slot[] = [];
    for (let index = 0; index < SLOT_COUNT; index += 1) {
      const slot = index as Slot;
      if (now.isPending(slot, this.#options.self)) slots.push(slot);
    }
    this.#pendingUnder = { placement: now, slots };
    return slots;
  }

  /** Slots with cells that belong to others, now. */
  foreign(): readonly Slot[] {
    return this.#handovers.foreign();
  }
}
