/**
 * The leaves of the slots' hashes on disk, from a clean stop to the next start, which then need not read every cell.
 *
 * Invariant: the mark that says that they are those of the cells stands only while no cell has changed since they were written: it
 * goes with the first change, in the same commit. Records without it count for nothing.
 */
import { assert } from "../base/assert.ts";
import type { DueTimes } from "../core/anti-entropy/due-times.ts";
import type { HashTree } from "../core/anti-entropy/hash-tree.ts";
import {
  encodeCleanMark,
  encodeLeaves,
  parseCleanMark,
  parseLeaves,
} from "../core/anti-entropy/leaves-record.ts";
import {
  leavesKey,
  leavesRange,
  metaKey,
  nextStorageKey,
  parseLeavesKey,
} from "../core/causality/storage-key.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { Slot } from "../model/slot.ts";
import type { Storage, StorageKey } from "../ports/storage.ts";
import type { GroupCommit } from "./group-commit.ts";

/** Records of leaves written, or read, at once: 2 MiB. */
const RECORDS_MAX = 1_024;
const BYTES_MAX = 4 * 1024 * 1024;
/** Says that the leaves on disk are those of the cells on disk. */
const CLEAN_MARK = metaKey("clean");

export interface KeptLeavesOptions {
  readonly commit: GroupCommit;
  readonly storage: Storage;
  readonly hashes: HashTree;
  readonly dueTimes: DueTimes;
}

export class KeptLeaves {
  readonly #options: KeptLeavesOptions;
  /** Changes of cells since start. */
  #changes = 0;
  /** Whether the mark stands on disk, as far as what was put decides. */
  #isMarked = false;

  constructor(options: KeptLeavesOptions) {
    this.#options = options;
  }

  /** A cell has been put, or removed. */
  noteChange(): void {
    this.#changes += 1;
    if (this.#isMarked) this.#unmark();
  }

  /** At start, before anything changes: takes over what a clean stop left; told is whether the hashes describe all cells then. */
  load(done: (isLoaded: boolean) => void): void {
    const { storage } = this.#options;
    let mark: Uint8Array | undefined;
    try {
      mark = storage.get(CLEAN_MARK);
    } catch {
      return done(false);
    }
    if (mark === undefined) return done(false);
    this.#isMarked = true;
    const slots = parseCleanMark(mark);
    if (slots === undefined) return done(false);
    this.#loadFrom(leavesRange().from, slots, (isLoaded) => {
      // In the first commit of this start: from then on the leaves on disk are older than the cells.
      this.#unmark();
      done(isLoaded);
    });
  }

  /** At a clean stop, when nothing changes any more. */
  save(done: () => void): void {
    const slots: Slot[] = [];
    for (let index = 0; index < SLOT_COUNT; index += 1) {
      if (this.#options.hashes.count(index as Slot) > 0) slots.push(index as Slot);
    }
    this.#saveFrom(0, slots, this.#changes, done);
  }

  /** A commit failed, and may have taken the removal of the mark with it. */
  recheck(): void {
    try {
      if (this.#options.commit.get(CLEAN_MARK) !== undefined) this.#unmark();
    } catch {
      // It cannot be read, so it may stand.
      this.#unmark();
    }
  }

  #unmark(): void {
    this.#isMarked = false;
    this.#options.commit.put(CLEAN_MARK, undefined);
  }

  #loadFrom(from: StorageKey, missing: Set<Slot>, done: (isLoaded: boolean) => void): void {
    const { storage, hashes, dueTimes } = this.#options;
    const { before } = leavesRange();
    const range = { from, before, entriesMax: RECORDS_MAX, bytesMax: BYTES_MAX };
    storage.scan(range, (result) => {
      if (result.kind === "failed") return done(false);
      for (const { key, value } of result.entries) {
        const slot = parseLeavesKey(key);
        // What the mark does not name was left by an earlier stop, and is of a slot that is empty since.
        if (slot === undefined || !missing.delete(slot)) continue;
        const parsed = parseLeaves(slot, value);
        if (parsed === undefined) return done(false);
        hashes.restore(slot, parsed);
        dueTimes.note(slot, parsed.dueMs);
      }
      const last = result.entries.at(-1)?.key;
      if (result.isComplete || last === undefined) done(missing.size === 0);
      else this.#loadFrom(nextStorageKey(last), missing, done);
    });
  }

  #saveFrom(first: number, slots: readonly Slot[], changes: number, done: () => void): void {
    const { commit, hashes, dueTimes } = this.#options;
    // What changed meanwhile is not in the records: without a mark they count for nothing.
    if (changes !== this.#changes) return done();
    for (const slot of slots.slice(first, first + RECORDS_MAX)) {
      const leaves = hashes.leaves(slot);
      assert(leaves !== undefined, "a slot with cells has leaves");
      const count = hashes.count(slot);
      commit.put(leavesKey(slot), encodeLeaves(slot, { count, dueMs: dueTimes.at(slot), leaves }));
    }
    const next = first + RECORDS_MAX;
    if (next >= slots.length) {
      commit.put(CLEAN_MARK, encodeCleanMark(slots));
      this.#isMarked = true;
    }
    commit.whenDurable((error) => {
      if (error !== undefined || next >= slots.length) done();
      else this.#saveFrom(next, slots, changes, done);
    });
  }
}
