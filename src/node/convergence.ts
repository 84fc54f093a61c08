/**
 * Keeps replicas equal: delivers what absent primaries missed when they answer again, compares with each
 * other member all the time, hands foreign cells over, and fills a joining node.
 *
 * Invariant: a node declares itself active only after it completed, under the present epoch, an exchange of each of
 * its slots with so many of today's primaries that it holds every write acknowledged before they knew of it.
 * Source: DeCandia et al., "Dynamo" (2007), sections 4.6 and 4.7.
 */
import { assert } from "../base/assert.ts";
import { GROUP_COUNT } from "../core/anti-entropy/slot-hashes.ts";
import type { Placement } from "../core/placement/placement.ts";
import type { DirtyMaps } from "../core/replication/dirty-maps.ts";
import { blockingCount } from "../core/replication/quorum.ts";
import type { Epoch, NodeId } from "../model/ids.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { Slot } from "../model/slot.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import { holdsSlot } from "./handover.ts";
import { Handovers } from "./handovers.ts";
import { askPeer, type ExchangePorts, SlotExchange } from "./slot-exchange.ts";

const TICK_MS = 100;
/** Two members compare about this often in a quiet cluster: a kilobyte each time. */
const COMPARE_MS = 5_000;
/** A node that joins, or met a difference, compares again this soon. */
const COMPARE_SOON_MS = 300;
/** Slots that differ are looked at again after this long: longer than a write takes to reach everybody. */
const CONFIRM_MS = 250;
/** Slots exchanged at once with one peer. */
const EXCHANGES_MAX = 16;

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
  /** This node holds all its slots. Called again until the placement says so. */
  readonly onFilled: () => void;
}

interface PeerProgress {
  readonly peer: NodeId;
  /** Slots found to differ, waiting for their exchange. */
  readonly differing: Set<Slot>;
  running: number;
  isComparing: boolean;
  compareMs: number;
  /** Epoch under which everything found by the last comparison was exchanged. */
  completeUnder: Epoch | undefined;
  comparedUnder: Epoch | undefined;
  hasFailed: boolean;
}

export class Convergence {
  readonly #options: ConvergenceOptions;
  readonly #peers = new Map<NodeId, PeerProgress>();
  readonly #handovers: Handovers;
  #filledUnder: Epoch | undefined;
  #pendingUnder: { readonly placement: Placement; readonly slots: readonly Slot[] } | undefined;
  #isClosed = false;

  constructor(options: ConvergenceOptions) {
    this.#options = options;
    this.#handovers = new Handovers(options);
  }

