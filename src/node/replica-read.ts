/**
 * A replica's answer to a read: the root of a key, and of its fields those that were asked for.
 *
 * Invariant: nothing is shown before it is durable; damage and a disk that cannot be read are never absence; a range
 * shows every cell that was durable when the read came, up to where it says that it has looked.
 */
import { COUNTER_PREFIX, countedWith, countersOf } from "../core/causality/addresses.ts";
import { checksumOf, decodeCell } from "../core/causality/cell-codec.ts";
import { cellKey, parseCellKey } from "../core/causality/storage-key.ts";
import { flushKeyOf } from "../core/placement/flush-keys.ts";
import type { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { Cell, CellAddress, EncodedCell } from "../model/cell.ts";
import type { NodeId } from "../model/ids.ts";
import type { Field, Key } from "../model/key.ts";
import type { PeerRequest, Refusal } from "../model/peer-message.ts";
import { FIELDS_BYTES_MAX, ROOT_ONLY } from "../model/selection.ts";
import type { Slot } from "../model/slot.ts";
import { compareStamps, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Storage } from "../ports/storage.ts";
import type { CellStore } from "./cell-store.ts";
import type { GroupCommit } from "./group-commit.ts";
import { type Reply, refuse } from "./reply.ts";
import type { SlotStates } from "./slot-states.ts";
import type { Votes } from "./votes.ts";

/** Nodes that ever counted for one key or field, since their last clean slate. */
const COUNTERS_MAX = 16_384;
/** Bytes of a page beyond which it ends; one cell goes whatever its size. */
const PAGE_BYTES_MAX = 1024 * 1024;
/** What a message says of the lengths of a cell and its address. */
const CELL_LENGTHS_BYTES = 6;

type Read = Extract<PeerRequest, { kind: "read" }>;

export interface ReadPorts {
  readonly self: NodeId;
  readonly cells: CellStore;
  readonly commit: GroupCommit;
  readonly storage: Storage;
  readonly placement: () => Placement;
  readonly states: SlotStates;
  readonly votes: Votes;
}

interface ReadCell extends EncodedCell {
  readonly cell: Cell;
}

export function readCells(ports: ReadPorts, request: Read, reply: Reply): void {
  const slot = slotOfKey(request.key);
  if (!ports.votes.has(slot)) {
    return refuse(reply, "voteless", `slot ${slot} is being mended here`);
  }
  new ReplicaRead(ports, slot, request, reply).start();
}

/** The root of a key, as `readCells` answers it, with nothing to wait for. */
export interface RootNow {
  readonly cells: readonly ReadCell[];
  readonly collected: Stamp;
  readonly flushed: Stamp;
}

/**
 * The root alone, where it is there at once: what is to be refused, waited for, or has counting cells beside it is read as
 * others read it, and `undefined` here. Most requests of a node that needs nobody else's word end with this.
 */
export function readRootNow(ports: ReadPorts, slot: Slot, key: Key): RootNow | undefined {
  const { cells, commit, placement, self, states, votes } = ports;
  if (!votes.has(slot)) return undefined;
  const found = cells.find(slot, key, undefined);
  const isHeld = found.kind === "held";
  if (
    isHeld &&
    (found.cell.kind === "container" || commit.isUncommitted(cellKey(slot, key, undefined)))
  )
    return undefined;
  if (!isHeld && (found.kind !== "absent" || placement().isPending(slot, self))) return undefined;
  if (isFlushUncommitted(ports, slot)) return undefined;
  const root = isHeld ? [{ field: undefined, bytes: found.bytes, cell: found.cell }] : NO_CELLS;
  return { cells: root, ...stampsOf(states, slot) };
}

/**
 * Confirms that the root of a key is the one with this checksum, or answers as a read does that wants its digest. What has been
 * merged here is known by its checksum: a cell that is on the disk, and of whose damage nothing is known, need not be read for
 * its vote. Whoever asks has read its own.
 */
export function confirmRoot(
  ports: ReadPorts,
  { key, checksum }: Extract<PeerRequest, { kind: "confirm" }>,
  reply: Reply,
): void {
  const { cells, states, votes } = ports;
  const slot = slotOfKey(key);
  const isConfirmed =
    votes.has(slot) && cells.isKnownAs(slot, key, checksum) && !isFlushUncommitted(ports, slot);
  if (isConfirmed) return reply({ kind: "confirm-reply", ...stampsOf(states, slot) });
  readCells(ports, { kind: "read", key, selection: ROOT_ONLY, want: "digest" }, reply);
}

/** A flush goes with the answer, and hides what is in it: it has to be durable as well. */
function isFlushUncommitted({ commit, states }: ReadPorts, slot: Slot): boolean {
  if (states.flushed(slot) === NO_STAMP) return false;
  return commit.isUncommitted(cellKey(slot, flushKeyOf(slot), undefined));
}

/** What goes with every answer. Up to what is named everything is gone in any case, and nobody need go by a flush. */
function stampsOf(
  states: SlotStates,
  slot: Slot,
): { readonly collected: Stamp; readonly flushed: Stamp } {
  const collected = states.named(slot);
  const floor = states.flushed(slot);
  return { collected, flushed: compareStamps(floor, collected) > 0 ? floor : NO_STAMP };
}

class ReplicaRead {
  readonly #ports: ReadPorts;
  readonly #slot: Slot;
  readonly #request: Read;
  readonly #reply: Reply;
  #cells: ReadCell[] = [];
  /** In the message that they make. */
  #bytes = 0;

  constructor(ports: ReadPorts, slot: Slot, request: Read, reply: Reply) {
    this.#ports = ports;
    this.#slot = slot;
    this.#request = request;
    this.#reply = reply;
  }

  start(): void {
    const { selection } = this.#request;
    if (selection.kind === "range") {
      const { prefix, after, limit } = selection;
      this.#whenAllDurable(() => {
        if (!this.#find([undefined])) return;
        this.#scan({ prefix, after, limit }, (through) => this.#answer(through));
      });
      return;
    }
    const fields = selection.kind === "fields" ? selection.fields : NO_FIELDS;
    if (!this.#find([undefined, ...fields])) return;
    if (this.#counted(fields).length === 0) {
      return this.#whenFoundDurable(() => this.#answer(undefined));
    }
    // A scan sees what is committed, so what stands beside it is looked up again then.
    this.#whenAllDurable(() => {
      this.#cells = [];
      this.#bytes = 0;
      if (this.#find([undefined, ...fields])) this.#addCounters(this.#counted(fields));
    });
  }

  /** Looks up cells by address; false once the read is refused. */
  #find(addresses: readonly CellAddress[]): boolean {
    const { cells, placement, self } = this.#ports;
    const { key } = this.#request;
    for (const field of addresses) {
      const found = cells.find(this.#slot, key, field);
      if (found.kind === "failed") return this.#refuse("failed", found.detail);
      if (found.kind === "damaged") return this.#refuse("damaged", "a cell fails its checksum");
      if (found.kind === "held") {
        this.#add({ field, bytes: found.bytes, cell: found.cell });
      } else if (placement().isPending(this.#slot, self)) {
        // Absence may be the work of an uncommitted drop only on a node that does not vote.
        return this.#refuse("not-owner", `slot ${this.#slot} is not yet held here`);
      }
    }
    return true;
  }

  /**
   * What the addresses of cells begin with that count for what was found, or beside what was asked for: whoever begins to
   * count must know what was left behind by others.
   */
  #counted(asked: readonly Field[]): string[] {
    const prefixes = new Set<string>();
    for (const field of asked) {
      const prefix = countedWith(field);
      if (prefix !== undefined) prefixes.add(prefix);
    }
    for (const { field, cell } of this.#cells) {
      if (cell.type !== "counter") continue;
      const isRoot = field === undefined;
      const prefix = isRoot ? COUNTER_PREFIX : countersOf(field);
      if (prefix !== undefined && (!isRoot || cell.kind === "container")) prefixes.add(prefix);
    }
    return [...prefixes];
  }

  /** In pages: a scan is bounded in bytes, and each of its entries takes the key along. */
  #addCounters(prefixes: readonly string[], after: Field = NO_FIELD, left = COUNTERS_MAX): void {
    const [prefix, ...rest] = prefixes;
    if (prefix === undefined) return this.#answer(undefined);
    const before = this.#cells.length;
    this.#scan({ prefix, after, limit: left }, (through) => {
      const stillLeft = left - (this.#cells.length - before);
      if (through === undefined) this.#addCounters(rest);
      else if (stillLeft > 0) this.#addCounters(prefixes, through, stillLeft);
      else this.#refuse("failed", `more than ${COUNTERS_MAX} nodes have counted`);
    });
  }

  /** Adds fields in their order; tells the last address looked at where there may be more. */
  #scan(
    part: { readonly prefix: string; readonly after: Field; readonly limit: number },
    done: (through: Field | undefined) => void,
  ): void {
    const { storage, cells } = this.#ports;
    const { key } = this.#request;
    // The address that is the prefix alone, of the empty name, is a place like any other.
    const first = part.after >= part.prefix ? `${part.after}\x00` : part.prefix;
    const range = {
      from: cellKey(this.#slot, key, first as Field),
      before: cellKey(this.#slot, key, afterPrefix(part.prefix)),
      entriesMax: part.limit,
      bytesMax: PAGE_BYTES_MAX,
    };
    if (range.from >= range.before) return done(undefined);
    storage.scan(range, (result) => {
      if (result.kind === "failed") return this.#refuse("failed", result.error.message);
      let through: Field | undefined;
      const known = new Set(this.#cells.map(({ field }) => field));
      for (const { key: storageKey, value } of result.entries) {
        const field = parseCellKey(storageKey)?.field;
        const cell = field === undefined ? "damaged" : decodeCell(value, key, field);
        if (field === undefined || cell === "damaged") {
          cells.findAnew({ slot: this.#slot, key, field });
          return this.#refuse("damaged", "a cell fails its checksum");
        }
        const found = { field, bytes: value, cell };
        const isCut = this.#request.selection.kind === "range" && through !== undefined;
        if (isCut && this.#bytes + sizeOf(found) > FIELDS_BYTES_MAX) return done(through);
        through = field;
        if (!known.has(field)) this.#add(found);
      }
      done(result.isComplete ? undefined : through);
    });
  }

  #add(cell: ReadCell): void {
    this.#cells.push(cell);
    this.#bytes += sizeOf(cell);
  }

  #whenAllDurable(then: () => void): void {
    this.#ports.commit.whenDurable((error) => {
      if (error === undefined) then();
      else this.#refuse("failed", error.message);
    });
  }

  #whenFoundDurable(then: () => void): void {
    const { commit } = this.#ports;
    const { key } = this.#request;
    const uncommitted = this.#cells.find(({ field }) =>
      commit.isUncommitted(cellKey(this.#slot, key, field)),
    );
    if (isFlushUncommitted(this.#ports, this.#slot)) return this.#whenAllDurable(then);
    if (uncommitted === undefined) return then();
    const whenDurable =
      this.#cells.length === 1
        ? commit.whenKeyDurable.bind(commit, cellKey(this.#slot, key, uncommitted.field))
        : commit.whenDurable.bind(commit);
    whenDurable((error) => {
      if (error === undefined) then();
      else this.#refuse("failed", error.message);
    });
  }

  #answer(through: Field | undefined): void {
    const { want, selection } = this.#request;
    const { collected, flushed } = stampsOf(this.#ports.states, this.#slot);
    if (this.#bytes > FIELDS_BYTES_MAX) {
      this.#refuse("too-large", `${this.#bytes} bytes in one read, max ${FIELDS_BYTES_MAX}`);
      return;
    }
    if (want === "digest" && selection.kind !== "range") {
      const digests = this.#cells.map(({ field, bytes, cell }) => ({
        field,
        stamp: cell.stamp,
        checksum: checksumOf(bytes),
      }));
      this.#reply({ kind: "digest-reply", digests, collected, flushed });
      return;
    }
    const cells = this.#cells.map(({ field, bytes }) => ({ field, bytes }));
    this.#reply({ kind: "cells-reply", cells, through, collected, flushed });
  }

  #refuse(reason: Refusal, detail: string): false {
    refuse(this.#reply, reason, detail);
    return false;
  }
}

const NO_CELLS: readonly ReadCell[] = [];
const NO_FIELD = "" as Field;
const NO_FIELDS: readonly Field[] = [];

/** In a message. */
function sizeOf({ field, bytes }: ReadCell): number {
  return CELL_LENGTHS_BYTES + (field?.length ?? 0) + bytes.length;
}

/** The least address above all that begin with `prefix`. */
function afterPrefix(prefix: string): Field {
  // Tags are ASCII, so there is always a character to raise; what follows a tag may be 0xff.
  let length = prefix.length;
  while (prefix.charCodeAt(length - 1) === 0xff) length -= 1;
  const last = String.fromCharCode(prefix.charCodeAt(length - 1) + 1);
  return `${prefix.slice(0, length - 1)}${last}` as Field;
}
