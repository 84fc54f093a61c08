/**
 * The hashes of this node's cells, slot by slot, and when something in a slot is due for collection.
 *
 * They follow each change in its own step, and are built from what is stored, in the background and while cells go on changing: at
 * a start that finds no leaves, after a failed commit, and of one slot after damage. Invariant: cells up to `#builtUpTo`, and of
 * a slot that is built anew up to its own mark, are in the hashes as `commit.get` answers them; those beyond are not in them, and
 * those of them that changed are remembered, because the scan may be older than they are.
 */
import { type Hash64, hashBinary } from "../base/hash.ts";
import { DueTimes } from "../core/anti-entropy/due-times.ts";
import { HashTree } from "../core/anti-entropy/hash-tree.ts";
import { KnownChecksums } from "../core/anti-entropy/known-checksums.ts";
import { checksumOf, decodeCell, peekDueMs } from "../core/causality/cell-codec.ts";
import {
  allCellsRange,
  type CellPlace,
  nextStorageKey,
  parseCellKey,
  slotRange,
} from "../core/causality/storage-key.ts";
import type { Cell } from "../model/cell.ts";
import type { Slot } from "../model/slot.ts";
import type { Storage, StorageEntry, StorageKey } from "../ports/storage.ts";
import type { GroupCommit } from "./group-commit.ts";
import { KeptLeaves } from "./kept-leaves.ts";

/** Cells read in one turn while the hashes are built. */
const BUILD_ENTRIES_MAX = 2_000;
const BUILD_BYTES_MAX = 4 * 1024 * 1024;

export interface CellHashesOptions {
  readonly commit: GroupCommit;
  readonly storage: Storage;
  /** All are about to be built anew. */
  readonly onRebuild: () => void;
  /** A cell is met that is counted from now on. */
  readonly onCell: (storageKey: StorageKey, place: CellPlace, cell: Cell | "damaged") => void;
}

/** What stood in a place before, as far as its hash goes: nothing, these bytes, or what cannot be told any more. */
export type Replaced = Uint8Array | "damaged" | undefined;

/** One slot whose hash is being built anew. */
interface SlotBuild {
  /** The hash describes cells up to here. */
  upTo: StorageKey;
  readonly changed: Set<StorageKey>;
  isRunning: boolean;
}

export class CellHashes {
  readonly tree = new HashTree();
  readonly dueTimes = new DueTimes();
  readonly #options: CellHashesOptions;
  readonly #kept: KeptLeaves;
  /** Of roots in the hashes, as they were put there. */
  readonly #known = new KnownChecksums();
  /** Hashes describe cells up to here; `undefined` once they describe all. */
  #builtUpTo: StorageKey | undefined = "";
  /** Cells changed beyond `#builtUpTo` since the scan that will reach them began. */
  #changed = new Set<StorageKey>();
  #isBuilding = false;
  #builds = 0;
  /** Slots whose hashes are being built anew, while those of the others stand. */
  readonly #slotBuilds = new Map<Slot, SlotBuild>();

  constructor(options: CellHashesOptions) {
    this.#options = options;
    const { tree: hashes, dueTimes } = this;
    const { commit, storage } = options;
    this.#kept = new KeptLeaves({ commit, storage, hashes, dueTimes });
  }

  /** Whether the hashes describe every cell; until then they are not to be compared. */
  get isBuilt(): boolean {
    return this.#builtUpTo === undefined && this.#slotBuilds.size === 0;
  }

