/**
 * Collects what was deleted or has expired, slot by slot, by acknowledgement of every member instead of by age alone.
 *
 * The first primary of a slot drives it: it asks all members for their marks, has all primaries raise the floor F to the
 * least of them, compares the slot with each of them until all hold the same up to F, and has all raise C to F and drop.
 *
 * Invariant: C reaches T only where, under one placement, every member promised to send nothing at or below T, every
 * primary pushes back what is, and all primaries then held the same up to T. A primary that stops being what it was when
 * it raised its floor (another boot, placement, damage, amnesia) has another generation, and takes no C.
 * Source: docs/ARCHITECTURE.md, "Collection"; decision 0010.
 */
import type { DueTimes } from "../core/anti-entropy/due-times.ts";
import type { Placement } from "../core/placement/placement.ts";
import type { NodeId } from "../model/ids.ts";
import type { MarkHolder, PeerReply, PeerRequest } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import { compareStamps, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Clock } from "../ports/clock.ts";
import { type DropPorts, dropCollected } from "./drop-pass.ts";
import type { LowWaterMark } from "./low-water-mark.ts";
import type { Pace } from "./pace.ts";
import { type Reply, refuse } from "./reply.ts";
import { askPeer, type ExchangePorts, type SlotOutcome } from "./slot-exchange.ts";

/** Slots collected in one round: a round is a few messages to each primary, and an exchange where they differ. */
const SLOTS_MAX = 1_024;
/** A round begins about this often, or eight times a grace if that is sooner. */
const ROUND_MS_MAX = 60_000;
const ROUND_MS_MIN = 500;
/** How often the primaries are compared within one round: each time something old came in, all must get it. */
const PASSES_MAX = 4;
/** Slots passed over at once. */
const DROPS_MAX = 4;

export interface CollectorOptions {
  readonly ports: ExchangePorts;
  readonly drops: DropPorts;
  readonly self: NodeId;
  readonly clock: Clock;
  readonly mark: LowWaterMark;
  readonly dueTimes: DueTimes;
  readonly placement: () => Placement;
  readonly graceMs: () => number;
  readonly pace: Readonly<Pace>;
  /** Where generations begin: a random number, so that no two boots share one. */
  readonly generation: number;
  /** Whether this node's word on the slot counts: not while it is being mended. */
  readonly hasVote: (slot: Slot) => boolean;
  /** Compares slots with a peer and exchanges those that differ. */
  readonly compare: (
    peer: NodeId,
    slots: readonly Slot[],
    done: (outcomes: ReadonlyMap<Slot, SlotOutcome>) => void,
  ) => void;
}

/** Why nothing is collected that could be. */
export interface CollectionHold {
  readonly by: NodeId | undefined;
  readonly reason: Exclude<MarkHolder, "grace"> | "no-answer" | "members-change" | "not-equal";
}

type RequestOf<Kind extends PeerRequest["kind"]> = Extract<PeerRequest, { kind: Kind }>;

