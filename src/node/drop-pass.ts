/**
 * One pass over a slot that is collected up to a stamp: drops what may go, page by page, the root of a key after the
 * fields it hides, and names the stamp when all of it is durable.
 *
 * Invariant: nothing is dropped before C is raised in the same commit or an earlier one; C is named only if every cell of
 * the slot was looked at and could be read.
 * Source: docs/ARCHITECTURE.md, "Collection"; decision 0010.
 */
import {
  dueMsOf,
  hiddenDueMs,
  isFieldCollectable,
  isRootCollectable,
} from "../core/anti-entropy/collectable.ts";
import type { DueTimes } from "../core/anti-entropy/due-times.ts";
import { checksumOf, decodeCell, isRootCell, peekDueMs } from "../core/causality/cell-codec.ts";
import { nextStorageKey, parseCellKey, slotRange } from "../core/causality/storage-key.ts";
import type { FieldCell, RootCell } from "../model/cell.ts";
import type { Key } from "../model/key.ts";
import type { Slot } from "../model/slot.ts";
import { compareStamps, type Stamp } from "../model/stamp.ts";
import type { Storage, StorageEntry, StorageKey } from "../ports/storage.ts";
import type { CellStore } from "./cell-store.ts";
import type { Counters } from "./counters.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { SlotStates } from "./slot-states.ts";

/** Cells looked at in one turn. */
const PAGE_ENTRIES_MAX = 1_024;
const PAGE_BYTES_MAX = 1024 * 1024;

export interface DropPorts {
  readonly storage: Storage;
  readonly commit: GroupCommit;
  readonly cells: CellStore;
  readonly states: SlotStates;
  readonly dueTimes: DueTimes;
  readonly counters: Counters;
}

/** The key whose cells are being looked at, across pages. */
interface KeyUnderWay {
  readonly key: Key;
  readonly root: RootCell | undefined;
  readonly rootChecksum: number;
  /** A field of it was left where it is. */
  hasFields: boolean;
}

/** Drops what the slot's C allows; `done` is told whether C is named. C may be raised meanwhile: then it is not. */
export function dropCollected(
  ports: DropPorts,
  slot: Slot,
  done: (isNamed: boolean) => void,
): void {
  const upTo = ports.states.collected(slot);
  ports.dueTimes.clear(slot);
  new DropPass(ports, slot, upTo, done).start();
}

class DropPass {
  readonly #ports: DropPorts;
  readonly #slot: Slot;
  readonly #upTo: Stamp;
  readonly #flushed: Stamp;
  readonly #done: (isNamed: boolean) => void;
  #underWay: KeyUnderWay | undefined;

  constructor(ports: DropPorts, slot: Slot, upTo: Stamp, done: (isNamed: boolean) => void) {
    this.#ports = ports;
    this.#slot = slot;
    this.#upTo = upTo;
    this.#flushed = ports.states.flushed(slot);
    this.#done = done;
  }

  start(): void {
    // A scan sees what is committed: what was merged before C was raised must be in it.
    this.#ports.commit.whenDurable((error) => {
      if (error === undefined) this.#page(slotRange(this.#slot).from);
      else this.#fail();
    });
  }

  #page(from: StorageKey): void {
    const { before } = slotRange(this.#slot);
    const range = { from, before, entriesMax: PAGE_ENTRIES_MAX, bytesMax: PAGE_BYTES_MAX };
    this.#ports.storage.scan(range, (result) => {
      if (result.kind === "failed") return this.#fail();
      for (const entry of result.entries) if (!this.#look(entry)) return this.#fail();
      const last = result.entries.at(-1);
      if (!result.isComplete && last !== undefined) return this.#page(nextStorageKey(last.key));
      this.#endKey();
      this.#name();
    });
  }

  /** False for a cell that cannot be read: what it is, nobody here can tell. */
  #look({ key: storageKey, value }: StorageEntry): boolean {
    const { cells, dueTimes } = this.#ports;
    const place = parseCellKey(storageKey);
    const cell = place === undefined ? "damaged" : decodeCell(value, place.key, place.field);
    if (place === undefined) return false;
    if (cell === "damaged") {
      // The store looks for itself, and has it healed.
      cells.findAnew(place);
      return false;
    }
    const { key, field } = place;
    if (isRootCell(cell)) {
      this.#endKey();
      this.#underWay = { key, root: cell, rootChecksum: checksumOf(value), hasFields: false };
      return true;
    }
    if (this.#underWay?.key !== key) {
      this.#endKey();
      this.#underWay = { key, root: undefined, rootChecksum: 0, hasFields: false };
    }
    if (!isFieldCollectable(cell, this.#underWay.root, this.#upTo, this.#flushed)) {
      this.#underWay.hasFields = true;
      const hiddenMs = Math.min(
        hiddenDueMs(cell.stamp, this.#underWay.root),
        this.#flushedMs(cell),
      );
      dueTimes.note(this.#slot, Math.min(peekDueMs(value), hiddenMs));
    } else if (cells.drop(this.#slot, key, field, checksumOf(value))) this.#count();
    return true;
  }

  /** All fields of the key were looked at: its root may go. */
  #endKey(): void {
    const underWay = this.#underWay;
    this.#underWay = undefined;
    if (underWay?.root === undefined) return;
    const { key, root, rootChecksum, hasFields } = underWay;
    if (!isRootCollectable(root, this.#upTo, hasFields, this.#flushed)) {
      this.#ports.dueTimes.note(this.#slot, Math.min(dueMsOf(root), this.#flushedMs(root)));
      return;
    }
    // A root that changed meanwhile is another one, above C.
    if (this.#ports.cells.drop(this.#slot, key, undefined, rootChecksum)) this.#count();
  }

  /** From when on a cell may be collected because it was flushed. */
  #flushedMs({ stamp }: RootCell | FieldCell): number {
    const isFlushed = compareStamps(stamp, this.#flushed) <= 0;
    return isFlushed ? this.#flushed.ms : Number.POSITIVE_INFINITY;
  }

  #count(): void {
    this.#ports.counters.add("cells-collected");
  }

  #name(): void {
    const { commit, states } = this.#ports;
    commit.whenDurable((error) => {
      if (error !== undefined) return this.#fail();
      states.name(this.#slot, this.#upTo);
      this.#done(compareStamps(states.named(this.#slot), states.collected(this.#slot)) === 0);
    });
  }

  #fail(): void {
    // Due at once: what was not looked at is not known.
    this.#ports.dueTimes.note(this.#slot, 0);
    this.#done(false);
  }
}
