/**
 * The cells of this node: read, merged and hashed over group commit.
 *
 * Invariant: every change of a cell is a merge, or the drop of a cell that was compared; the slot hashes
 * follow each in the same step, so they always describe what `get` answers. Nothing is answered here: whoever
 * answers waits for the commit first.
 */

import { assert } from "../base/assert.ts";
import { HashTree } from "../core/anti-entropy/hash-tree.ts";
import {
  encodeCleanMark,
  encodeLeaves,
  parseCleanMark,
  parseLeaves,
} from "../core/anti-entropy/leaves-record.ts";
import { checksumOf, decodeCell, encodeCell } from "../core/causality/cell-codec.ts";
import { mergeCells } from "../core/causality/merge.ts";
import {
  allCellsRange,
  cellKey,
  leavesKey,
  leavesRange,
  metaKey,
  nextStorageKey,
  parseCellKey,
  parseLeavesKey,
} from "../core/causality/storage-key.ts";
import { heldAtField, heldAtRoot } from "../core/causality/view.ts";
import type { Cell, CellAddress, EncodedCell, FieldCell, RootCell } from "../model/cell.ts";
import type { Key } from "../model/key.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { Slot } from "../model/slot.ts";
import { compareStamps, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Storage, StorageEntry, StorageKey } from "../ports/storage.ts";
import type { GroupCommit } from "./group-commit.ts";

/** A cell as found: `damaged` is never "absent". */
export type FoundCell =
  | { readonly kind: "absent" }
  | { readonly kind: "held"; readonly cell: Cell; readonly bytes: Uint8Array }
  | { readonly kind: "damaged" }
  | { readonly kind: "failed"; readonly detail: string };

export type MergeResult =
  | { readonly kind: "merged"; readonly isChanged: boolean; readonly isSuperseded: boolean }
  | { readonly kind: "failed"; readonly detail: string };

const ABSENT: FoundCell = { kind: "absent" };
const DAMAGED: FoundCell = { kind: "damaged" };

/** A cell that arrived, with the bytes it arrived in. */
export interface DecodedCell extends EncodedCell {
  readonly cell: Cell;
}

/** Trust boundary: cells of one key from anywhere; `undefined` if one does not decode at this key. */
export function decodeAll(key: Key, cells: readonly EncodedCell[]): DecodedCell[] | undefined {
  const decoded: DecodedCell[] = [];
  for (const { field, bytes } of cells) {
    const cell = decodeCell(bytes, key, field);
    if (cell === "damaged") return undefined;
    decoded.push({ field, bytes, cell });
  }
  return decoded;
}

/** Cells read in one turn while the hashes are built. */
const BUILD_ENTRIES_MAX = 2_000;
const BUILD_BYTES_MAX = 4 * 1024 * 1024;
/** Records of leaves written, or read, at once: 2 MiB. */
const RECORDS_MAX = 1_024;
/** Says that the leaves on disk are those of the cells on disk. */
const CLEAN_MARK = metaKey("clean");

/** What was merged into a slot since somebody began to watch it. */
export interface SlotWatch {
  readonly slot: Slot;
  /** The least stamp that a merge left in a place it changed; `undefined` when none did. */
  least: Stamp | undefined;
}

export class CellStore {
  readonly #commit: GroupCommit;
  readonly #storage: Storage;
  readonly #hashes = new HashTree();
  /** Greatest stamp merged in a slot since start; before that, the clock's reading at start stands for it. */
  readonly #newest = new Map<Slot, Stamp>();
  readonly #floor: Stamp;
  /** Hashes describe cells up to here; `undefined` once they describe all. */
  #builtUpTo: StorageKey | undefined = "";
  /** Cells changed beyond `#builtUpTo` since the scan that will reach them began. */
  #changed = new Set<StorageKey>();
  #isBuilding = false;
  #builds = 0;
  #damaged = 0;
  /** Changes of cells since start. */
  #changes = 0;
  /** Whether the clean mark stands on disk, as far as what was put decides. */
  #isMarked = false;
  readonly #watches = new Map<Slot, Set<SlotWatch>>();
  /** The cell looked up last: a write looks at the same one several times. */
  #lastKey: StorageKey = "";
  #lastFound: FoundCell | undefined;

