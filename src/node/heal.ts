/**
 * Heals damaged cells: asks the other primaries of a key for what they hold in the damaged place, and puts the merge of
 * it there.
 *
 * Invariant: a place leaves the queue only when what stands there can be read again, or nothing is to stand there. Bounded
 * by what the cell store remembers as damaged; HEALS_MAX are asked for at once; each is asked for again, ever more
 * rarely, until it is healed.
 * Source: docs/ARCHITECTURE.md, "Damage".
 */
import { Heap } from "../base/heap.ts";
import { encodeCell } from "../core/causality/cell-codec.ts";
import { mergeCells } from "../core/causality/merge.ts";
import { type CellPlace, cellKey } from "../core/causality/storage-key.ts";
import type { Placement } from "../core/placement/placement.ts";
import { answersNeeded, judgeMending, type MendingVerdict } from "../core/replication/mending.ts";
import type { EncodedCell } from "../model/cell.ts";
import type { NodeId } from "../model/ids.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { ROOT_ONLY } from "../model/selection.ts";
import type { Slot } from "../model/slot.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { StorageKey } from "../ports/storage.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import type { Work } from "./background-share.ts";
import { type CellStore, type DecodedCell, decodeAll } from "./cell-store.ts";
import type { Counters } from "./counters.ts";
import type { Peers } from "./peers.ts";

/** Cells asked for at once. */
const HEALS_MAX = 8;
const TICK_MS = 100;
/** A peer that takes longer has not answered. */
const ANSWER_MS_MAX = 5_000;
/** A heal that could not be finished is tried again after this long, and twice as long each time. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;

/** What one replica says of one cell. */
export type CellAnswer =
  | { readonly kind: "held"; readonly cell: DecodedCell }
  | { readonly kind: "absent" | "damaged" | "silent" };

export interface HealsOptions {
  readonly self: NodeId;
  readonly cells: CellStore;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  readonly placement: () => Placement;
  readonly ask: (to: NodeId, place: CellPlace, done: (answer: CellAnswer) => void) => void;
  /** Begins a heal when background work may. */
  readonly admit: (work: Work) => void;
  /** A cell of the slot was found damaged: this node is no authority on what the slot lacks. */
  readonly onDamaged?: (slot: Slot) => void;
}

interface Heal {
  readonly place: CellPlace;
  tries: number;
}

export class Heals {
  readonly #options: HealsOptions;
  /** By when they are due. */
  readonly #queue = new Heap<Heal>();
  readonly #known = new Set<StorageKey>();
  readonly #beyondHelp = new Set<StorageKey>();
  #running = 0;
  #isTicking = false;
  #isClosed = false;

  constructor(options: HealsOptions) {
    this.#options = options;
  }

  /** Cells of which every copy was found damaged, when they were last asked for. */
  get beyondHelp(): number {
    return this.#beyondHelp.size;
  }