  /** At start, before anything changes. Where a clean stop has left no leaves, or one is damaged, `rebuild` has to be called. */
  load(done: () => void): void {
    this.#kept.load((isLoaded) => {
      if (isLoaded) this.#builtUpTo = undefined;
      else this.tree.clear();
      done();
    });
  }

  /** At a clean stop, when nothing changes any more: leaves the leaves for the next start. */
  save(done: () => void): void {
    if (this.isBuilt) this.#kept.save(done);
    else done();
  }

  /** What to tell the hashes of a root that is replaced unread; `undefined` where that is not known. */
  knownChecksum(address: Hash64): number | undefined {
    return this.isBuilt ? this.#known.get(address) : undefined;
  }

  /** What stands in a place may not be what was put there. */
  forgetKnown(address: Hash64): void {
    this.#known.forget(address);
  }

  /** A root was replaced unread by this one: `before` is its known checksum. */
  onOverwritten(slot: Slot, address: Hash64, before: number, after: number): void {
    this.tree.replace(slot, address, before, after);
    this.#known.note(address, after);
  }

  /** A cell is put, or removed: before the change is counted. */
  onPut(slot: Slot, stored: Uint8Array | undefined): void {
    if (stored !== undefined) this.dueTimes.note(slot, peekDueMs(stored));
    this.#kept.noteChange();
  }

  /** A cell was put in the place of another. @param mayBeOverwritten What is stored need not be read by who writes above it. */
  onReplaced(
    slot: Slot,
    storageKey: StorageKey,
    before: Replaced,
    stored: Uint8Array | undefined,
    mayBeOverwritten: boolean,
  ): void {
    const address = hashBinary(storageKey);
    this.#known.forget(address);
    if (this.#builtUpTo !== undefined && storageKey > this.#builtUpTo) {
      this.#changed.add(storageKey);
      return;
    }
    if (before === "damaged") return this.rebuildSlot(slot);
    const slotBuild = this.#slotBuilds.get(slot);
    if (slotBuild !== undefined && storageKey > slotBuild.upTo) {
      slotBuild.changed.add(storageKey);
      return;
    }
    if (before !== undefined) this.tree.remove(slot, address, checksumOf(before));
    if (stored === undefined) return;
    this.tree.add(slot, address, checksumOf(stored));
    if (mayBeOverwritten && this.isBuilt) this.#known.note(address, checksumOf(stored));
  }

  /** Goes on building where a failed read stopped it. */
  ensureBuilding(): void {
    if (this.#builtUpTo !== undefined && !this.#isBuilding) this.rebuild();
    for (const [slot, { isRunning }] of this.#slotBuilds) if (!isRunning) this.rebuildSlot(slot);
  }

  /** Builds all anew. */
  rebuild(): void {
    this.#options.onRebuild();
    this.#kept.recheck();
    this.tree.clear();
    this.#known.clear();
    this.#slotBuilds.clear();
    this.#builtUpTo = "";
    // A scan sees what is committed: what is under way is looked up when the build comes to it.
    this.#changed = new Set(this.#options.commit.uncommittedKeys());
    this.#builds += 1;
    this.#isBuilding = true;
    this.#buildFrom(allCellsRange().from, this.#builds);
  }

  /** Builds the hash of one slot anew: what a damaged cell contributed to it cannot be known. */
  rebuildSlot(slot: Slot): void {
    const { from, before } = slotRange(slot);
    // Where the great build has not come past the slot it would count some of its cells twice.
    if (this.#builtUpTo !== undefined && this.#builtUpTo < before) return this.rebuild();
    this.tree.clearSlot(slot);
    // What has rotted is counted with the checksum it carries by then.
    this.#known.clear();
    const changed = new Set<StorageKey>();
    for (const key of this.#options.commit.uncommittedKeys()) {
      if (key >= from && key < before) changed.add(key);
    }
    const build = { upTo: "", changed, isRunning: true };
    this.#slotBuilds.set(slot, build);
    this.#buildSlotFrom(from, slot, build);
  }

  #buildFrom(from: StorageKey, build: number): void {
    const { before } = allCellsRange();
    const range = { from, before, entriesMax: BUILD_ENTRIES_MAX, bytesMax: BUILD_BYTES_MAX };
    this.#options.storage.scan(range, (result) => {
      // A later rebuild has taken over.
      if (build !== this.#builds) return;
      if (result.kind === "failed") {
        this.#isBuilding = false;
        return;
      }
      const last = result.entries.at(-1)?.key;
      const upTo = result.isComplete || last === undefined ? undefined : last;
      if (!this.#takeIn(result.entries, upTo, this.#changed)) {
        this.#isBuilding = false;
        return;
      }
      this.#builtUpTo = upTo;
      if (upTo === undefined) this.#isBuilding = false;
      else this.#buildFrom(nextStorageKey(upTo), build);
    });
  }

  #buildSlotFrom(from: StorageKey, slot: Slot, build: SlotBuild): void {
    const { before } = slotRange(slot);
    const range = { from, before, entriesMax: BUILD_ENTRIES_MAX, bytesMax: BUILD_BYTES_MAX };
    this.#options.storage.scan(range, (result) => {
      if (this.#slotBuilds.get(slot) !== build) return;
      const entries = result.kind === "scanned" ? result.entries : [];
      const last = entries.at(-1)?.key;
      const isLast = result.kind === "scanned" && (result.isComplete || last === undefined);
      const upTo = isLast ? undefined : last;
      if (result.kind === "failed" || !this.#takeIn(entries, upTo, build.changed)) {
        build.isRunning = false;
      } else if (upTo === undefined) this.#slotBuilds.delete(slot);
      else {
        build.upTo = upTo;
        this.#buildSlotFrom(nextStorageKey(upTo), slot, build);
      }
    });
  }

  /**
   * Hashes what stands now, which the scan may be older than: keys changed meanwhile are looked up again. False when
   * one cannot be read.
   */
  #takeIn(
    entries: readonly StorageEntry[],
    upTo: StorageKey | undefined,
    changed: Set<StorageKey>,
  ): boolean {
    const keys = new Set<StorageKey>();
    for (const { key } of entries) keys.add(key);
    for (const key of changed) if (upTo === undefined || key <= upTo) keys.add(key);
    for (const key of keys) {
      changed.delete(key);
      const place = parseCellKey(key);
      if (place === undefined) continue;
      let bytes: Uint8Array | undefined;
      try {
        bytes = this.#options.commit.get(key);
      } catch {
        return false;
      }
      if (bytes === undefined) continue;
      // It counts with the checksum it carries: where only the rest has rotted, equal replicas stay equal.
      this.tree.add(place.slot, hashBinary(key), checksumOf(bytes));
      this.dueTimes.note(place.slot, peekDueMs(bytes));
      this.#options.onCell(key, place, decodeCell(bytes, place.key, place.field));
    }
    return true;
  }
}