export class Collector {
  readonly #options: CollectorOptions;
  #generation: number;
  #hold: CollectionHold | undefined;
  #isRunning = false;
  #isClosed = false;
  #nextMs = 0;
  #firstSlot = 0 as Slot;
  /** Slots with drops to do, and whom to tell of it. */
  readonly #dropping = new Map<Slot, (() => void)[]>();
  /** Slots that are being passed over. */
  readonly #passing = new Set<Slot>();

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#generation = options.generation;
  }

  /** What keeps collection from going on; `undefined` when nothing does. */
  get hold(): CollectionHold | undefined {
    return this.#hold;
  }

  start(): void {
    this.#goOnDropping();
    this.#tickLater();
  }

  close(): void {
    this.#isClosed = true;
  }

  /** This node is not any more what it was when it raised floors. */
  renew(): void {
    this.#generation += 1;
  }

  /** The placement changed: slots that are not held any more are forgotten. */
  onPlacement(): void {
    this.renew();
    const { drops, placement, self } = this.#options;
    const now = placement();
    for (const slot of drops.states.slots()) {
      if (!now.isHolder(slot, self)) drops.states.forget(slot);
    }
  }

  /** Round robin: slots that stay due for long must not hide those behind them. */
  #nextSlots(): Slot[] {
    const due = this.due();
    const rest = due.filter((slot) => slot >= this.#firstSlot);
    const slots = [...rest, ...due.slice(0, due.length - rest.length)].slice(0, SLOTS_MAX);
    this.#firstSlot = ((slots.at(-1) ?? -1) + 1) as Slot;
    return slots.sort((a, b) => a - b);
  }

  /** Slots this node drives that have something to collect by its clock, ascending. */
  due(): Slot[] {
    const { clock, graceMs, dueTimes, placement, self } = this.#options;
    const now = placement();
    const isMine = (slot: Slot): boolean => now.primaries(slot)[0] === self;
    return dueTimes.due(clock.wallMs() - graceMs(), isMine);
  }

  tellMark({ upTo }: RequestOf<"mark">, reply: Reply): void {
    this.#options.mark.tell(upTo, (told) => {
      if (told === undefined) refuse(reply, "failed", "the mark could not be stored");
      else reply({ kind: "mark-reply", ...told });
    });
  }

  raiseFloor({ slots, floor }: RequestOf<"raise-floor">, reply: Reply): void {
    const { drops, clock, graceMs, ports } = this.#options;
    const { states, commit } = drops;
    if (!ports.cells.isBuilt) return refuse(reply, "not-ready", "the hashes are being built");
    if (!slots.every((slot) => this.#isSettled(slot))) {
      return refuse(reply, "not-owner", "a slot is not held here, or not yet");
    }
    if (floor.ms > clock.wallMs() - graceMs()) {
      return refuse(reply, "failed", "the floor is younger than the grace by this node's clock");
    }
    for (const slot of slots) states.raiseFloor(slot, floor);
    const generation = this.#generation;
    commit.whenDurable((error) => {
      if (error === undefined) reply({ kind: "floor-reply", generation });
      else refuse(reply, "failed", error.message);
    });
  }

  collect({ slots, upTo, generation }: RequestOf<"collect">, reply: Reply): void {
    const { states } = this.#options.drops;
    const isKnown =
      generation === this.#generation &&
      slots.every((slot) => this.#isSettled(slot) && compareStamps(states.floor(slot), upTo) >= 0);
    if (!isKnown) return refuse(reply, "not-owner", "this node raised its floor as another one");
    let waiting = slots.length;
    if (waiting === 0) return reply({ kind: "collect-reply" });
    for (const slot of slots) {
      states.raiseCollected(slot, upTo);
      this.#drop(slot, () => {
        waiting -= 1;
        if (waiting === 0) reply({ kind: "collect-reply" });
      });
    }
  }

  /** Whether this node is a primary of the slot, in full, and nobody else is coming. */
  #isSettled(slot: Slot): boolean {
    const { placement, self, hasVote } = this.#options;
    const now = placement();
    return now.isSettled && now.isPrimary(slot, self) && hasVote(slot);
  }

  #tickLater(): void {
    const { clock, graceMs, pace } = this.#options;
    clock.after(ROUND_MS_MIN * pace.collection, () => {
      if (this.#isClosed) return;
      const nowMs = clock.monotonicMs();
      if (!this.#isRunning && nowMs >= this.#nextMs) {
        this.#nextMs = nowMs + pace.collection * Math.min(ROUND_MS_MAX, graceMs() / 8);
        this.#goOnDropping();
        this.#begin();
      }
      this.#tickLater();
    });
  }

  #begin(): void {
    const { placement, ports } = this.#options;
    const now = placement();
    const slots = this.#nextSlots();
    if (slots.length === 0) {
      this.#hold = undefined;
      return;
    }
    if (!now.isSettled || !ports.cells.isBuilt) {
      this.#hold = { by: undefined, reason: now.isSettled ? "not-ready" : "members-change" };
      return;
    }
    const voting = slots.filter((slot) => this.#isSettled(slot));
    if (voting.length === 0) return;
    this.#isRunning = true;
    new Round(this.#options, this, now, voting, (hold) => {
      this.#isRunning = false;
      this.#hold = hold;
    }).start();
  }

  /** A pass that failed, or that a stop cut off: until it is done this node has raised a C that it cannot name. */
  #goOnDropping(): void {
    for (const slot of this.#options.drops.states.unfinished()) {
      if (!this.#dropping.has(slot) && !this.#passing.has(slot)) this.#drop(slot, () => undefined);
    }
  }

  #drop(slot: Slot, done: () => void): void {
    const waiting = this.#dropping.get(slot);
    if (waiting !== undefined) waiting.push(done);
    else this.#dropping.set(slot, [done]);
    this.#dropMore();
  }

  #dropMore(): void {
    for (const slot of this.#dropping.keys()) {
      if (this.#passing.size >= DROPS_MAX || this.#isClosed) return;
      // Raised once more while it is passed over: the next pass comes after this one.
      if (this.#passing.has(slot)) continue;
      const waiting = this.#dropping.get(slot) ?? [];
      this.#dropping.delete(slot);
      this.#passing.add(slot);
      this.#options.ports.share.admit((release) => this.#dropFrom(slot, waiting, release));
    }
  }

  #dropFrom(slot: Slot, waiting: readonly (() => void)[], release: () => void): void {
    if (this.#isClosed) return;
    dropCollected(this.#options.drops, slot, (isNamed) => {
      release();
      this.#passing.delete(slot);
      if (isNamed) this.#options.ports.counters.add("slots-collected");
      for (const done of waiting) done();
      this.#dropMore();
    });
  }
}