  constructor(options: {
    readonly commit: GroupCommit;
    readonly storage: Storage;
    /** The clock's reading at start. */
    readonly floor: Stamp;
  }) {
    this.#commit = options.commit;
    this.#storage = options.storage;
    this.#floor = options.floor;
  }

  get hashes(): HashTree {
    return this.#hashes;
  }

  /** Whether the hashes describe every cell; until then they are not to be compared. */
  get isBuilt(): boolean {
    return this.#builtUpTo === undefined;
  }

  /** Cells found damaged since start. */
  get damaged(): number {
    return this.#damaged;
  }

  find(slot: Slot, key: Key, field: CellAddress): FoundCell {
    const storageKey = cellKey(slot, key, field);
    if (storageKey === this.#lastKey && this.#lastFound !== undefined) return this.#lastFound;
    const found = this.#look(storageKey, key, field);
    if (found.kind === "damaged") this.#damaged += 1;
    this.#lastKey = storageKey;
    this.#lastFound = found.kind === "failed" ? undefined : found;
    return found;
  }

  /**
   * What a write to this place must stamp above: the greatest of what is held there, of what its root cleared, and
   * of the flush floor. A damaged cell holds nothing that can be known.
   */
  heldAt(slot: Slot, key: Key, field: CellAddress, nowMs: number): Stamp {
    const root = this.find(slot, key, undefined);
    const rootCell = root.kind === "held" ? (root.cell as RootCell) : undefined;
    if (field === undefined) return heldAtRoot(rootCell, NO_STAMP, nowMs);
    const found = this.find(slot, key, field);
    const fieldCell = found.kind === "held" ? (found.cell as FieldCell) : undefined;
    return heldAtField(rootCell, fieldCell, NO_STAMP, nowMs);
  }

  /** The greatest stamp merged in a slot, or what the clock read at start. */
  newestIn(slot: Slot): Stamp {
    return this.#newest.get(slot) ?? this.#floor;
  }

  /** Merges cells of one key, decoded by `decodeAll` for this very key. */
  merge(slot: Slot, key: Key, cells: readonly DecodedCell[]): MergeResult {
    let isChanged = false;
    let isSuperseded = false;
    for (const { field, bytes, cell } of cells) {
      const held = this.find(slot, key, field);
      if (held.kind === "failed") return held;
      const before = held.kind === "held" ? held.cell : undefined;
      const after = mergeCells(before, cell);
      isSuperseded ||= compareStamps(after.stamp, cell.stamp) > 0;
      if (after === before) continue;
      isChanged = true;
      const stored = after === cell ? bytes : encodeCell(after, key, field);
      this.#replace(slot, cellKey(slot, key, field), held, stored);
      if (compareStamps(after.stamp, this.newestIn(slot)) > 0) this.#newest.set(slot, after.stamp);
      if (this.#watches.size > 0) this.#note(slot, after.stamp);
    }
    return { kind: "merged", isChanged, isSuperseded };
  }

  /** Drops a cell if it is still the very one with this checksum; true if so. */
  drop(slot: Slot, key: Key, field: CellAddress, checksum: number): boolean {
    const held = this.find(slot, key, field);
    if (held.kind !== "held" || checksumOf(held.bytes) !== checksum) return false;
    this.#replace(slot, cellKey(slot, key, field), held, undefined);
    return true;
  }

  /** Watches what is merged into a slot, until `unwatch`. */
  watch(slot: Slot): SlotWatch {
    const watch: SlotWatch = { slot, least: undefined };
    const watches = this.#watches.get(slot);
    if (watches === undefined) this.#watches.set(slot, new Set([watch]));
    else watches.add(watch);
    return watch;
  }

  unwatch(watch: SlotWatch): void {
    const watches = this.#watches.get(watch.slot);
    watches?.delete(watch);
    if (watches?.size === 0) this.#watches.delete(watch.slot);
  }

  /**
   * At start, before anything changes: takes over the leaves that a clean stop left behind. Where there are none, or one
   * is damaged, `rebuild` has to be called.
   */
  load(done: () => void): void {
    let mark: Uint8Array | undefined;
    try {
      mark = this.#storage.get(CLEAN_MARK);
    } catch {
      return done();
    }
    if (mark === undefined) return done();
    this.#isMarked = true;
    const slots = parseCleanMark(mark);
    if (slots === undefined) return done();
    this.#loadFrom(leavesRange().from, slots, (isLoaded) => {
      if (isLoaded) this.#builtUpTo = undefined;
      else this.#hashes.clear();
      // In the first commit of this start: from then on the leaves on disk are older than the cells.
      this.#unmark();
      done();
    });
  }