  start(): void {
    this.#options.ports.cells.rebuild();
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

  /** Exchanges under way. */
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

  /** What was compared before now says nothing any more: this node has lost what it held then. */
  distrust(): void {
    for (const progress of this.#peers.values()) {
      progress.completeUnder = undefined;
      progress.comparedUnder = undefined;
      // A comparison under way began with what is lost.
      progress.hasFailed = true;
    }
  }

  #tickLater(): void {
    this.#options.clock.after(TICK_MS, () => {
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
        isComparing: false,
        compareMs: 0,
        completeUnder: undefined,
        comparedUnder: undefined,
        hasFailed: false,
      };
      this.#peers.set(peer, progress);
    }
    return progress;
  }

  #work(progress: PeerProgress): void {
    const { ports, clock, placement } = this.#options;
    const reach = ports.peers.reach(progress.peer);
    if (reach !== "up" && reach !== "slow") return;
    this.#exchangeMore(progress);
    const nowMs = clock.monotonicMs();
    const isIdle = progress.running === 0 && progress.differing.size === 0 && !progress.isComparing;
    if (!isIdle) return;
    const isStale = progress.comparedUnder !== placement().epoch;
    if (nowMs >= progress.compareMs || isStale) this.#compare(progress);
  }

  /** Dirty slots first: they are known to be lacking. */
  #exchangeMore(progress: PeerProgress): void {
    const { dirtyMaps } = this.#options;
    let from = 0;
    while (progress.running < EXCHANGES_MAX) {
      const slot = dirtyMaps.next(progress.peer, from);
      if (slot === undefined) break;
      from = slot + 1;
      this.#exchange(progress, slot, true);
    }
    for (const slot of progress.differing) {
      if (progress.running >= EXCHANGES_MAX) break;
      progress.differing.delete(slot);
      this.#exchange(progress, slot, false);
    }
  }

  #exchange(progress: PeerProgress, slot: Slot, isDirty: boolean): void {
    const { dirtyMaps, placement, self, ports, storeDirtyMap } = this.#options;
    const { peer } = progress;
    const now = placement();
    const dirtyExchange = isDirty ? dirtyMaps.begin(peer, slot) : 0;
    if (!holdsSlot(now, slot, peer)) {
      // The slot has moved on without that peer: there is nothing left to deliver.
      if (isDirty && dirtyMaps.end(peer, slot, dirtyExchange, true)) storeDirtyMap(peer);
      return;
    }
    progress.running += 1;
    ports.counters.add("exchanges");
    const exchange = new SlotExchange({
      ports,
      peer,
      slot,
      isPulling: holdsSlot(now, slot, self),
      done: (isComplete) => {
        progress.running -= 1;
        if (!isComplete) progress.hasFailed = true;
        if (isDirty && dirtyMaps.end(peer, slot, dirtyExchange, isComplete)) storeDirtyMap(peer);
        if (isComplete && !this.#isClosed) this.#exchangeMore(progress);
        this.#noteProgress(progress);
      },
    });
    exchange.start();
  }

  #compare(progress: PeerProgress): void {
    const { ports, clock, random, placement } = this.#options;
    const { epoch } = placement();
    progress.isComparing = true;
    progress.hasFailed = false;
    progress.compareMs = clock.monotonicMs() + COMPARE_MS + random.below(COMPARE_MS);
    this.#compareGroups(progress, (isOk) => {
      progress.isComparing = false;
      if (isOk && placement().epoch === epoch) progress.comparedUnder = epoch;
      else progress.compareMs = clock.monotonicMs() + COMPARE_SOON_MS;
      if (progress.differing.size > 0)
        ports.counters.add("slots-differing", progress.differing.size);
      this.#noteProgress(progress);
    });
  }

  #compareGroups(progress: PeerProgress, done: (isOk: boolean) => void): void {
    const { ports } = this.#options;
    const { peer } = progress;
    const hashes = ports.cells.hashes.groups(ports.replica.sharedWith(peer));
    const message = { kind: "compare", group: undefined, hashes } as const;
    askPeer(ports, peer, message, "compare-reply", (reply) => {
      if (reply === undefined) return done(false);
      const groups = reply.differing.filter((group) => group >= 0 && group < GROUP_COUNT);
      this.#compareSlots(progress, groups, new Set(), (first) => {
        if (first === undefined || first.size === 0) return done(first !== undefined);
        this.#confirm(progress, groups, first, done);
      });
    });
  }

  /** Under load slots differ by what is on its way: only those that differ twice are worth an exchange. */
  #confirm(
    progress: PeerProgress,
    groups: readonly number[],
    first: ReadonlySet<Slot>,
    done: (isOk: boolean) => void,
  ): void {
    this.#options.clock.after(CONFIRM_MS, () => {
      if (this.#isClosed) return done(false);
      this.#compareSlots(progress, groups, new Set(), (second) => {
        for (const slot of second ?? []) if (first.has(slot)) progress.differing.add(slot);
        done(second !== undefined);
      });
    });
  }

  #compareSlots(
    progress: PeerProgress,
    groups: readonly number[],
    differing: Set<Slot>,
    done: (differing: ReadonlySet<Slot> | undefined) => void,
  ): void {
    const { ports } = this.#options;
    const group = groups[0];
    if (group === undefined) return done(differing);
    if (!ports.cells.isBuilt) return done(undefined);
    const hashes = ports.cells.hashes.slotsOf(group, ports.replica.sharedWith(progress.peer));
    askPeer(ports, progress.peer, { kind: "compare", group, hashes }, "compare-reply", (reply) => {
      if (reply === undefined) return done(undefined);
      for (const slot of reply.differing) {
        if (slot >= 0 && slot < SLOT_COUNT) differing.add(slot as Slot);
      }
      this.#compareSlots(progress, groups.slice(1), differing, done);
    });
  }

  /** Notes when everything the last comparison found has been exchanged. */
  #noteProgress(progress: PeerProgress): void {
    if (progress.isComparing || progress.running > 0 || progress.differing.size > 0) return;
    if (!progress.hasFailed) progress.completeUnder = progress.comparedUnder;
    else {
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
      const isEnough = primaries.length - lacking.length >= blockingCount(primaries.length);
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
