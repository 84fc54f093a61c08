/**
 * One exchange of a batch of slots with one peer: what differs is found by hashes of slots, then of leaves, then by lists
 * of cells, and each side gets what it lacks. Slots that are empty here are taken whole.
 *
 * Invariant: a slot is complete only if every difference listed in it was merged or dropped, and committed, on both sides
 * (on the peer's alone when not pulling); whatever is written meanwhile is not its business. Up to the greater C its side
 * is right: the lower side drops what the greater lacks, takes what it misses, and raises its own C in the same commit as
 * the drops, only when all of the slot was compared under one C of the peer and nothing at or below it came from elsewhere
 * meanwhile. The greater side takes nothing up to its C, and never drops.
 * Source: docs/ARCHITECTURE.md, "Convergence"; docs/decisions/0012-exchange-over-many-slots.md.
 */
import { assert } from "../base/assert.ts";
import { LEAF_COUNT } from "../core/anti-entropy/hash-tree.ts";
import { cellKey, slotRange } from "../core/causality/storage-key.ts";
import type { NodeId } from "../model/ids.ts";
import type {
  CellDigest,
  CellPosition,
  KeyedCell,
  PeerReply,
  PeerRequest,
  SlotCells,
} from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import { compareStamps, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { StorageKey } from "../ports/storage.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import type { BackgroundShare } from "./background-share.ts";
import type { CellStore, SlotWatch } from "./cell-store.ts";
import type { Counters } from "./counters.ts";
import type { ExchangeCounterpart, ListedSlots } from "./exchange-counterpart.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";
import type { SlotStates } from "./slot-states.ts";

/** Cells listed at once, on each side. */
const LIST_CELLS_MAX = 4_096;
/** Slots whose leaves travel in one message: 2 KiB each. */
const LEAF_SLOTS_MAX = 64;
/** Fewer cells than this are listed in fewer bytes than their slot's leaves take. */
const LEAVES_CELLS_MIN = 48;
/** Pages of whole slots that wait for the disk while the next one is asked for. */
const SCAN_PAGES_MAX = 2;
/** A step that takes longer than this ends the exchange; it begins again later. */
const STEP_MS_MAX = 10_000;

export interface ExchangePorts {
  readonly peers: Peers;
  readonly replica: Replica;
  readonly counterpart: ExchangeCounterpart;
  readonly cells: CellStore;
  readonly commit: GroupCommit;
  readonly states: SlotStates;
  readonly counters: Counters;
  readonly share: BackgroundShare;
  readonly monotonicMs: () => number;
}

type ReplyOf<Kind extends PeerReply["kind"]> = Extract<PeerReply, { kind: Kind }>;

/** Asks a peer; `undefined` for anything but an answer of that kind. */
export function askPeer<Kind extends PeerReply["kind"]>(
  ports: ExchangePorts,
  to: NodeId,
  message: PeerRequest,
  kind: Kind,
  done: (reply: ReplyOf<Kind> | undefined) => void,
): void {
  const sink = {
    onReply: (_from: NodeId, _token: number, reply: PeerReply): void =>
      done(reply.kind === kind ? (reply as ReplyOf<Kind>) : undefined),
    onNoAnswer: (): void => done(undefined),
  };
  const deadlineMs = ports.monotonicMs() + STEP_MS_MAX;
  if (!ports.peers.request(to, encodeMessage(message), deadlineMs, sink, 0)) done(undefined);
}

/** Asks for a page of work, or sends one, as soon as the background's share allows; see `askPeer`. */
export function askPage<Kind extends PeerReply["kind"]>(
  ports: ExchangePorts,
  to: NodeId,
  message: PeerRequest,
  kind: Kind,
  done: (reply: ReplyOf<Kind> | undefined) => void,
): void {
  ports.share.admit((release) =>
    askPeer(ports, to, message, kind, (reply) => {
      release();
      done(reply);
    }),
  );
}

/** What came of one slot. */
export interface SlotOutcome {
  /** Every difference listed at its beginning is settled and committed on both sides. */
  readonly isComplete: boolean;
  /** The least stamp that a cell from the peer left in a place it changed here; `undefined` when none did. */
  readonly leastPulled: Stamp | undefined;
  /** Whether the peer names the same C of it as this node does in the end. */
  readonly hasSameCollected: boolean;
}

export interface SlotExchangeOptions {
  readonly ports: ExchangePorts;
  readonly peer: NodeId;
  /** In ascending order. */
  readonly slots: readonly Slot[];
  /** Whether this node is to hold the slot too; a holder of foreign cells only gives. */
  readonly isPulling: (slot: Slot) => boolean;
  /** Told once, with an outcome for each of the slots. */
  readonly done: (outcomes: ReadonlyMap<Slot, SlotOutcome>) => void;
}

interface OwnCell extends CellPosition {
  readonly checksum: number;
}

/** What one page of a slot leads to. */
interface SlotPlan {
  readonly wanted: CellPosition[];
  readonly offered: CellPosition[];
  /** Checksums of own cells that give way to what is wanted in their places. */
  readonly replaced: Map<StorageKey, number>;
  readonly drops: OwnCell[];
}

interface SlotProgress {
  readonly slot: Slot;
  readonly isPulling: boolean;
  /** What others merge into the slot while it is compared. */
  readonly watch: SlotWatch;
  /** The C that the peer named of the slot; `undefined` until it has. */
  theirs: Stamp | undefined;
  /** Whether all the peer told of the slot was told under one C, and nothing it listed was gone when asked for. */
  isSteady: boolean;
  /** Whether everything listed could be read. */
  isReadable: boolean;
  /** Own cells at or below the peer's C that it lacks; in storage order. */
  readonly drops: OwnCell[];
  leastPulled: Stamp | undefined;
  /** Only the disk is waited for. */
  isFinishing: boolean;
}

type ListParts = Extract<PeerRequest, { kind: "slot-list" }>["parts"];

export class SlotExchange {
  readonly #options: SlotExchangeOptions;
  readonly #open = new Map<Slot, SlotProgress>();
  readonly #outcomes = new Map<Slot, SlotOutcome>();
  #isEnded = false;

  constructor(options: SlotExchangeOptions) {
    this.#options = options;
    const { cells } = options.ports;
    for (const slot of options.slots) {
      this.#open.set(slot, {
        slot,
        isPulling: options.isPulling(slot),
        watch: cells.watch(slot),
        theirs: undefined,
        isSteady: true,
        isReadable: true,
        drops: [],
        leastPulled: undefined,
        isFinishing: false,
      });
    }
  }

  start(): void {
    const { ports, peer, slots } = this.#options;
    assert(slots.length > 0, "an exchange has slots");
    // While the hashes are built they say nothing; the lists do.
    if (!ports.cells.isBuilt) return this.#list(slots.map(wholeSlot), "");
    const hashes = ports.cells.hashes.slots(slots);
    // What is found equal must be so on both disks.
    ports.commit.whenDurable((error) => {
      if (error !== undefined) return this.#fail();
      const message = { kind: "slot-compare", slots, hashes } as const;
      askPeer(ports, peer, message, "compare-reply", (reply) => {
        if (reply === undefined) return this.#fail();
        const differing = new Set(reply.differing);
        const equal = slots.filter((slot) => !differing.has(slot));
        ports.counters.add("exchange-slots-equal", equal.length);
        // The C that each side names is in the hashes.
        for (const slot of equal) this.#close(slot, true, true);
        if (!this.#isEnded) this.#begin();
      });
    });
  }

  #begin(): void {
    const { hashes } = this.#options.ports.cells;
    const empty: Slot[] = [];
    const few: Slot[] = [];
    const many: Slot[] = [];
    for (const [slot, { isPulling }] of this.#open) {
      const count = hashes.count(slot);
      if (count === 0 && isPulling) empty.push(slot);
      else if (count < LEAVES_CELLS_MIN) few.push(slot);
      else many.push(slot);
    }
    this.#scanAll(empty, () =>
      this.#compareLeaves(many, few.map(wholeSlot), (parts) => this.#list(parts, "")),
    );
  }

  /** Takes slots whole, in pages: a node that fills up has nothing to compare. */
  #scanAll(slots: readonly Slot[], then: () => void): void {
    if (slots.length === 0) return then();
    let merging = 0;
    let next: StorageKey | undefined = "";
    let isAsking = false;
    const goOn = (): void => {
      if (this.#isEnded || isAsking) return;
      if (next === undefined) {
        if (merging === 0) then();
      } else if (merging < SCAN_PAGES_MAX) ask(next);
    };
    const ask = (after: StorageKey): void => {
      isAsking = true;
      this.#askPage({ kind: "slot-scan", slots, after }, "slot-scan-reply", (reply) => {
        isAsking = false;
        if (this.#isEnded) return;
        const through = reply?.through;
        if (reply === undefined || (through !== undefined && through <= after)) return this.#fail();
        next = through;
        merging += 1;
        this.#takeIn(reply.parts, undefined, () => {
          merging -= 1;
          for (const slot of slots) {
            if (hasPassed(slot, through)) this.#finish(slot);
          }
          goOn();
        });
        goOn();
      });
    };
    goOn();
  }

  /** Adds to `parts` those slots of which leaves differ, with these leaves; the others are finished. */
  #compareLeaves(slots: readonly Slot[], parts: ListParts, then: (parts: ListParts) => void): void {
    const { ports, peer } = this.#options;
    const some = slots.slice(0, LEAF_SLOTS_MAX);
    if (some.length === 0) return then(parts);
    const mine = some.map((slot) => ({
      slot,
      hashes: ports.cells.hashes.leaves(slot)?.slice() ?? new Uint32Array(2 * LEAF_COUNT),
    }));
    ports.commit.whenDurable((error) => {
      if (error !== undefined) return this.#fail();
      const message = { kind: "leaf-compare", parts: mine } as const;
      askPeer(ports, peer, message, "leaf-compare-reply", (reply) => {
        if (reply === undefined || this.#isEnded) return this.#fail();
        const differing: ListParts[number][] = [...parts];
        const told = new Set(reply.parts.map(({ slot }) => slot));
        for (const slot of some) if (!told.has(slot)) this.#close(slot, false);
        for (const { slot, collected, leaves } of reply.parts) {
          const progress = this.#open.get(slot);
          if (progress === undefined) continue;
          hear(progress, collected);
          if (leaves.some((byte) => byte !== 0)) differing.push({ slot, leaves });
          else this.#finish(slot);
        }
        if (!this.#isEnded) this.#compareLeaves(slots.slice(LEAF_SLOTS_MAX), differing, then);
      });
    });
  }

  #list(unordered: ListParts, after: StorageKey): void {
    if (this.#isEnded) return;
    const { ports } = this.#options;
    const parts = unordered.toSorted((a, b) => a.slot - b.slot);
    const limit = Math.floor(LIST_CELLS_MAX * ports.share.pageShare);
    // What is left waits for its commit.
    if (parts.length === 0) return;
    const message = { kind: "slot-list", parts, after, limit } as const;
    this.#askPage(message, "slot-list-reply", (theirs) => {
      if (theirs === undefined) return this.#fail();
      ports.counterpart.digests(parts, after, limit, (mine) => {
        if (mine === undefined || this.#isEnded) return this.#fail();
        // Only what both pages reach can be compared; the rest waits for the next page.
        const upTo = least(theirs.through, mine.through);
        if (upTo !== undefined && upTo <= after) return this.#fail();
        this.#settle(theirs, mine, upTo, () => {
          for (const { slot } of parts) {
            if (hasPassed(slot, upTo)) this.#finish(slot);
          }
          if (this.#isEnded || upTo === undefined) return;
          this.#list(
            parts.filter(({ slot }) => !hasPassed(slot, upTo)),
            upTo,
          );
        });
      });
    });
  }

  #settle(
    theirs: ListedSlots,
    mine: ListedSlots,
    upTo: StorageKey | undefined,
    then: () => void,
  ): void {
    const wanted: CellPosition[] = [];
    const offered: CellPosition[] = [];
    const replaced = new Map<StorageKey, number>();
    const ownOf = new Map(mine.parts.map(({ slot, digests }) => [slot, digests]));
    for (const { slot, collected, digests } of theirs.parts) {
      const progress = this.#open.get(slot);
      // Beyond what both reach.
      if (progress === undefined || (upTo !== undefined && slotRange(slot).from > upTo)) continue;
      hear(progress, collected);
      const held = within(ownOf.get(slot) ?? [], slot, upTo);
      const listed = within(digests, slot, upTo);
      const plan = this.#planSlot(progress, collected, { listed, held });
      wanted.push(...plan.wanted);
      offered.push(...plan.offered);
      for (const [place, checksum] of plan.replaced) replaced.set(place, checksum);
      progress.drops.push(...plan.drops);
    }
    this.#pull(wanted, replaced, () => this.#push(offered, then));
  }

  /** Who gets what in one slot, by the rules of the greater C. */
  #planSlot(
    { slot, isPulling }: SlotProgress,
    theirs: Stamp,
    {
      listed,
      held,
    }: { listed: ReadonlyMap<StorageKey, CellDigest>; held: ReadonlyMap<StorageKey, CellDigest> },
  ): SlotPlan {
    const mine = this.#options.ports.states.collected(slot);
    const order = compareStamps(theirs, mine);
    /** Up to here the peer is right about this node's cells. */
    const yields = isPulling && order > 0 ? theirs : NO_STAMP;
    /** Up to here nothing is taken from the peer. */
    const refuses = order < 0 ? mine : NO_STAMP;
    const plan: SlotPlan = { wanted: [], offered: [], replaced: new Map(), drops: [] };
    for (const [place, digest] of listed) {
      const own = held.get(place);
      if (own?.checksum === digest.checksum) continue;
      const isYielding = own !== undefined && compareStamps(own.stamp, yields) <= 0;
      if (isPulling && compareStamps(digest.stamp, refuses) > 0) {
        plan.wanted.push(positionOf(slot, digest));
        if (isYielding) plan.replaced.set(place, own.checksum);
      }
      // Where checksums differ both send and both merge: a stamp alone does not tell what else differs.
      if (own !== undefined && !isYielding) plan.offered.push(positionOf(slot, own));
    }
    for (const [place, own] of held) {
      if (listed.has(place)) continue;
      if (compareStamps(own.stamp, yields) > 0) plan.offered.push(positionOf(slot, own));
      else plan.drops.push({ ...positionOf(slot, own), checksum: own.checksum });
    }
    return plan;
  }

  #pull(
    wanted: readonly CellPosition[],
    replaced: ReadonlyMap<StorageKey, number>,
    then: () => void,
  ): void {
    if (wanted.length === 0) return then();
    this.#askPage({ kind: "fetch", wanted }, "fetch-reply", (reply) => {
      if (reply === undefined || this.#isEnded || reply.taken === 0) return this.#fail();
      this.#noteMissing(wanted.slice(0, reply.taken), reply);
      this.#takeIn(reply.parts, replaced, () =>
        this.#pull(wanted.slice(reply.taken), replaced, then),
      );
    });
  }

  /** What was listed and is gone, or cannot be read, leaves its slot other than it was compared. */
  #noteMissing(
    asked: readonly CellPosition[],
    { parts, unreadable }: ReplyOf<"fetch-reply">,
  ): void {
    const got = new Set<StorageKey>();
    for (const { slot, cells } of parts) {
      for (const { key, field } of cells) got.add(cellKey(slot, key, field));
    }
    for (const { slot, key, field } of asked) {
      const progress = this.#open.get(slot);
      if (progress !== undefined && !got.has(cellKey(slot, key, field))) progress.isSteady = false;
    }
    for (const slot of unreadable) {
      const progress = this.#open.get(slot);
      if (progress !== undefined) progress.isReadable = false;
    }
  }

  /** Merges what came from the peer; goes on when it is durable. */
  #takeIn(
    parts: readonly SlotCells[],
    replaced: ReadonlyMap<StorageKey, number> | undefined,
    then: () => void,
  ): void {
    const { ports } = this.#options;
    const asked = parts.filter(({ slot }) => this.#open.has(slot));
    const before = new Map<SlotProgress, Stamp | undefined>();
    for (const { slot, collected, cells } of asked) {
      const progress = this.#open.get(slot);
      assert(progress !== undefined, "only slots under exchange are taken in");
      hear(progress, collected);
      before.set(progress, progress.watch.least);
      progress.watch.least = undefined;
      ports.counters.add("exchange-cells-pulled", cells.length);
    }
    const merged = (reply: PeerReply): void => {
      if (reply.kind === "merge-reply" && !this.#isEnded) then();
      else this.#fail();
    };
    let early: PeerReply | undefined;
    let isEarly = true;
    ports.replica.merge(
      asked,
      (reply) => {
        if (isEarly) early = reply;
        else merged(reply);
      },
      replaced,
    );
    isEarly = false;
    // What this exchange merged is its own doing; what came from elsewhere is watched on.
    for (const [progress, least] of before) {
      const { watch } = progress;
      progress.leastPulled = lesser(progress.leastPulled, watch.least);
      watch.least = least;
    }
    if (early !== undefined) merged(early);
  }

  #push(offered: readonly CellPosition[], then: () => void): void {
    const { ports } = this.#options;
    const parts = new Map<Slot, KeyedCell[]>();
    const bytesMax = ports.counterpart.cellsBytesMax();
    let bytes = 0;
    let taken = 0;
    let count = 0;
    for (const { slot, key, field } of offered) {
      const found = ports.cells.find(slot, key, field);
      // A frame holds the largest value alone, and little more.
      const isOver = found.kind === "held" && bytes + found.bytes.length > bytesMax;
      if (count > 0 && isOver) break;
      taken += 1;
      if (found.kind === "held") {
        const list = parts.get(slot);
        if (list === undefined) parts.set(slot, [{ key, field, bytes: found.bytes }]);
        else list.push({ key, field, bytes: found.bytes });
        bytes += key.length + found.bytes.length;
        count += 1;
      } else if (found.kind !== "absent") {
        // It was listed, so it is owed: what cannot be read now leaves the slot incomplete.
        const progress = this.#open.get(slot);
        if (progress !== undefined) progress.isReadable = false;
      }
    }
    if (count === 0) return then();
    const told = [...parts].map(([slot, cells]) => ({
      slot,
      collected: ports.counterpart.named(slot),
      cells,
    }));
    this.#askPage({ kind: "merge", parts: told }, "merge-reply", (reply) => {
      if (reply === undefined || this.#isEnded) return this.#fail();
      ports.counters.add("exchange-cells-pushed", count);
      this.#push(offered.slice(taken), then);
    });
  }

  /** All of the slot was compared, and what was found is merged and durable. */
  #finish(slot: Slot): void {
    const progress = this.#open.get(slot);
    if (progress === undefined || progress.isFinishing) return;
    const { ports } = this.#options;
    const { theirs, drops, isReadable } = progress;
    // Of a slot that the peer said nothing of, nothing was compared.
    if (theirs === undefined) return this.#close(slot, false);
    if (!this.#mayFollow(progress, theirs)) {
      return this.#close(slot, isReadable && drops.length === 0);
    }
    progress.isFinishing = true;
    // From here on lower senders are refused; in the same commit goes what they could bring back.
    ports.states.raiseCollected(slot, theirs);
    // Fields before their roots: nothing is uncovered.
    for (const { key, field, checksum } of drops.toReversed()) {
      ports.cells.drop(slot, key, field, checksum);
    }
    ports.counters.add("exchange-cells-dropped", drops.length);
    ports.commit.whenDurable((error) => {
      if (error === undefined) ports.states.name(slot, theirs);
      this.#close(slot, error === undefined);
    });
  }

  /** Whether this node's C may rise to the peer's: it holds all the peer holds up to there, and will hold nothing else. */
  #mayFollow(
    { slot, isPulling, isReadable, isSteady, watch }: SlotProgress,
    theirs: Stamp,
  ): boolean {
    const { cells, states } = this.#options.ports;
    if (!isPulling || compareStamps(theirs, states.collected(slot)) <= 0) return false;
    const isDisturbed = watch.least !== undefined && compareStamps(watch.least, theirs) <= 0;
    return isReadable && isSteady && !isDisturbed && cells.isBuilt;
  }

  #close(slot: Slot, isComplete: boolean, areHashesEqual = false): void {
    const progress = this.#open.get(slot);
    if (progress === undefined) return;
    this.#open.delete(slot);
    this.#options.ports.cells.unwatch(progress.watch);
    const { leastPulled, theirs } = progress;
    const own = this.#options.ports.counterpart.named(slot);
    const hasSameCollected =
      areHashesEqual || (theirs !== undefined && compareStamps(theirs, own) === 0);
    this.#outcomes.set(slot, { isComplete, leastPulled, hasSameCollected });
    if (this.#open.size > 0 || this.#isEnded) return;
    this.#isEnded = true;
    this.#options.done(this.#outcomes);
  }

  #askPage<Kind extends PeerReply["kind"]>(
    message: PeerRequest,
    kind: Kind,
    done: (reply: ReplyOf<Kind> | undefined) => void,
  ): void {
    const { ports, peer } = this.#options;
    askPage(ports, peer, message, kind, done);
  }

  /** What has not ended is not complete. */
  #fail(): void {
    for (const slot of this.#open.keys()) this.#close(slot, false);
  }
}

