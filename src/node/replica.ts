/**
 * What a node does for others with its own cells: takes writes, answers reads, lists, merges. The
 * coordinator of this very node asks it in the same words as a peer.
 *
 * Invariant: no answer says that something is held before it is durable, and nothing is answered for a slot
 * whose placement the asker sees differently. What is damaged or cannot be read is never answered for as absent.
 */

import { checksumOf, decodeCell, encodeCell, isRootCell } from "../core/causality/cell-codec.ts";
import { cellKey, nextStorageKey, parseCellKey, slotRange } from "../core/causality/storage-key.ts";
import { isClearing } from "../core/causality/view.ts";
import type { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { DirtyMaps } from "../core/replication/dirty-maps.ts";
import type { Cell } from "../model/cell.ts";
import type { NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import type { PeerReply, PeerRequest, SlotCells } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import { compareStamps, maxStamp, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Storage, StorageError, StorageKey } from "../ports/storage.ts";
import { type CellStore, type DecodedCell, decodeAll } from "./cell-store.ts";
import type { Counters } from "./counters.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { ReplySink } from "./pending-requests.ts";
import { confirmRoot, type RootNow, readCells, readRootNow } from "./replica-read.ts";
import { type Reply, refuse } from "./reply.ts";
import type { SlotStates } from "./slot-states.ts";
import type { Votes } from "./votes.ts";

/** Work of one page of a listing. */
const SCAN_ENTRIES_MAX = 2_048;
const SCAN_BYTES_MAX = 1024 * 1024;
const NO_BYTES = new Uint8Array(0);

/** Values waiting for the disk: beyond this, writes are refused until it has caught up. */
const UNCOMMITTED_BYTES_MAX = 256 * 1024 * 1024;

/** A write reaches every node that answers within this time. */
const ON_ITS_WAY_MS = 1_000;

type RequestOf<Kind extends PeerRequest["kind"]> = Extract<PeerRequest, { kind: Kind }>;

export interface ReplicaOptions {
  readonly self: NodeId;
  readonly cells: CellStore;
  readonly commit: GroupCommit;
  readonly storage: Storage;
  readonly dirtyMaps: DirtyMaps;
  readonly placement: () => Placement;
  /** Wall clock, by which expiry is judged. */
  readonly nowMs: () => number;
  readonly commitNumber: () => number;
  /** Puts a changed dirty map into the forming commit. */
  readonly storeDirtyMap: (target: NodeId) => void;
  /** A value that was acknowledged loses to another that was written at the same time. */
  readonly onDiscarded: () => void;
  /** How far collection has come. */
  readonly states: SlotStates;
  /** What this node has promised to take no write at or below. */
  readonly mark: () => Stamp;
  /** Slots in which this node's word does not count. */
  readonly votes: Votes;
  /** The hybrid clock, as a stamp: what a write that came too late is to be stamped above. */
  readonly reading: () => Stamp;
  readonly counters: Counters;
  /** Sends the acknowledgement of a write, at once or when it may be counted. */
  readonly activation: () => {
    /** They are held back. */
    readonly isHolding: boolean;
    acknowledge(reply: Reply, said: PeerReply): void;
  };
}

type WriteReply = Extract<PeerReply, { kind: "write-reply" }>;

export class Replica {
  readonly #options: ReplicaOptions;
  /** What was said last of a write that was stored. */
  #stored: WriteReply = { kind: "write-reply", result: "stored", held: NO_STAMP, commitNumber: 0 };

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /**
   * Merges a write, or pushes it back; answers when what it says is durable.
   *
   * @param own The cells, where this node made them: those of peers are decoded, and their checksums compared.
   */
  write(request: RequestOf<"write">, reply: Reply, own?: readonly DecodedCell[]): void {
    const { cells, self } = this.#options;
    const { key } = request;
    const slot = slotOfKey(key);
    const roles = this.#options.placement().rolesOf(self);
    if (request.role === "primary" && !roles.isHolder(slot)) {
      refuse(reply, "not-owner", `slot ${slot} is not held here`);
      return;
    }
    if (this.#isBehindDisk(reply)) return;
    const decoded = own ?? decodeAll(key, request.cells);
    if (decoded === undefined) {
      refuse(reply, "damaged", "a cell fails its checksum");
      return;
    }
    if (decoded.some(({ cell }) => takesSpace(cell)) && this.#isLow(reply)) return;
    let newest = NO_STAMP;
    for (const { cell } of decoded) newest = maxStamp(newest, cell.stamp);
    const below = this.#below(slot, newest);
    if (below !== undefined) {
      const commitNumber = this.#options.commitNumber();
      reply({ kind: "write-reply", result: "below", held: below, commitNumber });
      return;
    }
    const [only] = decoded;
    if (decoded.length === 1 && only !== undefined && buildsOnNothing(request, newest)) {
      if (cells.overwrite(slot, key, only)) return this.#answerStored(slot, request, reply);
    }
    if (request.attempt === "first") {
      const held = this.#heldAbove(slot, request, decoded, newest);
      if (held === "unreadable") {
        refuse(reply, "failed", "what is held cannot be read");
        return;
      }
      if (held !== undefined) {
        reply({
          kind: "write-reply",
          result: "behind",
          held,
          commitNumber: this.#options.commitNumber(),
        });
        return;
      }
    }
    const taken = this.#taken(slot, key, decoded, newest);
    if (taken === undefined) {
      refuse(reply, "failed", "what the write builds on is not held here, and may not be taken");
      return;
    }
    const merged = cells.merge(slot, key, taken);
    if (merged.kind === "failed") {
      refuse(reply, "failed", merged.detail);
      return;
    }
    if (merged.kind === "damaged") {
      refuse(reply, "damaged", "the cell held fails its checksum, and may be newer");
      return;
    }
    const held = merged.isSuperseded ? this.#heldNow(slot, key, decoded) : undefined;
    this.#answerStored(slot, request, reply, held);
  }

  /**
   * As `write`, of a cell that this node makes as a primary and that builds on nothing, where what is held need not be looked at.
   * False, and nothing is done: `write` has the answer.
   *
   * @param asker Told, with the token, when it is durable.
   */
  overwrite(slot: Slot, key: Key, own: DecodedCell, asker: ReplySink, token: number): boolean {
    const { self, cells, commit, storage } = this.#options;
    if (!this.#options.placement().rolesOf(self).isHolder(slot)) return false;
    if (commit.uncommittedBytes >= UNCOMMITTED_BYTES_MAX || storage.isLow === true) return false;
    if (this.#below(slot, own.cell.stamp) !== undefined) return false;
    if (!cells.overwrite(slot, key, own)) return false;
    commit.whenDurable((error) => {
      if (error === undefined && !this.#options.activation().isHolding) {
        return asker.onReply(self, token, this.#storedReply(undefined));
      }
      const reply = (said: PeerReply): void => asker.onReply(self, token, said);
      if (error !== undefined) refuseStoring(reply, error);
      else this.#options.activation().acknowledge(reply, this.#storedReply(undefined));
    });
    return true;
  }

  /** @param superseding What stands in the place of what was written, where that is more. */
  #answerStored(
    slot: Slot,
    { unreached }: RequestOf<"write">,
    reply: Reply,
    superseding?: Stamp,
  ): void {
    if (unreached.length > 0) this.mark(slot, unreached);
    this.#options.commit.whenDurable((error) => {
      if (error !== undefined) return refuseStoring(reply, error);
      this.#options.activation().acknowledge(reply, this.#storedReply(superseding));
    });
  }

  #storedReply(superseding: Stamp | undefined): WriteReply {
    const commitNumber = this.#options.commitNumber();
    if (superseding !== undefined) {
      return { kind: "write-reply", result: "superseded", held: superseding, commitNumber };
    }
    // The same for all of a batch.
    if (this.#stored.commitNumber !== commitNumber)
      this.#stored = { ...this.#stored, commitNumber };
    return this.#stored;
  }

  /** Remembers that `targets` may lack something of the slot; durable with the forming commit. */
  mark(slot: Slot, targets: readonly NodeId[]): void {
    for (const target of targets) {
      if (target === this.#options.self) continue;
      // Who is no member here yet, or any more, is left to the comparisons: maps are kept of members alone.
      if (!this.#options.placement().memberIds.includes(target)) continue;
      const nowMs = this.#options.nowMs();
      if (this.#options.dirtyMaps.set(target, slot, nowMs)) this.#options.storeDirtyMap(target);
    }
  }

  read(request: RequestOf<"read">, reply: Reply): void {
    readCells(this.#options, request, reply);
  }

  confirm(request: RequestOf<"confirm">, reply: Reply): void {
    confirmRoot(this.#options, request, reply);
  }

  /** See `readRootNow`. */
  readRootNow(slot: Slot, key: Key): RootNow | undefined {
    return readRootNow(this.#options, slot, key);
  }

  /** Roots in slot order of the slots this node is a primary of. Tombstones too: they outvote what is older. */
  list(request: RequestOf<"list">, reply: Reply): void {
    const { firstSlot, lastSlot, prefix, withValues, limit } = request;
    // A page covers many slots: as long as some of them are being mended here, others are asked.
    if (this.#options.votes.voteless > 0) {
      refuse(reply, "voteless", "slots are being mended here");
      return;
    }
    const from = request.after === "" ? slotRange(firstSlot).from : nextStorageKey(request.after);
    const { before } = slotRange(lastSlot);
    const placement = this.#options.placement();
    const entriesMax = SCAN_ENTRIES_MAX;
    this.#options.storage.scan({ from, before, entriesMax, bytesMax: SCAN_BYTES_MAX }, (result) => {
      if (result.kind === "failed") {
        refuse(reply, "failed", result.error.message);
        return;
      }
      const entries: { slot: Slot; key: Key; bytes: Uint8Array }[] = [];
      let through: StorageKey | undefined;
      let isCut = false;
      let bytesTotal = 0;
      for (const { key: storageKey, value } of result.entries) {
        // The last entry of a scan may be of any size; beside others it could outgrow a frame.
        if (entries.length >= limit || (entries.length > 0 && !fits(bytesTotal, value.length))) {
          isCut = true;
          break;
        }
        through = storageKey;
        const place = parseCellKey(storageKey);
        if (place === undefined || place.field !== undefined) continue;
        if (!place.key.startsWith(prefix)) continue;
        if (!placement.isPrimary(place.slot, this.#options.self)) continue;
        let bytes = withValues ? intact(value, place.key) : headOf(value, place.key);
        if (bytes === undefined) {
          // Said to be there, by an entry without bytes: passing it over would be a vote for its absence.
          bytes = NO_BYTES;
          this.#options.cells.findAnew(place);
        }
        entries.push({ slot: place.slot, key: place.key, bytes });
        bytesTotal += bytes.length;
      }
      if (!isCut && result.isComplete) {
        this.#replyFlushed(firstSlot, { entries, throughSlot: lastSlot, through: "" }, reply);
        return;
      }
      const place = through === undefined ? undefined : parseCellKey(through);
      if (through === undefined || place === undefined) {
        refuse(reply, "failed", "a storage key could not be read");
        return;
      }
      this.#replyFlushed(firstSlot, { entries, throughSlot: place.slot, through }, reply);
    });
  }

  /** A page with the flushes of its slots. They are kept in memory, and must not hide a key before they are on disk. */
  #replyFlushed(
    firstSlot: Slot,
    page: Omit<Extract<PeerReply, { kind: "list-reply" }>, "kind" | "flushed">,
    reply: Reply,
  ): void {
    const flushed = this.#flushedWithin(firstSlot, page.throughSlot);
    if (flushed.length === 0) return reply({ kind: "list-reply", flushed, ...page });
    this.#options.commit.whenDurable((error) => {
      if (error !== undefined) return refuseStoring(reply, error);
      reply({ kind: "list-reply", flushed, ...page });
    });
  }

  #flushedWithin(first: Slot, last: Slot): { readonly slot: Slot; readonly stamp: Stamp }[] {
    const flushed: { readonly slot: Slot; readonly stamp: Stamp }[] = [];
    for (const [slot, stamp] of this.#options.states.flushedSlots()) {
      if (slot >= first && slot <= last) flushed.push({ slot, stamp });
    }
    return flushed;
  }

  /**
   * Merges cells of exchange, handover and repair, whatever is held; answers when they are durable. Up to this node's C
   * the sender with the lower one is passed over: what it offers was deleted here, or never acknowledged. Over a
   * damaged cell nothing is merged that may be older: then the rest is merged, and the whole refused, until it is healed.
   *
   * @param replaced Checksums of own cells, by storage key, that give way to what arrives in their places.
   */
  merge(
    parts: readonly SlotCells[],
    reply: Reply,
    replaced?: ReadonlyMap<StorageKey, number>,
  ): void {
    const { cells, commit, states } = this.#options;
    if (this.#isBehindDisk(reply) || this.#isLow(reply)) return;
    let isAnyDamaged = false;
    for (const { slot, collected, cells: keyed } of parts) {
      const isOutranked = compareStamps(collected, states.collected(slot)) < 0;
      for (const { key, field, bytes } of keyed) {
        if (slotOfKey(key) !== slot) continue;
        const decoded = decodeAll(key, [{ field, bytes }]);
        if (decoded === undefined) {
          refuse(reply, "damaged", "a cell fails its checksum");
          return;
        }
        if (isOutranked && this.#isPassedOver(slot, key, decoded)) continue;
        if (this.#isDiscarding(slot, key, decoded)) this.#options.onDiscarded();
        const checksum = replaced?.get(cellKey(slot, key, field));
        if (checksum !== undefined) cells.drop(slot, key, field, checksum);
        const merged = cells.merge(slot, key, decoded);
        if (merged.kind === "failed") {
          refuse(reply, "failed", merged.detail);
          return;
        }
        isAnyDamaged ||= merged.kind === "damaged";
      }
    }
    commit.whenDurable((error) => {
      if (error !== undefined) refuseStoring(reply, error);
      else if (isAnyDamaged) refuse(reply, "damaged", "a cell held here fails its checksum");
      else reply({ kind: "merge-reply" });
    });
  }

  /**
   * Whether a value held here goes for one that was written at the same time on another side: both since somebody is
   * known to lack something of the slot, and long enough ago that neither is on its way.
   */
  #isDiscarding(slot: Slot, key: Key, [incoming]: readonly DecodedCell[]): boolean {
    const sinceMs = this.#options.dirtyMaps.missedSince(slot);
    if (sinceMs === undefined || incoming === undefined) return false;
    const held = this.#options.cells.find(slot, key, incoming.field);
    if (held.kind !== "held") return false;
    const [ours, theirs] = [held.cell.stamp, incoming.cell.stamp];
    const isSettled = theirs.ms + ON_ITS_WAY_MS < this.#options.nowMs();
    return compareStamps(ours, theirs) < 0 && ours.ms >= sinceMs && isSettled;
  }

  /** Whether cells lie at or below C; those that are held just so anyway are not counted. */
  #isPassedOver(slot: Slot, key: Key, decoded: readonly DecodedCell[]): boolean {
    const { cells, states, counters } = this.#options;
    const collected = states.collected(slot);
    for (const { field, bytes, cell } of decoded) {
      if (compareStamps(cell.stamp, collected) > 0) continue;
      const held = cells.find(slot, key, field);
      const isHeld = held.kind === "held" && checksumOf(held.bytes) === checksumOf(bytes);
      if (!isHeld) counters.add("cells-outranked");
      return true;
    }
    return false;
  }

  /** The greatest stamp that stands in the places of these cells. */
  #heldNow(slot: Slot, key: Key, cells: readonly DecodedCell[]): Stamp {
    const store = this.#options.cells;
    let greatest = NO_STAMP;
    for (const { field } of cells) {
      // What cannot be read now was merged in this slot before.
      const held = store.heldAt(slot, key, field, this.#options.nowMs()) ?? store.newestIn(slot);
      greatest = maxStamp(greatest, held);
    }
    return greatest;
  }

  /**
   * What a write must be stamped above because it lies at or below the slot's floor, or this node's mark: what was
   * deleted up to there may be gone, and nothing would be left to outvote it.
   */
  #below(slot: Slot, stamp: Stamp): Stamp | undefined {
    const { states, mark, reading } = this.#options;
    const barrier = maxStamp(states.floor(slot), mark());
    return compareStamps(stamp, barrier) > 0 ? undefined : maxStamp(barrier, reading());
  }

  /**
   * What is merged of a write: what is stamped by it, and what was sent along as it was read, unless this node holds that
   * or more. What it lacks of the latter may have been collected here, or is older than all it has promised to take: then
   * nothing is, because the rest cannot be seen without.
   */
  #taken(
    slot: Slot,
    key: Key,
    decoded: readonly DecodedCell[],
    newest: Stamp,
  ): readonly DecodedCell[] | undefined {
    const { cells, states, mark } = this.#options;
    if (decoded.every(({ cell }) => compareStamps(cell.stamp, newest) === 0)) return decoded;
    const barrier = maxStamp(states.collected(slot), mark());
    const taken: DecodedCell[] = [];
    for (const one of decoded) {
      const { cell } = one;
      if (compareStamps(cell.stamp, newest) !== 0) {
        const found = cells.find(slot, key, one.field);
        if (found.kind === "held" && compareStamps(found.cell.stamp, cell.stamp) >= 0) continue;
        if (compareStamps(cell.stamp, barrier) <= 0) return undefined;
      }
      taken.push(one);
    }
    return taken;
  }

  /** Refuses what a slow disk would only pile up. */
  #isBehindDisk(reply: Reply): boolean {
    const bytes = this.#options.commit.uncommittedBytes;
    if (bytes < UNCOMMITTED_BYTES_MAX) return false;
    refuse(reply, "overloaded", `${bytes} bytes wait for the disk, max ${UNCOMMITTED_BYTES_MAX}`);
    return true;
  }

  /** Refuses what would fill the disk up: somebody else stands in, as for any primary that is not to be had. */
  #isLow(reply: Reply): boolean {
    if (this.#options.storage.isLow !== true) return false;
    this.#options.counters.add("writes-refused-for-space");
    refuse(reply, "overloaded", "the disk has less free space than this node keeps");
    return true;
  }

  /** What makes a first attempt fall behind, if anything. */
  #heldAbove(
    slot: Slot,
    { key, bases }: RequestOf<"write">,
    cells: readonly DecodedCell[],
    newest: Stamp,
  ): Stamp | "unreadable" | undefined {
    const store = this.#options.cells;
    let above: Stamp | undefined;
    for (let index = 0; index < cells.length; index += 1) {
      const { field, cell } = cells[index] as DecodedCell;
      const base = bases[index] ?? (bases[0] as Stamp);
      // Expiry is judged by the stamp about to be minted.
      const nowMs = Math.max(this.#options.nowMs(), cell.stamp.ms);
      const held = store.heldAt(slot, key, field, nowMs);
      if (held === undefined) return "unreadable";
      if (compareStamps(held, base) > 0) above = maxStamp(above ?? NO_STAMP, held);
      if (!isRootCell(cell) || !isClearing(cell)) continue;
      // One that is sent along as it was read cleared the key when it was written.
      if (compareStamps(cell.stamp, newest) !== 0) continue;
      // It clears the key, and so must be above whatever field of it was ever acknowledged.
      const newestInSlot = store.newestIn(slot);
      if (compareStamps(newestInSlot, cell.stamp) > 0) {
        above = maxStamp(above ?? NO_STAMP, newestInSlot);
      }
    }
    return above;
  }
}

/** Whether it does not matter to a write what is held, as long as that is below it: nothing was read for it. */
function buildsOnNothing({ attempt, bases }: RequestOf<"write">, stamp: Stamp): boolean {
  return attempt !== "first" || bases.every((base) => compareStamps(base, stamp) >= 0);
}

/** Whether there is something in a cell: what says that something is gone is let in while space is short. */
function takesSpace({ kind }: Cell): boolean {
  return kind === "value" || kind === "field";
}

/** Whether one more cell may travel beside others: a frame holds the largest value alone, and little more. */
function fits(bytesTotal: number, bytes: number): boolean {
  return bytesTotal + bytes <= SCAN_BYTES_MAX;
}

/** The bytes themselves, if they are a root: what is damaged does not leave the node. */
function intact(bytes: Uint8Array, key: Key): Uint8Array | undefined {
  return decodeCell(bytes, key, undefined) === "damaged" ? undefined : bytes;
}

/** The root without its payload, encoded anew; `undefined` if it is damaged. */
function headOf(bytes: Uint8Array, key: Key): Uint8Array | undefined {
  const cell = decodeCell(bytes, key, undefined);
  if (cell === "damaged" || !isRootCell(cell)) return undefined;
  return encodeCell({ ...cell, payload: NO_BYTES }, key, undefined);
}

/** A refusal says that nothing was done: after a failed sync nobody knows, so nothing is said. */
function refuseStoring(reply: Reply, error: StorageError): void {
  if (error.code !== "sync-failed") refuse(reply, "failed", error.message);
}