  /** At a clean stop, when nothing changes any more: leaves the leaves for the next start. */
  save(done: () => void): void {
    if (!this.isBuilt) return done();
    const slots: Slot[] = [];
    for (let index = 0; index < SLOT_COUNT; index += 1) {
      if (this.#hashes.count(index as Slot) > 0) slots.push(index as Slot);
    }
    this.#saveFrom(0, slots, this.#changes, done);
  }

  /** Goes on building where a failed read stopped it. */
  ensureBuilding(): void {
    if (!this.isBuilt && !this.#isBuilding) this.rebuild();
  }

  /**
   * Builds the hashes from what is stored, in the background, while cells go on changing: at start, after a failed
   * commit took cells back, and where damage makes the sum unknowable.
   */
  rebuild(): void {
    this.#lastFound = undefined;
    this.#recheckMark();
    this.#hashes.clear();
    this.#builtUpTo = "";
    // A scan sees what is committed: what is under way is looked up when the build comes to it.
    this.#changed = new Set(this.#commit.uncommittedKeys());
    this.#builds += 1;
    this.#isBuilding = true;
    this.#buildFrom(allCellsRange().from, this.#builds);
  }

  #look(storageKey: StorageKey, key: Key, field: CellAddress): FoundCell {
    let bytes: Uint8Array | undefined;
    try {
      bytes = this.#commit.get(storageKey);
    } catch (error) {
      return { kind: "failed", detail: String(error) };
    }
    if (bytes === undefined) return ABSENT;
    const cell = decodeCell(bytes, key, field);
    return cell === "damaged" ? DAMAGED : { kind: "held", cell, bytes };
  }

  #replace(
    slot: Slot,
    storageKey: StorageKey,
    held: FoundCell,
    stored: Uint8Array | undefined,
  ): void {
    this.#commit.put(storageKey, stored);
    this.#changes += 1;
    if (this.#isMarked) this.#unmark();
    this.#lastFound = undefined;
    if (held.kind === "damaged") {
      // What a damaged cell contributed cannot be known, so it cannot be taken out.
      this.rebuild();
    }
    if (this.#builtUpTo !== undefined && storageKey > this.#builtUpTo) {
      this.#changed.add(storageKey);
      return;
    }
    if (held.kind === "held") this.#hashes.remove(slot, storageKey, checksumOf(held.bytes));
    if (stored !== undefined) this.#hashes.add(slot, storageKey, checksumOf(stored));
  }

  #note(slot: Slot, stamp: Stamp): void {
    for (const watch of this.#watches.get(slot) ?? []) {
      if (watch.least === undefined || compareStamps(stamp, watch.least) < 0) watch.least = stamp;
    }
  }

