/**
 * One page of a backup: every primary of a window of slots tells what it holds of them, and the page is the merge of that, as
 * far as all of them have looked.
 *
 * Invariant: of each slot in a page a read quorum of its primaries has told, or the page says that it is thin; so whatever was
 * acknowledged by a write quorum before the page was asked for is in it, and what was deleted is not. A copy that is damaged
 * is no vote. A page ends between two slots, or where a slot is more than a page between two keys: so what is no more than a page
 * is looked at by each primary in one go.
 * Source: docs/decisions/0019-backups.md.
 */
import { assert } from "../base/assert.ts";
import { checksumOf, decodeCell, encodeCell, peekStamp } from "../core/causality/cell-codec.ts";
import { mergeCells } from "../core/causality/merge.ts";
import { cellKey, parseCellKey, slotRange } from "../core/causality/storage-key.ts";
import type { Placement } from "../core/placement/placement.ts";
import { majority } from "../core/replication/quorum.ts";
import type {
  BackupOutcome,
  BackupRequest,
  ComparisonOutcome,
  ComparisonRequest,
  ThinSlots,
} from "../model/backup.ts";
import type { Cell, CellAddress } from "../model/cell.ts";
import type { NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import { DEADLINE_MS_DEFAULT, DEADLINE_MS_MAX } from "../model/limits.ts";
import {
  type KeyedCell,
  type PeerReply,
  type PeerRequest,
  WIRE_VERSION,
} from "../model/peer-message.ts";
import { parseSlot, type Slot } from "../model/slot.ts";
import { compareStamps, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Clock } from "../ports/clock.ts";
import type { StorageKey } from "../ports/storage.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import { compareWithBackup } from "./backup-comparison.ts";
import { refuse } from "./reply.ts";
import { RESYNC_ROUNDS_MAX, type RequestContext, readFailure } from "./request-context.ts";
import type { ExchangePorts } from "./slot-exchange.ts";

/** Nodes asked for one page: a window ends before the slot that would need more. */
const WITNESSES_MAX = 16;
/** Pages and comparisons under way at once: each may hold a page, or the largest value, of every witness. */
const PAGES_MAX = 4;
/** Witnesses that are late by this much are done without, where the others make a quorum. */
const LATE_MS = 2_000;
const LOOK_MS = 50;
/** Since this one a node can be asked for some slots. */
const WIRE_VERSION_SPARSE = 5;
/** `d` and the slot: what every position begins with. */
const POSITION_LENGTH_MIN = 3;

type CellScan = Extract<PeerRequest, { kind: "cell-scan" | "sparse-scan" }>;
type ScanReply = Extract<PeerReply, { kind: "slot-scan-reply" }>;

export interface BackupPagesOptions {
  readonly ports: ExchangePorts;
  readonly context: RequestContext;
  readonly clock: Clock;
}

/** Takes pages of backups, and compares with them, a bounded number at once. */
export class BackupPages {
  readonly #options: BackupPagesOptions;
  #underWay = 0;

  constructor(options: BackupPagesOptions) {
    this.#options = options;
  }

  /** Which slots hold something else than a backup does. Answers once, in a later turn unless it sheds. */
  compare(request: ComparisonRequest, done: (outcome: ComparisonOutcome) => void): void {
    if (this.#underWay >= PAGES_MAX) return done(readFailure("overloaded"));
    this.#underWay += 1;
    compareWithBackup(this.#options, request, (outcome) => {
      this.#underWay -= 1;
      done(outcome);
    });
  }

  /** Answers once, in a later turn unless it sheds. */
  take(request: BackupRequest, done: (outcome: BackupOutcome) => void): void {
    const { context, clock } = this.#options;
    if (this.#underWay >= PAGES_MAX) return done(readFailure("overloaded"));
    this.#underWay += 1;
    context.counters.add("backup-pages");
    const patienceMs = Math.min(request.deadlineMs ?? DEADLINE_MS_DEFAULT, DEADLINE_MS_MAX);
    const deadlineMs = context.monotonicMs() + patienceMs;
    let isInside = true;
    const answer = (outcome: BackupOutcome): void => {
      this.#underWay -= 1;
      if (isInside) clock.defer(() => done(outcome));
      else done(outcome);
    };
    new Page(this.#options, request, deadlineMs, answer).start(0);
    isInside = false;
  }
}

/** Whether this may be the `next` of a page: a position in storage, in some slot. */
export function isBackupCursor(cursor: string): boolean {
  return cursor.length >= POSITION_LENGTH_MIN && cursor[0] === "d" && slotAt(cursor) !== undefined;
}

/** The slot in which a position lies; `undefined` behind the last. */
function slotAt(position: StorageKey): Slot | undefined {
  return parseSlot((position.charCodeAt(1) << 8) | position.charCodeAt(2));
}

interface Witness {
  readonly node: NodeId;
  isOver: boolean;
  reply: ScanReply | undefined;
  collected: ReadonlyMap<Slot, Stamp>;
}

/** What one witness holds in one place; `undefined` bytes are damaged ones. */
interface Copy {
  readonly witness: Witness;
  readonly bytes: Uint8Array | undefined;
}

interface Place {
  readonly slot: Slot;
  readonly key: Key;
  readonly field: CellAddress;
  readonly copies: Copy[];
}

class Page {
  readonly #options: BackupPagesOptions;
  readonly #request: BackupRequest;
  readonly #deadlineMs: number;
  readonly #done: (outcome: BackupOutcome) => void;
  /** Under which everybody is asked, and answers. */
  #placement: Placement;
  #first: Slot;
  /** Which are asked for, from the first to the last, in ascending order. */
  #slots: readonly Slot[] = [];
  #last: Slot;
  #witnesses: Witness[] = [];
  #startMs = 0;
  #round = 0;
  #isDone = false;

  constructor(
    options: BackupPagesOptions,
    request: BackupRequest,
    deadlineMs: number,
    done: (outcome: BackupOutcome) => void,
  ) {
    const { cursor, firstSlot, lastSlot } = request;
    assert(firstSlot <= lastSlot, "slots are asked for in order");
    const first = cursor === undefined ? firstSlot : slotAt(cursor);
    assert(first !== undefined, "a cursor lies in a slot");
    this.#options = options;
    this.#request = request;
    this.#deadlineMs = deadlineMs;
    this.#done = done;
    this.#first = first;
    this.#last = lastSlot;
    this.#placement = options.context.placement();
  }

  /** Asks everybody. Once more, when somebody saw another placement and memberships have been exchanged. */
  start(round: number): void {
    const { context } = this.#options;
    const wanted = wantedFrom(this.#first, this.#request);
    const [first] = wanted;
    if (first === undefined) return this.#end({ ...EMPTY_PAGE });
    this.#first = first;
    this.#round = round;
    this.#placement = context.placement();
    if (this.#placement.effectiveReplicas === 0) return this.#end(readFailure("not-ready"));
    const window = windowOf(this.#placement, wanted);
    this.#slots = window.slots;
    this.#last = window.slots.at(-1) as Slot;
    this.#startMs = context.monotonicMs();
    this.#witnesses = window.nodes.map((node) => ({
      node,
      isOver: false,
      reply: undefined,
      collected: new Map(),
    }));
    for (const witness of this.#witnesses) this.#ask(witness, round);
    this.#judge(round);
    this.#watch(round);
  }

  #ask(witness: Witness, round: number): void {
    const { context, ports } = this.#options;
    const after = this.#request.cursor ?? "";
    const isSparse = this.#request.slots !== undefined && this.#canSparsely(witness.node);
    const message: CellScan = isSparse
      ? { kind: "sparse-scan", slots: this.#slots, after }
      : { kind: "cell-scan", firstSlot: this.#first, lastSlot: this.#last, after };
    const onReply = (reply: PeerReply): void => this.#onReply(witness, reply, round);
    if (witness.node === context.self) {
      ports.share.serve((release) => {
        const told = (reply: PeerReply): void => {
          release();
          onReply(reply);
        };
        // It may have waited.
        if (context.placement() === this.#placement) ports.counterpart.tellCells(message, told);
        else refuse(told, "not-owner", "the placement has changed");
      });
      return;
    }
    const sink = {
      onReply: (_from: NodeId, _token: number, reply: PeerReply): void => onReply(reply),
      onNoAnswer: (): void => this.#onOver(witness, round),
    };
    const frame = encodeMessage(message);
    const isSent = context.peers.request(witness.node, frame, this.#deadlineMs, sink, 0);
    if (!isSent) witness.isOver = true;
  }

  /** Who cannot tells of all slots from the first to the last. */
  #canSparsely(node: NodeId): boolean {
    const { context } = this.#options;
    const version = node === context.self ? WIRE_VERSION : context.peers.wireVersion(node);
    return (version ?? 0) >= WIRE_VERSION_SPARSE;
  }

  #onReply(witness: Witness, reply: PeerReply, round: number): void {
    if (this.#isDone || round !== this.#round) return;
    const isDisputed = reply.kind === "refused" && reply.reason === "epoch";
    if (isDisputed && round < RESYNC_ROUNDS_MAX) {
      // The placement decides whom a page must hear, so it begins again under the one both agree on.
      this.#round = round + 1;
      this.#options.context.resync(witness.node, () => {
        if (!this.#isDone && this.#round === round + 1) this.start(round + 1);
      });
      return;
    }
    if (reply.kind === "slot-scan-reply") {
      witness.reply = reply;
      witness.collected = new Map(reply.parts.map(({ slot, collected }) => [slot, collected]));
    }
    this.#onOver(witness, round);
  }

  #onOver(witness: Witness, round: number): void {
    if (this.#isDone || round !== this.#round) return;
    witness.isOver = true;
    this.#judge(round);
  }

  #watch(round: number): void {
    this.#options.clock.after(LOOK_MS, () => {
      if (this.#isDone) return;
      const isLate = this.#options.context.monotonicMs() >= this.#deadlineMs;
      if (round !== this.#round) {
        // Memberships are being exchanged; the page that follows has a watch of its own.
        if (isLate) this.#end(readFailure("timed-out"));
        else this.#watch(round);
        return;
      }
      this.#judge(round);
      if (!this.#isDone) this.#watch(round);
    });
  }

  #judge(round: number): void {
    if (this.#isDone || round !== this.#round) return;
    const nowMs = this.#options.context.monotonicMs();
    const isAllOver = this.#witnesses.every(({ isOver }) => isOver);
    const isEnough = nowMs - this.#startMs >= LATE_MS && this.#thin(this.#last).size === 0;
    if (!isAllOver && !isEnough && nowMs < this.#deadlineMs) return;
    this.#finish();
  }

  /** Slots up to `last` that fewer than a read quorum have told of, and how many have. */
  #thin(last: Slot): Map<Slot, number> {
    const told = new Set(
      this.#witnesses.flatMap(({ node, reply }) => (reply === undefined ? [] : [node])),
    );
    const thin = new Map<Slot, number>();
    if (told.size === this.#witnesses.length) return thin;
    for (const slot of this.#slots) {
      if (slot > last) break;
      const primaries = this.#placement.primaries(slot);
      const copies = primaries.filter((node) => told.has(node)).length;
      if (copies < majority(primaries.length)) thin.set(slot, copies);
    }
    return thin;
  }

  #finish(): void {
    const { cut, next } = this.#whereToEnd();
    const thin = this.#thin(this.#lastSlotBefore(cut));
    if (thin.size > 0 && !this.#request.allowsThin) return this.#fail(thin);
    const cells: KeyedCell[] = [];
    for (const place of this.#placesUpTo(cut)) {
      const merged = this.#merged(place);
      if (merged === "damaged") {
        if (!this.#request.allowsThin) return this.#failDamaged(place);
        const { slot, copies } = place;
        const intact = copies.filter(({ bytes }) => bytes !== undefined).length;
        thin.set(slot, Math.min(intact, thin.get(slot) ?? intact));
      } else if (merged !== undefined) {
        const { key, field } = place;
        cells.push({ key, field, bytes: merged });
      }
    }
    this.#end({ kind: "page", cells, next, thin: rangesOf(thin) });
  }

  /**
   * Everything up to `cut` goes into the page, everything if that is `undefined`. Where the last slot was not looked at to its
   * end, the page ends before it, so that a slot is looked at in one go; unless it is the only one. Then it ends before the last
   * key, and within a key only where that is all there is.
   */
  #whereToEnd(): { readonly cut: StorageKey | undefined; readonly next: string | undefined } {
    let frontier: StorageKey | undefined;
    for (const { reply } of this.#witnesses) {
      const through = reply?.through;
      if (through !== undefined && (frontier === undefined || through < frontier))
        frontier = through;
    }
    if (frontier === undefined) {
      const { before } = slotRange(this.#last);
      const isAll = wantedFrom((this.#last + 1) as Slot, this.#request).length === 0;
      return { cut: undefined, next: isAll ? undefined : before };
    }
    const slot = slotAt(frontier);
    if (slot === undefined || slot > this.#request.lastSlot)
      return { cut: frontier, next: undefined };
    if (slot > this.#first) {
      const { from } = slotRange(slot);
      return { cut: from, next: from };
    }
    const key = parseCellKey(frontier)?.key;
    const beforeKey = key === undefined ? "" : positionBefore(slot, key);
    // One that begins where the page does is more than a page itself.
    const isBehind = beforeKey > (this.#request.cursor ?? slotRange(slot).from);
    const end = isBehind ? beforeKey : frontier;
    return { cut: end, next: end };
  }

  /** The last slot of which the page says something. */
  #lastSlotBefore(cut: StorageKey | undefined): Slot {
    if (cut === undefined) return this.#last;
    const slot = slotAt(cut);
    if (slot === undefined || slot > this.#last) return this.#last;
    const isBegun = cut > slotRange(slot).from;
    return isBegun || slot === this.#first ? slot : ((slot - 1) as Slot);
  }

  /** What anybody holds, in storage order. */
  #placesUpTo(cut: StorageKey | undefined): Place[] {
    const places = new Map<StorageKey, Place>();
    const wanted = new Set(this.#slots);
    for (const witness of this.#witnesses) {
      for (const { slot, cells } of witness.reply?.parts ?? []) {
        if (!wanted.has(slot) || !this.#placement.isPrimary(slot, witness.node)) continue;
        for (const { key, field, bytes } of cells) {
          const position = cellKey(slot, key, field);
          if (cut !== undefined && position > cut) continue;
          const copy = { witness, bytes: bytes.length === 0 ? undefined : bytes };
          const place = places.get(position);
          if (place === undefined) places.set(position, { slot, key, field, copies: [copy] });
          else place.copies.push(copy);
        }
      }
    }
    return [...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, place]) => place);
  }

  /** What stands in a place by the word of all who told; `undefined`: nothing, it was deleted. */
  #merged(place: Place): Uint8Array | "damaged" | undefined {
    const { slot, key, field, copies } = place;
    const intact = copies.filter((copy) => copy.bytes !== undefined);
    if (intact.length < copies.length && !this.#isQuorum(slot, copies.length - intact.length)) {
      return "damaged";
    }
    let merged: { readonly cell: Cell; readonly bytes: Uint8Array } | undefined;
    let last: Uint8Array | undefined;
    for (const copy of intact) {
      const bytes = copy.bytes as Uint8Array;
      if (this.#isOutranked(place, copy)) continue;
      if (last !== undefined && isSame(bytes, last)) continue;
      last = bytes;
      const cell = decodeCell(bytes, key, field);
      // It was intact when it was sent: the page is asked for again.
      if (cell === "damaged") return "damaged";
      if (merged === undefined) {
        merged = { cell, bytes };
        continue;
      }
      const winner = mergeCells(merged.cell, cell);
      if (winner === merged.cell) continue;
      merged = {
        cell: winner,
        bytes: winner === cell ? bytes : encodeCell(winner, key, field),
      };
    }
    return merged?.bytes;
  }

  /** Whether those who told of a slot, but for so many, still make a read quorum. */
  #isQuorum(slot: Slot, but: number): boolean {
    const primaries = this.#placement.primaries(slot);
    const told = this.#witnesses.filter(
      ({ node, reply }) => reply !== undefined && primaries.includes(node),
    );
    return told.length - but >= majority(primaries.length);
  }

  /** Whether somebody has collected past this cell, further than the one who gave it, and does not hold it. */
  #isOutranked({ slot, copies }: Place, { witness, bytes }: Copy): boolean {
    const collected = witness.collected.get(slot) ?? NO_STAMP;
    const stamp = peekStamp(bytes as Uint8Array) ?? NO_STAMP;
    return this.#witnesses.some((other) => {
      if (other === witness || other.reply === undefined) return false;
      const theirs = other.collected.get(slot) ?? NO_STAMP;
      if (compareStamps(theirs, stamp) < 0 || compareStamps(theirs, collected) <= 0) return false;
      const copy = copies.find((held) => held.witness === other);
      // What it holds and cannot read is no word against others.
      if (copy !== undefined && copy.bytes === undefined) return false;
      return copy === undefined || !isSame(copy.bytes as Uint8Array, bytes as Uint8Array);
    });
  }

  #fail(thin: ReadonlyMap<Slot, number>): void {
    const isLate = this.#options.context.monotonicMs() >= this.#deadlineMs;
    const of = this.#placement.effectiveReplicas;
    const quorum = { acks: Math.min(...thin.values()), of, hinted: 0 };
    this.#end(readFailure(isLate ? "timed-out" : "quorum-unreachable", quorum));
  }

  #failDamaged({ slot, copies }: Place): void {
    const of = this.#placement.primaries(slot).length;
    const acks = copies.filter(({ bytes }) => bytes !== undefined).length;
    this.#end(readFailure("damaged", { acks, of, hinted: 0 }));
  }

  #end(outcome: BackupOutcome): void {
    this.#isDone = true;
    this.#done(outcome);
  }
}

const EMPTY_PAGE: BackupOutcome = { kind: "page", cells: [], next: undefined, thin: [] };

/** Behind everything that stands before a key in its slot. */
function positionBefore(slot: Slot, key: Key): StorageKey {
  // A root ends with a tag of its own.
  return cellKey(slot, key, undefined).slice(0, -1);
}

/** The slots that are asked for, from this one on. */
function wantedFrom(first: Slot, { lastSlot, slots }: BackupRequest): readonly Slot[] {
  if (slots !== undefined) return slots.filter((slot) => slot >= first && slot <= lastSlot);
  const length = Math.max(0, lastSlot - first + 1);
  return Array.from({ length }, (_none, index) => (first + index) as Slot);
}

/** Of these slots as many, from the first on, as need no more witnesses than are asked for one page. */
function windowOf(
  placement: Placement,
  wanted: readonly Slot[],
): { readonly slots: readonly Slot[]; readonly nodes: readonly NodeId[] } {
  const nodes = new Set<NodeId>();
  let count = 0;
  for (const slot of wanted) {
    // Once everybody is a witness, no later slot can add one.
    if (nodes.size === placement.memberIds.length) return { slots: wanted, nodes: [...nodes] };
    const added = placement.primaries(slot).filter((node) => !nodes.has(node));
    if (count > 0 && nodes.size + added.length > WITNESSES_MAX) break;
    for (const node of added) nodes.add(node);
    count += 1;
  }
  return { slots: wanted.slice(0, count), nodes: [...nodes] };
}

/** Neighbours with as many copies as one range. */
function rangesOf(thin: ReadonlyMap<Slot, number>): ThinSlots[] {
  const ranges: ThinSlots[] = [];
  for (const [slot, copies] of [...thin].sort(([a], [b]) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last.lastSlot + 1 === slot && last.copies === copies) {
      ranges[ranges.length - 1] = { ...last, lastSlot: slot };
    } else ranges.push({ firstSlot: slot, lastSlot: slot, copies });
  }
  return ranges;
}

/** The checksum is over the address too, so copies of one place with equal ones are equal. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && checksumOf(a) === checksumOf(b);
}
