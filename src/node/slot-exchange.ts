/**
 * One exchange of one slot with one peer: both sides list their cells page by page, each gets what it lacks.
 *
 * Invariant: the exchange is complete only if every difference listed was merged and committed on both sides
 * (on the peer's alone when not pulling); whatever is written meanwhile is not its business.
 * Source: docs/ARCHITECTURE.md, "Convergence".
 */
import { cellKey } from "../core/causality/storage-key.ts";
import type { CellAddress } from "../model/cell.ts";
import type { NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import type { CellDigest, KeyedCell, PeerReply, PeerRequest } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import type { BackgroundShare } from "./background-share.ts";
import type { CellStore } from "./cell-store.ts";
import type { Counters } from "./counters.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

/** Cells listed at once, on each side. */
const PAGE_CELLS_MAX = 1_024;
/** Bytes of cells sent in one message; a larger cell travels alone. */
export const MERGE_BYTES_MAX = 512 * 1024;
/** A step that takes longer than this ends the exchange; it begins again later. */
const STEP_MS_MAX = 10_000;

export interface ExchangePorts {
  readonly peers: Peers;
  readonly replica: Replica;
  readonly cells: CellStore;
  readonly counters: Counters;
  readonly share: BackgroundShare;
  readonly monotonicMs: () => number;
}

/** Asks a peer; `undefined` for anything but an answer of that kind. */
export function askPeer<Kind extends PeerReply["kind"]>(
  ports: ExchangePorts,
  to: NodeId,
  message: PeerRequest,
  kind: Kind,
  done: (reply: Extract<PeerReply, { kind: Kind }> | undefined) => void,
): void {
  const sink = {
    onReply: (_from: NodeId, _token: number, reply: PeerReply): void =>
      done(reply.kind === kind ? (reply as Extract<PeerReply, { kind: Kind }>) : undefined),
    onNoAnswer: (): void => done(undefined),
  };
  const deadlineMs = ports.monotonicMs() + STEP_MS_MAX;
  if (!ports.peers.request(to, encodeMessage(message), deadlineMs, sink, 0)) done(undefined);
}

export interface SlotExchangeOptions {
  readonly ports: ExchangePorts;
  readonly peer: NodeId;
  readonly slot: Slot;
  /** Whether this node is to hold the slot too; a holder of foreign cells only gives. */
  readonly isPulling: boolean;
  readonly done: (isComplete: boolean) => void;
}

interface Address {
  readonly key: Key;
  readonly field: CellAddress;
}

export class SlotExchange {
  readonly #options: SlotExchangeOptions;
  #release: (() => void) | undefined;
  #isEnded = false;

  constructor(options: SlotExchangeOptions) {
    this.#options = options;
  }

  /** Begins as soon as the background's share allows. */
  start(): void {
    this.#options.ports.share.admit((release) => {
      this.#release = release;
      this.#page("");
    });
  }

  #page(after: string): void {
    const { ports, peer, slot } = this.#options;
    const list = { kind: "slot-list", slot, after, limit: PAGE_CELLS_MAX } as const;
    askPeer(ports, peer, list, "slot-list-reply", (theirs) => {
      if (theirs === undefined) return this.#end(false);
      // A node that fills up has most slots empty, and need not read its disk to know it.
      if (ports.cells.isBuilt && ports.cells.hashes.count(slot) === 0) {
        return this.#settle(within(theirs.digests, slot, undefined), new Map(), theirs.next);
      }
      ports.replica.digests(slot, after, PAGE_CELLS_MAX, (mine) => {
        if (mine === undefined) return this.#end(false);
        // Only what both pages reach can be compared; the rest waits for the next page.
        const upTo = least(theirs.next, mine.next);
        this.#settle(within(theirs.digests, slot, upTo), within(mine.digests, slot, upTo), upTo);
      });
    });
  }

  #settle(
    theirs: ReadonlyMap<string, CellDigest>,
    mine: ReadonlyMap<string, CellDigest>,
    upTo: string | undefined,
  ): void {
    const { isPulling } = this.#options;
    const wanted: Address[] = [];
    const offered: Address[] = [];
    for (const [place, digest] of theirs) {
      const own = mine.get(place);
      if (own?.checksum === digest.checksum) continue;
      if (isPulling) wanted.push(digest);
      // Where checksums differ both send and both merge: a stamp alone does not tell what else differs.
      if (own !== undefined) offered.push(own);
    }
    for (const [place, digest] of mine) if (!theirs.has(place)) offered.push(digest);
    this.#pull(wanted, () =>
      this.#push(offered, () => {
        if (upTo === undefined) this.#end(true);
        else this.#page(upTo);
      }),
    );
  }

  #pull(wanted: readonly Address[], then: () => void): void {
    if (wanted.length === 0) return then();
    const { ports, peer, slot } = this.#options;
    const fetch = { kind: "fetch", slot, wanted: wanted.map(addressOf) } as const;
    askPeer(ports, peer, fetch, "fetch-reply", (reply) => {
      if (reply === undefined) return this.#end(false);
      ports.counters.add("exchange-cells-pulled", reply.cells.length);
      ports.replica.merge(slot, reply.cells, (merged) => {
        if (merged.kind !== "merge-reply") return this.#end(false);
        const got = new Set(reply.cells.map(({ key, field }) => cellKey(slot, key, field)));
        // A page holds only so many bytes; what the peer no longer holds at all is not asked for for ever.
        if (got.size === 0) return then();
        this.#pull(
          wanted.filter(({ key, field }) => !got.has(cellKey(slot, key, field))),
          then,
        );
      });
    });
  }

  #push(offered: readonly Address[], then: () => void): void {
    const { ports, peer, slot } = this.#options;
    const cells: KeyedCell[] = [];
    let bytesTotal = 0;
    let taken = 0;
    for (const { key, field } of offered) {
      const found = ports.cells.find(slot, key, field);
      // A frame holds the largest value alone, and little more.
      const isOver = found.kind === "held" && bytesTotal + found.bytes.length > MERGE_BYTES_MAX;
      if (cells.length > 0 && isOver) break;
      taken += 1;
      if (found.kind === "absent") continue;
      // It was listed, so it is owed: what cannot be read now leaves the exchange incomplete.
      if (found.kind !== "held") return this.#end(false);
      cells.push({ key, field, bytes: found.bytes });
      bytesTotal += key.length + found.bytes.length;
    }
    if (cells.length === 0) return then();
    askPeer(ports, peer, { kind: "merge", slot, cells }, "merge-reply", (reply) => {
      if (reply === undefined) return this.#end(false);
      ports.counters.add("exchange-cells-pushed", cells.length);
      this.#push(offered.slice(taken), then);
    });
  }

  #end(isComplete: boolean): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#release?.();
    this.#options.done(isComplete);
  }
}

function addressOf({ key, field }: Address): Address {
  return { key, field };
}

function least(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined) return b;
  return b === undefined || a < b ? a : b;
}

function within(
  digests: readonly CellDigest[],
  slot: Slot,
  upTo: string | undefined,
): Map<string, CellDigest> {
  const places = new Map<string, CellDigest>();
  for (const digest of digests) {
    const place = cellKey(slot, digest.key, digest.field);
    if (upTo === undefined || place <= upTo) places.set(place, digest);
  }
  return places;
}