/** What the peer named with what it told of a slot. */
function hear(progress: SlotProgress, collected: Stamp): void {
  if (progress.theirs === undefined) progress.theirs = collected;
  else if (compareStamps(progress.theirs, collected) !== 0) progress.isSteady = false;
}

function wholeSlot(slot: Slot): ListParts[number] {
  return { slot, leaves: undefined };
}

function positionOf(slot: Slot, { key, field }: CellDigest): CellPosition {
  return { slot, key, field };
}

/** Whether everything of a slot lies at or before a position. */
function hasPassed(slot: Slot, upTo: StorageKey | undefined): boolean {
  return upTo === undefined || slotRange(slot).before <= upTo;
}

function least(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined) return b;
  return b === undefined || a < b ? a : b;
}

function lesser(a: Stamp | undefined, b: Stamp | undefined): Stamp | undefined {
  if (a === undefined) return b;
  return b === undefined || compareStamps(a, b) < 0 ? a : b;
}

function within(
  digests: readonly CellDigest[],
  slot: Slot,
  upTo: StorageKey | undefined,
): Map<StorageKey, CellDigest> {
  const places = new Map<StorageKey, CellDigest>();
  for (const digest of digests) {
    const place = cellKey(slot, digest.key, digest.field);
    if (upTo === undefined || place <= upTo) places.set(place, digest);
  }
  return places;
}
