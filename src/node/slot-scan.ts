/**
 * One page of the cells of many slots, in storage order: what listings and whole-slot answers of an exchange are made of.
 *
 * Invariant: a page holds every committed entry of these slots after `after` and up to `through`; slots that are
 * neighbours are read in one scan. A page holds at most one entry beyond its bytes, and then that one alone.
 */
import { nextStorageKey, slotRange } from "../core/causality/storage-key.ts";
import type { Slot } from "../model/slot.ts";
import type { Storage, StorageEntry, StorageKey } from "../ports/storage.ts";

export interface SlotScanOptions {
  readonly storage: Storage;
  /** In ascending order. */
  readonly slots: readonly Slot[];
  /** The position to start after; empty for the beginning. */
  readonly after: StorageKey;
  /** At least one. */
  readonly entriesMax: number;
  readonly bytesMax: number;
}

export interface SlotPage {
  readonly entries: readonly StorageEntry[];
  /** The slots that were looked at, the last one perhaps not to its end. */
  readonly slots: readonly Slot[];
  /** `undefined`: there is nothing after it in any of the slots. */
  readonly through: StorageKey | undefined;
}

/** `undefined` is told when the disk could not be read. */
export function scanSlots(
  options: SlotScanOptions,
  done: (page: SlotPage | undefined) => void,
): void {
  const { storage, slots, after, entriesMax, bytesMax } = options;
  const entries: StorageEntry[] = [];
  let bytes = 0;
  const finish = (through: StorageKey | undefined): void => {
    const isLookedAt = (slot: Slot): boolean => {
      const { from, before } = slotRange(slot);
      return before > after && (through === undefined || from <= through);
    };
    done({ entries, slots: slots.filter(isLookedAt), through });
  };
  const scanFrom = (first: number): void => {
    const start = slots[first];
    if (start === undefined) return finish(undefined);
    let last = first;
    while (slots[last + 1] === (slots[last] as Slot) + 1) last += 1;
    const range = {
      from: later(slotRange(start).from, after),
      before: slotRange(slots[last] as Slot).before,
      entriesMax: entriesMax - entries.length,
      bytesMax: bytesMax - bytes,
    };
    storage.scan(range, (result) => {
      if (result.kind === "failed") return done(undefined);
      for (const entry of result.entries) {
        const size = entry.key.length + entry.value.length;
        // The last entry of a scan may be of any size; beside others it could outgrow a frame.
        if (entries.length > 0 && bytes + size > bytesMax) return finish(entries.at(-1)?.key);
        entries.push(entry);
        bytes += size;
      }
      const isLast = last === slots.length - 1;
      const isFull = entries.length >= entriesMax || bytes >= bytesMax;
      if (!result.isComplete || (isFull && !isLast)) finish(entries.at(-1)?.key);
      else scanFrom(last + 1);
    });
  };
  const index = slots.findIndex((slot) => slotRange(slot).before > after);
  if (index < 0) finish(undefined);
  else scanFrom(index);
}

function later(from: StorageKey, after: StorageKey): StorageKey {
  return after < from ? from : nextStorageKey(after);
}