  #loadFrom(from: StorageKey, missing: Set<Slot>, done: (isLoaded: boolean) => void): void {
    const { before } = leavesRange();
    const range = { from, before, entriesMax: RECORDS_MAX, bytesMax: BUILD_BYTES_MAX };
    this.#storage.scan(range, (result) => {
      if (result.kind === "failed") return done(false);
      for (const { key, value } of result.entries) {
        const slot = parseLeavesKey(key);
        // What the mark does not name was left by an earlier stop, and is of a slot that is empty since.
        if (slot === undefined || !missing.delete(slot)) continue;
        const parsed = parseLeaves(slot, value);
        if (parsed === undefined) return done(false);
        this.#hashes.restore(slot, parsed);
      }
      const last = result.entries.at(-1)?.key;
      if (result.isComplete || last === undefined) done(missing.size === 0);
      else this.#loadFrom(nextStorageKey(last), missing, done);
    });
  }

  #saveFrom(first: number, slots: readonly Slot[], changes: number, done: () => void): void {
    // What changed meanwhile is not in the records: without a mark they count for nothing.
    if (changes !== this.#changes) return done();
    for (const slot of slots.slice(first, first + RECORDS_MAX)) {
      const leaves = this.#hashes.leaves(slot);
      assert(leaves !== undefined, "a slot with cells has leaves");
      const count = this.#hashes.count(slot);
      this.#commit.put(leavesKey(slot), encodeLeaves(slot, { count, leaves }));
    }
    const next = first + RECORDS_MAX;
    if (next >= slots.length) {
      this.#commit.put(CLEAN_MARK, encodeCleanMark(slots));
      this.#isMarked = true;
    }
    this.#commit.whenDurable((error) => {
      if (error !== undefined || next >= slots.length) done();
      else this.#saveFrom(next, slots, changes, done);
    });
  }

  #unmark(): void {
    this.#isMarked = false;
    this.#commit.put(CLEAN_MARK, undefined);
  }

  /** A commit that failed may have taken the removal of the mark with it. */
  #recheckMark(): void {
    try {
      if (this.#commit.get(CLEAN_MARK) !== undefined) this.#unmark();
    } catch {
      // It cannot be read, so it may stand.
      this.#unmark();
    }
  }

  #buildFrom(from: StorageKey, build: number): void {
    const { before } = allCellsRange();
    const range = { from, before, entriesMax: BUILD_ENTRIES_MAX, bytesMax: BUILD_BYTES_MAX };
    this.#storage.scan(range, (result) => {
      // A later rebuild has taken over.
      if (build !== this.#builds) return;
      if (result.kind === "failed") {
        this.#isBuilding = false;
        return;
      }
      const last = result.entries.at(-1)?.key;
      const upTo = result.isComplete || last === undefined ? undefined : last;
      if (!this.#takeIn(result.entries, upTo)) {
        this.#isBuilding = false;
        return;
      }
      this.#builtUpTo = upTo;
      if (upTo === undefined) this.#isBuilding = false;
      else this.#buildFrom(nextStorageKey(upTo), build);
    });
  }

  /**
   * Hashes what stands now, which the scan may be older than: keys changed meanwhile are looked up again. False when
   * one cannot be read.
   */
  #takeIn(entries: readonly StorageEntry[], upTo: StorageKey | undefined): boolean {
    const keys = new Set<StorageKey>();
    for (const { key } of entries) keys.add(key);
    for (const key of this.#changed) if (upTo === undefined || key <= upTo) keys.add(key);
    for (const key of keys) {
      this.#changed.delete(key);
      const place = parseCellKey(key);
      if (place === undefined) continue;
      let bytes: Uint8Array | undefined;
      try {
        bytes = this.#commit.get(key);
      } catch {
        return false;
      }
      if (bytes !== undefined && bytes.length >= 4) {
        this.#hashes.add(place.slot, key, checksumOf(bytes));
      }
    }
    return true;
  }
}
