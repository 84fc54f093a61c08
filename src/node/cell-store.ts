/**
 * The cells of this node: read, merged and hashed over group commit.
 *
 * Invariant: every change of a cell is a merge, or the drop of a cell that was compared; the slot hashes
 * follow each in the same step, so they always describe what `get` answers. Nothing is answered here: whoever
 * answers waits for the commit first. A damaged cell is replaced only by what is surely greater than it was, or by
 * what enough other replicas hold (`mend`): an older cell in its place would vote as if it were all there was.
 */
import { hashBinary } from "../base/hash.ts";
import { hiddenDueMs } from "../core/anti-entropy/collectable.ts";
import type { DueTimes } from "../core/anti-entropy/due-times.ts";
import type { HashTree } from "../core/anti-entropy/hash-tree.ts";
import { checksumOf, decodeCell, encodeCell, isRootCell } from "../core/causality/cell-codec.ts";
import { mergeCells } from "../core/causality/merge.ts";
import { SlotStamps } from "../core/causality/slot-stamps.ts";
import { type CellPlace, cellKey } from "../core/causality/storage-key.ts";
import { heldAtField, heldAtRoot, isClearing } from "../core/causality/view.ts";
import { isFlushKey } from "../core/placement/flush-keys.ts";
import type { Cell, CellAddress, EncodedCell, FieldCell, RootCell } from "../model/cell.ts";
import type { Key } from "../model/key.ts";
import type { Slot } from "../model/slot.ts";
import { compareStamps, maxStamp, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Storage, StorageKey } from "../ports/storage.ts";
import { CellHashes } from "./cell-hashes.ts";
import type { GroupCommit } from "./group-commit.ts";

/** A cell as found: `damaged` is never "absent". */
export type FoundCell =
  | { readonly kind: "absent" }
  | { readonly kind: "held"; readonly cell: Cell; readonly bytes: Uint8Array }
  | { readonly kind: "damaged" }
  | { readonly kind: "failed"; readonly detail: string };

export type MergeResult =
  | { readonly kind: "merged"; readonly isChanged: boolean; readonly isSuperseded: boolean }
  /** Nothing was merged: a cell in whose place one was to go is damaged, and may have been greater. */
  | { readonly kind: "damaged" }
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

/** Places remembered as damaged; one found beyond them is found again once others are mended. */
const DAMAGED_PLACES_MAX = 65_536;

/** What was merged into a slot since somebody began to watch it. */
export interface SlotWatch {
  readonly slot: Slot;
  /** The least stamp that a merge left in a place it changed; `undefined` when none did. */
  least: Stamp | undefined;
}

/** Where flush floors are kept. */
export interface FlushFloors {
  flushed(slot: Slot): Stamp;
  raiseFlushed(slot: Slot, flushed: Stamp): void;
}

export interface CellStoreOptions {
  readonly commit: GroupCommit;
  readonly storage: Storage;
  /** The clock's reading at start. */
  readonly floor: Stamp;
  /** The greatest stamp that was ever merged before this start; may be below `floor`. */
  readonly greatest?: Stamp;
  /** A place is found to be damaged, and was not known to be. */
  readonly onDamaged?: (place: CellPlace) => void;
}

export class CellStore {
  readonly #commit: GroupCommit;
  readonly #onDamaged: (place: CellPlace) => void;
  readonly #hashes: CellHashes;
  /** Greatest stamp merged in a slot since start; before that, the clock's reading at start stands for it. */
  readonly #newest = new SlotStamps();
  readonly #floor: Stamp;
  readonly #greatestAtStart: Stamp;
  #greatest: Stamp;
  #floors: FlushFloors | undefined;
  /** Places known to be damaged, each with a stamp that what stood there cannot have been above. */
  readonly #damagedPlaces = new Map<StorageKey, Stamp>();
  readonly #watches = new Map<Slot, Set<SlotWatch>>();
  /** The place looked at last, and the cell found there: a write looks at the same one several times. */
  #lastSlot: Slot | undefined;
  #lastKey: Key | undefined;
  #lastField: CellAddress;
  #lastStorageKey: StorageKey = "";
  #lastFound: FoundCell | undefined;

