/**
 * How far a node has come, slot by slot, in collecting what was deleted: the floor F, at or below which writes are
 * pushed back, and the collected-up-to stamp C, up to which the side of an exchange with the greater C is right.
 *
 * Invariant: C <= F. C rises in two steps: it is raised, and from then on refuses lower senders, in the commit of the
 * first drop or before; it is named, to peers, with cells and in reads, only after the last drop is durable.
 * Source: docs/ARCHITECTURE.md, "Collection"; decision 0010.
 */
import { decodeAll } from "../base/byte-reader.ts";
import { ByteWriter } from "../base/byte-writer.ts";
import { parseSlotStateKey, slotStateKey } from "../core/causality/storage-key.ts";
import type { Slot } from "../model/slot.ts";
import { compareStamps, maxStamp, NO_STAMP, type Stamp } from "../model/stamp.ts";
import { type StorageEntry, StorageError } from "../ports/storage.ts";
import { readStamp, writeStamp } from "../protocol/peer/message-parts.ts";
import type { GroupCommit } from "./group-commit.ts";
import { opened, sealed } from "./sealed.ts";

/** The first three stamps of a slot are each at most the one before. */
export interface SlotState {
  readonly floor: Stamp;
  readonly collected: Stamp;
  readonly named: Stamp;
  /** The flush floor: up to it all that the slot held is gone. The stamp of a cell; here it is at hand. */
  readonly flushed: Stamp;
}

const NOTHING: SlotState = {
  floor: NO_STAMP,
  collected: NO_STAMP,
  named: NO_STAMP,
  flushed: NO_STAMP,
};
const STATE_BYTES = 64;

export interface SlotStatesOptions {
  readonly commit: GroupCommit;
  /** What is named of a slot has changed: its hash takes it in. */
  readonly onNamed: (slot: Slot, named: Stamp) => void;
}

export class SlotStates {
  readonly #options: SlotStatesOptions;
  readonly #states = new Map<Slot, SlotState>();

  constructor(options: SlotStatesOptions) {
    this.#options = options;
  }

  /** F: a write at or below it is pushed back. */
  floor(slot: Slot): Stamp {
    return this.#of(slot).floor;
  }

  /** C: a cell at or below it is taken only from a sender whose named C is not lower. */
  collected(slot: Slot): Stamp {
    return this.#of(slot).collected;
  }

  /** C as peers are told it: everything up to it that is to be dropped here is dropped, durably. */
  named(slot: Slot): Stamp {
    return this.#of(slot).named;
  }

  /** What was written at or below it is gone. */
  flushed(slot: Slot): Stamp {
    return this.#of(slot).flushed;
  }

  /** Slots with a flush floor above what is named, in no order: up to C everything is gone in any case. */
  *flushedSlots(): Iterable<readonly [Slot, Stamp]> {
    for (const [slot, { flushed, named }] of this.#states) {
      if (compareStamps(flushed, named) > 0) yield [slot, flushed];
    }
  }

  /** Slots in which something was ever decided, in no order. */
  slots(): IterableIterator<Slot> {
    return this.#states.keys();
  }

  /** Slots whose drops were begun and not finished: a start goes on with them. */
  unfinished(): Slot[] {
    const slots: Slot[] = [];
    for (const [slot, { collected, named }] of this.#states) {
      if (compareStamps(named, collected) < 0) slots.push(slot);
    }
    return slots;
  }

  /** Raises F, in memory at once, on disk with the forming commit. It never goes down. */
  raiseFloor(slot: Slot, floor: Stamp): void {
    const state = this.#of(slot);
    if (compareStamps(floor, state.floor) > 0) this.#set(slot, { ...state, floor });
  }

  /** Raises the flush floor, in the commit of the cell that says so. */
  raiseFlushed(slot: Slot, flushed: Stamp): void {
    const state = this.#of(slot);
    if (compareStamps(flushed, state.flushed) > 0) this.#set(slot, { ...state, flushed });
  }

