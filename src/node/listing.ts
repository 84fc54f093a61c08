/**
 * Listing: one page of live keys, over the whole cluster, in slot order. A page asks every primary of a window of
 * slots for what it holds from the cursor on, and merges as far as a read quorum of each slot has looked.
 *
 * Invariant: a page ends where the least of its witnesses stopped, so no slot is passed over with fewer votes than a
 * read would take; a replica that is behind is outvoted by the stamp of one that is not. A key that can be seen only
 * as damaged is not passed over: the page fails, as a read would.
 */
import { decodeRoot } from "../core/causality/cell-codec.ts";
import { mergeRoots } from "../core/causality/merge.ts";
import { cellKey } from "../core/causality/storage-key.ts";
import { visibleRoot } from "../core/causality/view.ts";
import type { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { majority } from "../core/replication/quorum.ts";
import type { RootCell } from "../model/cell.ts";
import type { NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { ListEntry, ListOutcome } from "../model/outcome.ts";
import type { PeerReply, PeerRequest } from "../model/peer-message.ts";
import type { ListRequest } from "../model/request.ts";
import type { Slot } from "../model/slot.ts";
import { maxStamp, NO_STAMP, type Stamp } from "../model/stamp.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import { cursorAtSlot, placeOfCursor } from "./list-cursor.ts";
import { RESYNC_ROUNDS_MAX, type RequestContext, readFailure } from "./request-context.ts";

/** Nodes asked for one page: a window ends before the slot that would need more. */
const WITNESSES_MAX = 16;
/** Witnesses that are late by this much are done without, where the others make a quorum. */
const LATE_MS = 50;
/** After this long a page is answered with whoever looked. */
const SILENCE_MS = 1_000;

type ListReply = Extract<PeerReply, { kind: "list-reply" }>;

interface Witness {
  readonly node: NodeId;
  reply: ListReply | undefined;
  isOver: boolean;
}

interface Page {
  /** Under which everybody was asked, and answers: whose looks make a quorum is a matter of that one alone. */
  readonly placement: Placement;
  readonly request: ListRequest;
  readonly firstSlot: Slot;
  readonly lastSlot: Slot;
  readonly after: string;
  readonly witnesses: Witness[];
  readonly startMs: number;
  readonly deadlineMs: number;
  readonly done: (outcome: ListOutcome) => void;
  rounds: number;
  /** Somebody sees another placement: the page begins again once memberships have been exchanged. */
  isDisputed: boolean;
  isDone: boolean;
}

export interface ListingOptions {
  readonly context: RequestContext;
  readonly after: (delayMs: number, callback: () => void) => void;
}

/** Answers one page. `deadlineMs` is monotonic; the cursor is a storage key, or `undefined` for the beginning. */
export function listPage(
  options: ListingOptions,
  request: ListRequest,
  deadlineMs: number,
  done: (outcome: ListOutcome) => void,
  rounds = 0,
): void {
  const { context } = options;
  const start = placeOfCursor(request.cursor);
  if (start === undefined) {
    done({ kind: "page", entries: [], next: undefined });
    return;
  }
  const placement = context.placement();
  const window = windowFrom(placement, start.slot);
  const page: Page = {
    placement,
    request,
    firstSlot: start.slot,
    lastSlot: window.lastSlot,
    after: start.after,
    witnesses: window.nodes.map((node) => ({ node, reply: undefined, isOver: false })),
    startMs: context.monotonicMs(),
    deadlineMs,
    done,
    rounds,
    isDisputed: false,
    isDone: false,
  };
  for (const witness of page.witnesses) ask(options, page, witness);
  judge(options, page);
  watch(options, page, LATE_MS);
}

function windowFrom(placement: Placement, first: Slot): { lastSlot: Slot; nodes: NodeId[] } {
  const nodes = new Set<NodeId>(placement.primaries(first));
  let last = first;
  for (let index = first + 1; index < SLOT_COUNT; index += 1) {
    const added = placement.primaries(index as Slot).filter((node) => !nodes.has(node));
    if (nodes.size + added.length > WITNESSES_MAX) break;
    for (const node of added) nodes.add(node);
    last = index as Slot;
    // Once everybody is a witness, no later slot can add one.
    if (nodes.size === placement.memberIds.length) {
      last = (SLOT_COUNT - 1) as Slot;
      break;
    }
  }
  return { lastSlot: last, nodes: [...nodes] };
}

function ask(options: ListingOptions, page: Page, witness: Witness): void {
  const { context } = options;
  const message: Extract<PeerRequest, { kind: "list" }> = {
    kind: "list",
    firstSlot: page.firstSlot,
    lastSlot: page.lastSlot,
    after: page.after,
    prefix: page.request.prefix,
    limit: page.request.limit,
    withValues: page.request.withValues,
  };
  const onReply = (reply: PeerReply): void => {
    if (reply.kind === "list-reply") witness.reply = reply;
    witness.isOver = true;
    const isDisputed = reply.kind === "refused" && reply.reason === "epoch";
    if (isDisputed && page.rounds < RESYNC_ROUNDS_MAX && !page.isDone && !page.isDisputed) {
      // The placement decides whom a page must hear, so it begins again under the one both agree on.
      page.isDisputed = true;
      context.resync(witness.node, () => {
        if (page.isDone) return;
        page.isDone = true;
        listPage(options, page.request, page.deadlineMs, page.done, page.rounds + 1);
      });
      return;
    }
    judge(options, page);
  };
  if (witness.node === context.self) {
    context.replica.list(message, onReply);
    return;
  }
  const sink = {
    onReply: (_from: NodeId, _token: number, reply: PeerReply): void => onReply(reply),
    onNoAnswer: (): void => {
      witness.isOver = true;
      judge(options, page);
    },
  };
  const isSent = context.peers.request(
    witness.node,
    encodeMessage(message),
    page.deadlineMs,
    sink,
    0,
  );
  if (!isSent) witness.isOver = true;
}

function watch(options: ListingOptions, page: Page, delayMs: number): void {
  options.after(delayMs, () => {
    if (page.isDone) return;
    judge(options, page);
    if (!page.isDone) watch(options, page, LATE_MS);
  });
}

function judge(options: ListingOptions, page: Page): void {
  if (page.isDone) return;
  const nowMs = options.context.monotonicMs();
  // What was heard under a placement that is disputed makes no page; the deadline holds all the same.
  if (page.isDisputed) {
    if (nowMs >= page.deadlineMs) fail(options, page);
    return;
  }
  const elapsedMs = nowMs - page.startMs;
  const isAllOver = page.witnesses.every(({ isOver }) => isOver);
  if (isAllOver || (elapsedMs >= LATE_MS && isCovered(page, "quorum"))) {
    finish(options, page);
    return;
  }
  const isPatienceOver = elapsedMs >= SILENCE_MS && isCovered(page, "one");
  if (isPatienceOver || nowMs >= page.deadlineMs) finish(options, page);
}

/** Whether each slot of the window was looked at by a read quorum of its primaries, or at least by one. */
function isCovered(page: Page, need: "quorum" | "one"): boolean {
  const missing = page.witnesses.filter(({ reply }) => reply === undefined);
  if (missing.length === 0) return true;
  for (let index = page.firstSlot as number; index <= page.lastSlot; index += 1) {
    const primaries = page.placement.primaries(index as Slot);
    const lost = missing.filter(({ node }) => primaries.includes(node)).length;
    const needed = need === "one" ? 1 : majority(primaries.length);
    if (primaries.length - lost < needed) return false;
  }
  return true;
}

function finish(options: ListingOptions, page: Page): void {
  const { context } = options;
  if (!isCovered(page, "one")) return fail(options, page);
  page.isDone = true;
  const frontier = frontierOf(page);
  const roots = new Map<string, { key: Key; root: RootCell }>();
  /** Witnesses by place whose copy there is damaged: they have no say in it. */
  const damaged = new Map<string, { slot: Slot; count: number }>();
  for (const { reply } of page.witnesses) {
    for (const { slot, key, bytes } of reply?.entries ?? []) {
      const place = cellKey(slot, key, undefined);
      if (frontier !== undefined && place > frontier) continue;
      const root = decodeRoot(bytes, key);
      if (root === "damaged") {
        damaged.set(place, { slot, count: (damaged.get(place)?.count ?? 0) + 1 });
        continue;
      }
      const held = roots.get(place);
      roots.set(place, { key, root: held === undefined ? root : mergeRoots(held.root, root) });
    }
  }
  for (const [place, { slot, count }] of damaged) {
    if (roots.has(place)) continue;
    const primaries = page.placement.primaries(slot);
    const looked = page.witnesses.filter(
      ({ node, reply }) => reply !== undefined && primaries.includes(node),
    );
    if (looked.length - count >= majority(primaries.length)) continue;
    const quorum = { acks: looked.length - count, of: primaries.length, hinted: 0 };
    page.done(readFailure("damaged", quorum));
    return;
  }
  const floors = flushedIn(page);
  const places = [...roots.keys()].sort();
  const entries: ListEntry[] = [];
  let next = nextOf(page, frontier);
  let last = next;
  for (const place of places) {
    const { key, root } = roots.get(place) as { key: Key; root: RootCell };
    if (visibleRoot(root, context.wallMs(), floors.get(slotOfKey(key))) === undefined) continue;
    if (entries.length === page.request.limit) {
      next = last;
      break;
    }
    entries.push({ key, root });
    last = place;
  }
  page.done({ kind: "page", entries, next, isPartial: !isCovered(page, "quorum") });
}

function fail({ context }: ListingOptions, page: Page): void {
  page.isDone = true;
  const quorum = {
    acks: page.witnesses.filter(({ reply }) => reply !== undefined).length,
    of: page.witnesses.length,
    hinted: 0,
  };
  const isLate = context.monotonicMs() >= page.deadlineMs;
  page.done(readFailure(isLate ? "timed-out" : "quorum-unreachable", quorum));
}

/** The greatest flush floor of each slot that any witness knows. */
function flushedIn(page: Page): Map<Slot, Stamp> {
  const floors = new Map<Slot, Stamp>();
  for (const { reply } of page.witnesses) {
    for (const { slot, stamp } of reply?.flushed ?? []) {
      floors.set(slot, maxStamp(floors.get(slot) ?? NO_STAMP, stamp));
    }
  }
  return floors;
}

/** The storage key up to which every witness has looked; `undefined`: the whole window. */
function frontierOf(page: Page): string | undefined {
  let frontier: string | undefined;
  for (const { reply } of page.witnesses) {
    if (reply === undefined || reply.through === "") continue;
    if (frontier === undefined || reply.through < frontier) frontier = reply.through;
  }
  return frontier;
}

function nextOf(page: Page, frontier: string | undefined): string | undefined {
  if (frontier !== undefined) return frontier;
  return page.lastSlot === SLOT_COUNT - 1 ? undefined : cursorAtSlot((page.lastSlot + 1) as Slot);
}