/** One round of a driver over slots it is the first primary of. Reads the placement again after each answer. */
class Round {
  readonly #options: CollectorOptions;
  readonly #collector: Collector;
  readonly #placement: Placement;
  readonly #done: (hold: CollectionHold | undefined) => void;
  #slots: readonly Slot[];
  #floor: Stamp = NO_STAMP;
  readonly #generations = new Map<NodeId, number>();
  #hold: CollectionHold | undefined;

  constructor(
    options: CollectorOptions,
    collector: Collector,
    placement: Placement,
    slots: readonly Slot[],
    done: (hold: CollectionHold | undefined) => void,
  ) {
    this.#options = options;
    this.#collector = collector;
    this.#placement = placement;
    this.#slots = slots;
    this.#done = done;
  }

  /** First how far all could go, then the promise of just that: nobody promises more than the least can. */
  start(): void {
    this.#askMarks(NO_STAMP, (possible) => {
      if (compareStamps(possible, NO_STAMP) === 0) return this.#done(this.#hold);
      this.#askMarks(possible, (promised) => {
        this.#floor = promised;
        const { dueTimes } = this.#options;
        this.#slots = this.#slots.filter((slot) => dueTimes.at(slot) <= this.#floor.ms);
        if (this.#slots.length === 0) this.#done(this.#hold);
        else this.#raiseFloors();
      });
    });
  }

  /** The least mark of all members; `NO_STAMP` when one has none. */
  #askMarks(upTo: Stamp, then: (least: Stamp) => void): void {
    const members = this.#placement.memberIds;
    let least: Stamp | undefined;
    this.#askAll(members, { kind: "mark", upTo }, "mark-reply", (answers) => {
      for (const node of members) {
        const told = answers.get(node);
        if (told === undefined) this.#hold ??= { by: node, reason: "no-answer" };
        else if (told.heldBy !== "grace") this.#hold ??= { by: node, reason: told.heldBy };
        const mark = told?.mark ?? NO_STAMP;
        if (least === undefined || compareStamps(mark, least) < 0) least = mark;
      }
      then(least ?? NO_STAMP);
    });
  }

  #raiseFloors(): void {
    this.#hold = undefined;
    const floor = this.#floor;
    const message = (node: NodeId): PeerRequest => ({
      kind: "raise-floor",
      slots: this.#slotsOf(node),
      floor,
    });
    this.#askAll(this.#primaries(), message, "floor-reply", (answers) => {
      for (const [node, answer] of answers) {
        if (answer !== undefined) this.#generations.set(node, answer.generation);
      }
      this.#keep((slot) => this.#placement.primaries(slot).find((n) => !this.#generations.has(n)));
      this.#options.ports.counters.add("floors-raised", this.#slots.length);
      this.#compare(this.#slots, 1, []);
    });
  }

  /**
   * Compares with everybody else in turn. In a pass in which nothing at or below the floor came in, this node held all
   * there is before it, and gave it to all.
   */
  #compare(slots: readonly Slot[], pass: number, equal: readonly Slot[]): void {
    if (slots.length === 0) return this.#collect(equal);
    const again = new Set<Slot>();
    const failed = new Set<Slot>();
    const { cells } = this.#options.ports;
    // What comes in between two peers, by whomever, counts as much as what these exchanges bring (decision 0010).
    const watches = slots.map((slot) => cells.watch(slot));
    const unwatch = (): void => {
      for (const watch of watches) {
        if (this.#isOld(watch.least)) again.add(watch.slot);
        cells.unwatch(watch);
      }
    };
    const peers = this.#primaries().filter((node) => node !== this.#options.self);
    const next = (index: number): void => {
      const peer = peers[index];
      if (this.#isOver()) {
        unwatch();
        return this.#done({ by: undefined, reason: "members-change" });
      }
      if (peer === undefined) {
        unwatch();
        const settled = slots.filter((slot) => !again.has(slot) && !failed.has(slot));
        if (failed.size > 0 || pass >= PASSES_MAX) {
          this.#hold ??= { by: undefined, reason: "not-equal" };
        }
        const rest = pass < PASSES_MAX ? slots.filter((slot) => again.has(slot)) : [];
        return this.#compare(
          rest.filter((slot) => !failed.has(slot)),
          pass + 1,
          [...equal, ...settled],
        );
      }
      const shared = slots.filter((slot) => this.#placement.isPrimary(slot, peer));
      if (shared.length === 0) return next(index + 1);
      this.#options.compare(peer, shared, (outcomes) => {
        for (const slot of shared) {
          const outcome = outcomes.get(slot);
          // One that names another C is not equal: it gets there by an exchange of its own.
          if (outcome?.isComplete !== true || !outcome.hasSameCollected) failed.add(slot);
          else if (this.#isOld(outcome.leastPulled)) again.add(slot);
        }
        next(index + 1);
      });
    };
    next(0);
  }

  #collect(slots: readonly Slot[]): void {
    this.#slots = [...slots].sort((a, b) => a - b);
    if (this.#slots.length === 0) return this.#done(this.#hold);
    const message = (node: NodeId): PeerRequest => ({
      kind: "collect",
      slots: this.#slotsOf(node),
      upTo: this.#floor,
      generation: this.#generations.get(node) ?? 0,
    });
    this.#askAll(this.#primaries(), message, "collect-reply", () => this.#done(this.#hold));
  }

  #isOld(stamp: Stamp | undefined): boolean {
    return stamp !== undefined && compareStamps(stamp, this.#floor) <= 0;
  }

  /** The placement under which marks and floors were told is not the present one any more. */
  #isOver(): boolean {
    // The very one: an epoch is a hash, and a member that came and went leaves the same behind.
    return this.#options.placement() !== this.#placement;
  }

  /** Drops slots of which a primary is missing, and remembers who it was. */
  #keep(missing: (slot: Slot) => NodeId | undefined): void {
    this.#slots = this.#slots.filter((slot) => {
      const by = missing(slot);
      if (by !== undefined) this.#hold ??= { by, reason: "no-answer" };
      return by === undefined;
    });
  }

  #primaries(): NodeId[] {
    const nodes = new Set<NodeId>();
    for (const slot of this.#slots) {
      for (const node of this.#placement.primaries(slot)) nodes.add(node);
    }
    return [...nodes].sort();
  }

  #slotsOf(node: NodeId): Slot[] {
    return this.#slots.filter((slot) => this.#placement.isPrimary(slot, node));
  }

  /** Asks several nodes at once, this one too, each in the same words; goes on when all have answered or cannot. */
  #askAll<Kind extends PeerReply["kind"]>(
    nodes: readonly NodeId[],
    message: PeerRequest | ((node: NodeId) => PeerRequest),
    kind: Kind,
    done: (answers: ReadonlyMap<NodeId, Extract<PeerReply, { kind: Kind }> | undefined>) => void,
  ): void {
    if (this.#isOver()) return this.#done({ by: undefined, reason: "members-change" });
    const { ports, self } = this.#options;
    const answers = new Map<NodeId, Extract<PeerReply, { kind: Kind }> | undefined>();
    let waiting = nodes.length;
    if (waiting === 0) return done(answers);
    for (const node of nodes) {
      const onAnswer = (reply: Extract<PeerReply, { kind: Kind }> | undefined): void => {
        answers.set(node, reply);
        waiting -= 1;
        if (waiting > 0) return;
        if (this.#isOver()) this.#done({ by: undefined, reason: "members-change" });
        else done(answers);
      };
      const request = typeof message === "function" ? message(node) : message;
      if (node !== self) askPeer(ports, node, request, kind, onAnswer);
      else {
        this.#askSelf(request, (reply) =>
          onAnswer(reply.kind === kind ? (reply as Extract<PeerReply, { kind: Kind }>) : undefined),
        );
      }
    }
  }

  #askSelf(request: PeerRequest, reply: Reply): void {
    if (request.kind === "mark") this.#collector.tellMark(request, reply);
    else if (request.kind === "raise-floor") this.#collector.raiseFloor(request, reply);
    else if (request.kind === "collect") this.#collector.collect(request, reply);
  }
}