  /** A cell was found damaged. */
  add(place: CellPlace): void {
    const { clock, counters, log, onDamaged } = this.#options;
    const storageKey = cellKey(place.slot, place.key, place.field);
    if (this.#isClosed || this.#known.has(storageKey)) return;
    if (this.#known.size === 0) log.log("warn", "damage-found", { slot: place.slot });
    this.#known.add(storageKey);
    counters.add("cells-found-damaged");
    onDamaged?.(place.slot);
    this.#queue.push(clock.monotonicMs(), { place, tries: 0 });
    this.#tickLater(0);
  }

  close(): void {
    this.#isClosed = true;
  }

  #tickLater(delayMs: number): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    // Never within the call that found the damage: that one is looking at cells.
    this.#options.clock.after(delayMs, () => {
      this.#isTicking = false;
      if (this.#isClosed) return;
      this.#startMore();
      if (this.#known.size > 0) this.#tickLater(TICK_MS);
    });
  }

  #startMore(): void {
    const nowMs = this.#options.clock.monotonicMs();
    while (this.#running < HEALS_MAX && this.#queue.leastRank <= nowMs) {
      const heal = this.#queue.pop();
      if (heal === undefined) return;
      this.#running += 1;
      this.#options.admit((release) => {
        this.#start(heal, () => {
          this.#running -= 1;
          release();
        });
      });
    }
  }

  #start(heal: Heal, asked: () => void): void {
    const { cells, self, placement, ask } = this.#options;
    const { slot, key, field } = heal.place;
    const now = placement();
    const others = now.primaries(slot).filter((node) => node !== self);
    const found = cells.find(slot, key, field);
    if (found.kind !== "damaged" || others.length === 0) {
      asked();
      if (found.kind === "held" || found.kind === "absent") this.#forget(heal);
      else this.#retry(heal, "later");
      return;
    }
    const answers: CellAnswer[] = [];
    let waiting = others.length;
    for (const other of others) {
      ask(other, heal.place, (answer) => {
        waiting -= 1;
        // What only a member that is being removed held is given up: nobody waits for its word.
        const isGivenUp = answer.kind === "silent" && now.removingIds.includes(other);
        if (!isGivenUp) answers.push(answer);
        if (waiting > 0) return;
        asked();
        if (this.#isClosed) return;
        // Whose answers tell all is a matter of the placement they were asked under.
        if (placement().epoch === now.epoch) this.#judge(heal, now, answers);
        else this.#retry(heal, "later");
      });
    }
  }

  #judge(heal: Heal, placement: Placement, answers: readonly CellAnswer[]): void {
    const { cells, counters, self } = this.#options;
    const { slot, key, field } = heal.place;
    const count = (kind: CellAnswer["kind"]): number =>
      answers.filter((answer) => answer.kind === kind).length;
    const isPrimary = placement.isPrimary(slot, self);
    const verdict = judgeMending(
      {
        held: count("held"),
        absent: count("absent"),
        damaged: count("damaged"),
        silent: count("silent"),
      },
      answersNeeded(placement.primaries(slot).length, isPrimary),
    );
    if (verdict === "later" || verdict === "all-damaged") return this.#retry(heal, verdict);
    const isDamaged = cells.find(slot, key, field).kind === "damaged";
    if (!cells.mend(slot, key, field, merged(heal.place, answers))) {
      return this.#retry(heal, "later");
    }
    if (isDamaged) counters.add(verdict === "mend" ? "cells-mended" : "cells-lost");
    this.#forget(heal);
  }

  #retry(heal: Heal, verdict: MendingVerdict): void {
    const { clock } = this.#options;
    const { slot, key, field } = heal.place;
    const isBeyondHelp = verdict === "all-damaged";
    if (isBeyondHelp) this.#beyondHelp.add(cellKey(slot, key, field));
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(heal.tries, 10));
    heal.tries += 1;
    this.#queue.push(clock.monotonicMs() + (isBeyondHelp ? RETRY_MS_MAX : pauseMs), heal);
  }

  #forget({ place: { slot, key, field } }: Heal): void {
    const storageKey = cellKey(slot, key, field);
    this.#known.delete(storageKey);
    this.#beyondHelp.delete(storageKey);
    this.#startMore();
  }
}

/** What the replicas hold together; `undefined` when none holds anything. */
function merged(
  { key, field }: CellPlace,
  answers: readonly CellAnswer[],
): DecodedCell | undefined {
  let whole: DecodedCell | undefined;
  for (const answer of answers) {
    if (answer.kind !== "held") continue;
    const { cell } = answer;
    const after = mergeCells(whole?.cell, cell.cell);
    if (after === whole?.cell) continue;
    whole =
      after === cell.cell ? cell : { field, cell: after, bytes: encodeCell(after, key, field) };
  }
  return whole;
}

/** Asks a peer for one cell; a root in the words of a read, so that only who has a vote says that there is none. */
export function askForCell(
  { peers, monotonicMs }: { readonly peers: Peers; readonly monotonicMs: () => number },
  to: NodeId,
  { slot, key, field }: CellPlace,
  done: (answer: CellAnswer) => void,
): void {
  const onReply = (_from: NodeId, _token: number, reply: PeerReply): void => {
    if (reply.kind === "refused" && reply.reason === "damaged") return done({ kind: "damaged" });
    if (reply.kind === "fetch-reply" && reply.unreadable.length > 0) {
      return done({ kind: "damaged" });
    }
    const cells = cellsOf(reply);
    if (cells === undefined) return done({ kind: "silent" });
    const given = cells.find((cell) => cell.field === field);
    if (given === undefined) return done({ kind: "absent" });
    const cell = decodeAll(key, [given])?.[0];
    done(cell === undefined ? { kind: "damaged" } : { kind: "held", cell });
  };
  const sink = { onReply, onNoAnswer: (): void => done({ kind: "silent" }) };
  const body = encodeMessage(
    field === undefined
      ? { kind: "read", key, selection: ROOT_ONLY, want: "cells" }
      : { kind: "fetch", wanted: [{ slot, key, field }] },
  );
  if (!peers.request(to, body, monotonicMs() + ANSWER_MS_MAX, sink, 0)) done({ kind: "silent" });
}

/** The cells that one key's answer carries; `undefined` when it is none. */
function cellsOf(reply: PeerReply): readonly EncodedCell[] | undefined {
  if (reply.kind === "cells-reply") return reply.cells;
  return reply.kind === "fetch-reply" ? reply.parts.flatMap(({ cells }) => cells) : undefined;
}