  constructor(options: CellStoreOptions) {
    this.#commit = options.commit;
    this.#floor = options.floor;
    this.#greatestAtStart = options.greatest ?? NO_STAMP;
    this.#greatest = this.#greatestAtStart;
    this.#onDamaged = options.onDamaged ?? ((): void => undefined);
    this.#hashes = new CellHashes({
      commit: options.commit,
      storage: options.storage,
      onRebuild: () => {
        this.#lastFound = undefined;
      },
      onCell: (storageKey, place, cell) => {
        if (cell === "damaged") this.#noteDamaged(storageKey, place);
        else if (!isRootCell(cell)) this.#noteHidden(place.slot, place.key, undefined, cell);
      },
    });
  }

  /** Keeps flush floors there from now on: they stand beside the cells, which decide them. */
  follow(floors: FlushFloors): void {
    this.#floors = floors;
  }

  get hashes(): HashTree {
    return this.#hashes.tree;
  }

  /** When there may be something to collect, slot by slot; known in full once the hashes are. */
  get dueTimes(): DueTimes {
    return this.#hashes.dueTimes;
  }

  /** Whether the hashes describe every cell; until then they are not to be compared. */
  get isBuilt(): boolean {
    return this.#hashes.isBuilt;
  }

  /** Cells known to be damaged now. */
  get damaged(): number {
    return this.#damagedPlaces.size;
  }

  find(slot: Slot, key: Key, field: CellAddress): FoundCell {
    const storageKey = this.#keyOf(slot, key, field);
    if (this.#lastFound !== undefined) return this.#lastFound;
    const found = this.#look(storageKey, key, field);
    // Before anybody is told of damage, who may look at another place.
    this.#lastFound = found.kind === "failed" ? undefined : found;
    if (found.kind === "damaged") this.#noteDamaged(storageKey, { slot, key, field });
    else if (found.kind !== "failed" && this.#damagedPlaces.size > 0) {
      this.#damagedPlaces.delete(storageKey);
    }
    return found;
  }

  /**
   * As `find`, but from the disk, whatever was read there last: a scan has met a cell there that fails its checksum.
   */
  findAnew({ slot, key, field }: CellPlace): FoundCell {
    this.#lastFound = undefined;
    return this.find(slot, key, field);
  }

  /**
   * What a write to this place must stamp above: the greatest of what is held there, of what its root cleared, and
   * of the flush floor. A damaged cell may have held, and cleared, whatever was merged in its slot. `undefined` when
   * the disk cannot be read: that is never "nothing".
   */
  heldAt(slot: Slot, key: Key, field: CellAddress, nowMs: number): Stamp | undefined {
    const root = this.find(slot, key, undefined);
    if (root.kind === "failed") return undefined;
    const rootCell = root.kind === "held" ? (root.cell as RootCell) : undefined;
    const lost =
      root.kind === "damaged" ? this.#boundOf(slot, cellKey(slot, key, undefined)) : NO_STAMP;
    const flushed = this.#floors?.flushed(slot) ?? NO_STAMP;
    if (field === undefined) return maxStamp(heldAtRoot(rootCell, flushed, nowMs), lost);
    const found = this.find(slot, key, field);
    if (found.kind === "failed") return undefined;
    const fieldCell = found.kind === "held" ? (found.cell as FieldCell) : undefined;
    const held = maxStamp(heldAtField(rootCell, fieldCell, flushed, nowMs), lost);
    if (found.kind !== "damaged") return held;
    return maxStamp(held, this.#boundOf(slot, cellKey(slot, key, field)));
  }

  /** The greatest stamp that was ever merged, before this start too. */
  get greatest(): Stamp {
    return this.#greatest;
  }

  /** The greatest stamp merged in a slot, or what the clock read at start. */
  newestIn(slot: Slot): Stamp {
    return this.#newest.at(slot) ?? this.#floor;
  }

  /**
   * Puts a cell in the place of one that it is sure to win over whole, and that need not be read for that: only its
   * checksum has to be known, for the hashes. False, and nothing is done, where that is not so.
   *
   * Everything ever merged in a slot is at or below a bound, so what is stamped above it wins over whatever stands there;
   * roots without an expiry or fields under them have nothing else to say.
   */
  overwrite(slot: Slot, key: Key, { field, cell, bytes }: DecodedCell): boolean {
    if (field !== undefined || !isPlain(cell) || !isClearing(cell) || isFlushKey(key)) return false;
    if (!this.#isAboveAll(slot, cell.stamp)) return false;
    const storageKey = this.#keyOf(slot, key, undefined);
    const address = hashBinary(storageKey);
    const before = this.#hashes.knownChecksum(address);
    if (before === undefined) return false;
    this.#hashes.onOverwritten(slot, address, before, checksumOf(bytes));
    this.#put(slot, storageKey, bytes);
    if (this.#damagedPlaces.size > 0) this.#damagedPlaces.delete(storageKey);
    this.#noteMerged(slot, cell.stamp);
    return true;
  }

  /** Whether the root of a key is surely the one with this checksum, and durable, without reading it. False says nothing. */
  isKnownAs(slot: Slot, key: Key, checksum: number): boolean {
    const storageKey = this.#keyOf(slot, key, undefined);
    if (this.#damagedPlaces.has(storageKey)) return false;
    if (this.#hashes.knownChecksum(hashBinary(storageKey)) !== checksum) return false;
    return !this.#commit.isUncommitted(storageKey);
  }

  /** Merges cells of one key, decoded by `decodeAll` for this very key. */
  merge(slot: Slot, key: Key, cells: readonly DecodedCell[]): MergeResult {
    for (const { field, cell } of cells) {
      const isDamaged = this.find(slot, key, field).kind === "damaged";
      if (isDamaged && !this.#isSurelyGreater(slot, key, field, cell)) return { kind: "damaged" };
    }
    let isChanged = false;
    let isSuperseded = false;
    for (const incoming of cells) {
      const { field, cell } = incoming;
      const held = this.find(slot, key, field);
      if (held.kind === "failed") return held;
      const after = this.#mergeOver(held, slot, key, incoming);
      isSuperseded ||= compareStamps(after.stamp, cell.stamp) > 0;
      isChanged ||= held.kind !== "held" || after !== held.cell;
    }
    return { kind: "merged", isChanged, isSuperseded };
  }

  /**
   * Settles what is to stand in a damaged place: the merge of what enough other replicas hold, or nothing where they
   * hold nothing. Where something else stands there by now it is merged like any cell. False when the disk cannot be
   * read.
   */
  mend(slot: Slot, key: Key, field: CellAddress, mended: DecodedCell | undefined): boolean {
    const held = this.find(slot, key, field);
    if (held.kind === "failed") return false;
    if (mended !== undefined) this.#mergeOver(held, slot, key, mended);
    else if (held.kind === "damaged") {
      this.#replace(slot, cellKey(slot, key, field), held, undefined);
    }
    return true;
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
    this.#hashes.load(done);
  }

  /** At a clean stop, when nothing changes any more: leaves the leaves for the next start. */
  save(done: () => void): void {
    this.#hashes.save(done);
  }

  /** Goes on building the hashes where a failed read stopped it. */
  ensureBuilding(): void {
    this.#hashes.ensureBuilding();
  }

  /**
   * Builds the hashes from what is stored, in the background, while cells go on changing: at start, and after a failed
   * commit took cells back.
   */
  rebuild(): void {
    this.#hashes.rebuild();
  }

  /** Builds the hash of one slot anew: what a damaged cell contributed to it cannot be known. */
  rebuildSlot(slot: Slot): void {
    this.#hashes.rebuildSlot(slot);
  }

  /** The storage key of a place, which becomes the one looked at last. */
  #keyOf(slot: Slot, key: Key, field: CellAddress): StorageKey {
    if (slot === this.#lastSlot && key === this.#lastKey && field === this.#lastField) {
      return this.#lastStorageKey;
    }
    this.#lastSlot = slot;
    this.#lastKey = key;
    this.#lastField = field;
    this.#lastStorageKey = cellKey(slot, key, field);
    this.#lastFound = undefined;
    return this.#lastStorageKey;
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

  /** Puts what comes of two cells in their place, and answers with it. */
  #mergeOver(
    held: Exclude<FoundCell, { kind: "failed" }>,
    slot: Slot,
    key: Key,
    { field, bytes, cell }: DecodedCell,
  ): Cell {
    const before = held.kind === "held" ? held.cell : undefined;
    const after = mergeCells(before, cell);
    if (after === before) return after;
    const stored = after === cell ? bytes : encodeCell(after, key, field);
    this.#replace(slot, this.#keyOf(slot, key, field), held, stored, isPlain(after));
    this.#noteHidden(slot, key, before, after);
    // A slot is flushed by one cell: while it is read as the others are, its stamp is wanted with each of them.
    if (isFlushKey(key) && isRootCell(after)) this.#floors?.raiseFlushed(slot, after.stamp);
    this.#noteMerged(slot, after.stamp);
    return after;
  }

  /** Whether nothing that was ever merged in a slot can be at or above a stamp. Most are above all that was merged in any slot. */
  #isAboveAll(slot: Slot, stamp: Stamp): boolean {
    if (compareStamps(stamp, this.#greatest) > 0 && compareStamps(stamp, this.#floor) > 0)
      return true;
    if (compareStamps(stamp, this.#greatestAtStart) <= 0) return false;
    return this.#newest.isBelow(slot, stamp, this.#floor);
  }

  #noteMerged(slot: Slot, stamp: Stamp): void {
    const isGreatest = compareStamps(stamp, this.#greatest) > 0;
    if (isGreatest) this.#greatest = stamp;
    const isNewest = isGreatest
      ? compareStamps(stamp, this.#floor) > 0
      : this.#newest.isBelow(slot, stamp, this.#floor);
    if (isNewest) this.#newest.set(slot, stamp);
    if (this.#watches.size > 0) this.#note(slot, stamp);
  }

  /** Notes when fields may be collected that a root hides: those it finds there, or the one that comes under it. */
  #noteHidden(slot: Slot, key: Key, before: Cell | undefined, after: Cell): void {
    const flushed = this.#floors?.flushed(slot) ?? NO_STAMP;
    if (compareStamps(after.stamp, flushed) <= 0) this.#hashes.dueTimes.note(slot, flushed.ms);
    if (isRootCell(after)) {
      const isHiding =
        before?.kind === "container" && compareStamps(after.cleared, before.cleared) > 0;
      if (isHiding) this.#hashes.dueTimes.note(slot, after.cleared.ms);
      return;
    }
    const root = this.find(slot, key, undefined);
    // A damaged root hides who knows what; a pass too many costs little.
    if (root.kind === "held") {
      this.#hashes.dueTimes.note(slot, hiddenDueMs(after.stamp, root.cell as RootCell));
    } else if (root.kind === "damaged") this.#hashes.dueTimes.note(slot, after.stamp.ms);
  }

  /** Whether a cell wins over whatever can have stood in a damaged place, `cleared` included. */
  #isSurelyGreater(slot: Slot, key: Key, field: CellAddress, cell: Cell): boolean {
    if (isRootCell(cell) && !isClearing(cell)) return false;
    return compareStamps(cell.stamp, this.#boundOf(slot, cellKey(slot, key, field))) > 0;
  }

  /**
   * What stood in a damaged place was merged in its slot before the damage was found: since this start, or before it, when
   * the clock may have read more than it does.
   */
  #boundOf(slot: Slot, storageKey: StorageKey): Stamp {
    return (
      this.#damagedPlaces.get(storageKey) ?? maxStamp(this.newestIn(slot), this.#greatestAtStart)
    );
  }

  #noteDamaged(storageKey: StorageKey, place: CellPlace): void {
    // However many there are: nobody is told that it is sound.
    this.#hashes.forgetKnown(hashBinary(storageKey));
    if (this.#damagedPlaces.has(storageKey)) return;
    if (this.#damagedPlaces.size >= DAMAGED_PLACES_MAX) return;
    this.#damagedPlaces.set(storageKey, this.#boundOf(place.slot, storageKey));
    this.#onDamaged(place);
  }

  /** @param mayBeOverwritten What is stored need not be read by who writes above it. */
  #replace(
    slot: Slot,
    storageKey: StorageKey,
    held: FoundCell,
    stored: Uint8Array | undefined,
    mayBeOverwritten = false,
  ): void {
    this.#put(slot, storageKey, stored);
    if (held.kind === "damaged") this.#damagedPlaces.delete(storageKey);
    const before = held.kind === "held" ? held.bytes : undefined;
    const replaced = held.kind === "damaged" ? held.kind : before;
    this.#hashes.onReplaced(slot, storageKey, replaced, stored, mayBeOverwritten);
  }

  #put(slot: Slot, storageKey: StorageKey, stored: Uint8Array | undefined): void {
    this.#commit.put(storageKey, stored);
    this.#hashes.onPut(slot, stored);
    this.#lastFound = undefined;
  }

  #note(slot: Slot, stamp: Stamp): void {
    for (const watch of this.#watches.get(slot) ?? []) {
      if (watch.least === undefined || compareStamps(stamp, watch.least) < 0) watch.least = stamp;
    }
  }
}

/** Whether nothing of a cell but its stamp, and what it clears, matters to one that comes after it. */
function isPlain(cell: Cell): cell is RootCell {
  return (cell.kind === "value" || cell.kind === "tombstone") && cell.expiresAtMs === 0;
}