  /** Raises C, and F with it; drops may be put into the same commit or later ones. */
  raiseCollected(slot: Slot, collected: Stamp): void {
    const state = this.#of(slot);
    if (compareStamps(collected, state.collected) <= 0) return;
    this.#set(slot, { ...state, collected, floor: maxStamp(state.floor, collected) });
  }

  /** The drops up to `collected` are durable: from now on it is named. */
  name(slot: Slot, collected: Stamp): void {
    const state = this.#of(slot);
    // Raised further, or taken back, since those drops began.
    if (compareStamps(collected, state.collected) !== 0) return;
    if (compareStamps(collected, state.named) > 0) this.#set(slot, { ...state, named: collected });
  }

  /** This node is no authority on the slot any more, until it has been mended by others: C is nothing. */
  reset(slot: Slot): void {
    const state = this.#of(slot);
    if (state.collected === NO_STAMP) return;
    this.#set(slot, { ...state, collected: NO_STAMP, named: NO_STAMP });
  }

  /**
   * The slot is not this node's any more: nothing is remembered of it but the flush floor. The cell that says so may be held
   * here as a foreign one, and would be no news when the slot is this node's again.
   */
  forget(slot: Slot): void {
    const { flushed, floor, collected } = this.#of(slot);
    const isKept = compareStamps(flushed, NO_STAMP) > 0;
    if (!isKept && this.#states.has(slot)) this.#set(slot, NOTHING);
    else if (isKept && (floor !== NO_STAMP || collected !== NO_STAMP)) {
      this.#set(slot, { ...NOTHING, flushed });
    }
  }

  /** Takes over what is on disk, at start; false if an entry is none of a slot's state. */
  restore(entries: readonly StorageEntry[]): boolean {
    for (const { key, value } of entries) {
      const slot = parseSlotStateKey(key);
      const state = parseSlotState(value);
      if (slot === undefined || state === undefined) return false;
      this.#states.set(slot, state);
      this.#options.onNamed(slot, state.named);
    }
    return true;
  }

  /** A commit failed: what stands on disk stands. */
  takeBack(slot: Slot): void {
    const { floor, flushed } = this.#of(slot);
    // A floor that is not on disk pushes back too much, which is harmless; a C that is not was never earned.
    const state = this.#stored(slot) ?? { ...NOTHING, floor, flushed };
    this.#states.set(slot, state);
    this.#options.onNamed(slot, state.named);
  }

  /** `undefined` when it cannot be read now. */
  #stored(slot: Slot): SlotState | undefined {
    try {
      const bytes = this.#options.commit.get(slotStateKey(slot));
      return bytes === undefined ? NOTHING : parseSlotState(bytes);
    } catch (error) {
      if (error instanceof StorageError) return undefined;
      throw error;
    }
  }

  #of(slot: Slot): SlotState {
    return this.#states.get(slot) ?? NOTHING;
  }

  #set(slot: Slot, state: SlotState): void {
    if (state === NOTHING) this.#states.delete(slot);
    else this.#states.set(slot, state);
    this.#options.commit.put(
      slotStateKey(slot),
      state === NOTHING ? undefined : encodeSlotState(state),
    );
    this.#options.onNamed(slot, state.named);
  }
}

/** As it is stored. */
export function encodeSlotState({ floor, collected, named, flushed }: SlotState): Uint8Array {
  const writer = new ByteWriter(STATE_BYTES);
  writeStamp(writer, floor);
  writeStamp(writer, collected);
  writeStamp(writer, named);
  writeStamp(writer, flushed);
  return sealed(writer.finish());
}

/** What is stored of one slot; `undefined` where it fails its checksum. */
export function parseSlotState(bytes: Uint8Array): SlotState | undefined {
  const fact = opened(bytes);
  if (typeof fact !== "object") return undefined;
  const decoded = decodeAll(fact, (reader) => ({
    floor: readStamp(reader),
    collected: readStamp(reader),
    named: readStamp(reader),
    flushed: readStamp(reader),
  }));
  return decoded.kind === "decoded" ? decoded.value : undefined;
}
