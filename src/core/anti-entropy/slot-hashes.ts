/**
 * One 64-bit hash and one count for each slot: enough to tell in a few bytes which slots two replicas hold alike.
 *
 * Invariant: a slot's hash is the XOR over its cells of a hash of (storage key, checksum), so it is the same
 * whatever the order in which the cells came, and a cell is taken out by the operation that put it in. The
 * checksum covers the whole cell: no difference is invisible. XOR resists accidents, not attackers.
 * Source: DeCandia et al., "Dynamo" (2007), section 4.7; XOR trees as in Riak's tictac trees.
 */
import { assert } from "../../base/assert.ts";
import { hashBinary, mix64 } from "../../base/hash.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import type { Slot } from "../../model/slot.ts";
import type { StorageKey } from "../../ports/storage.ts";

/** Slots are compared in this many groups first. */
export const GROUP_COUNT = 128;
export const SLOTS_PER_GROUP: number = SLOT_COUNT / GROUP_COUNT;

export class SlotHashes {
  readonly #high = new Uint32Array(SLOT_COUNT);
  readonly #low = new Uint32Array(SLOT_COUNT);
  readonly #counts = new Uint32Array(SLOT_COUNT);
  #cells = 0;

  /** Cells of all slots. */
  get cells(): number {
    return this.#cells;
  }

  count(slot: Slot): number {
    return this.#counts[slot] as number;
  }

  add(slot: Slot, storageKey: StorageKey, checksum: number): void {
    this.#toggle(slot, storageKey, checksum);
    this.#counts[slot] = this.count(slot) + 1;
    this.#cells += 1;
  }

  remove(slot: Slot, storageKey: StorageKey, checksum: number): void {
    assert(this.count(slot) > 0, "a cell that is taken out was put in");
    this.#toggle(slot, storageKey, checksum);
    this.#counts[slot] = this.count(slot) - 1;
    this.#cells -= 1;
  }

  /** Forgets one slot, to be built anew. */
  clearSlot(slot: Slot): void {
    this.#cells -= this.count(slot);
    this.#high[slot] = 0;
    this.#low[slot] = 0;
    this.#counts[slot] = 0;
  }

  /** Forgets everything, to be built anew. */
  clear(): void {
    this.#high.fill(0);
    this.#low.fill(0);
    this.#counts.fill(0);
    this.#cells = 0;
  }

  /** Hashes of the groups over those slots that `isShared`: two halves each, high first. */
  groups(isShared: (slot: Slot) => boolean): Uint32Array {
    const hashes = new Uint32Array(2 * GROUP_COUNT);
    for (let index = 0; index < SLOT_COUNT; index += 1) {
      const slot = index as Slot;
      // Empty slots say nothing, and asking whether they are shared is what costs.
      if (this.#counts[slot] === 0 || !isShared(slot)) continue;
      const group = Math.floor(index / SLOTS_PER_GROUP);
      // The slot's number goes in, so that two slots with each other's cells do not cancel out.
      const { high, low } = mix64((this.#high[slot] as number) ^ index, this.#low[slot] as number);
      hashes[2 * group] = (hashes[2 * group] as number) ^ high;
      hashes[2 * group + 1] = (hashes[2 * group + 1] as number) ^ low;
    }
    return hashes;
  }

  /** Hashes of the slots of one group; zero for those not shared. */
  slotsOf(group: number, isShared: (slot: Slot) => boolean): Uint32Array {
    assert(group >= 0 && group < GROUP_COUNT, "a group is in range");
    const hashes = new Uint32Array(2 * SLOTS_PER_GROUP);
    for (let offset = 0; offset < SLOTS_PER_GROUP; offset += 1) {
      const slot = (group * SLOTS_PER_GROUP + offset) as Slot;
      if (!isShared(slot)) continue;
      hashes[2 * offset] = this.#high[slot] as number;
      hashes[2 * offset + 1] = this.#low[slot] as number;
    }
    return hashes;
  }

  #toggle(slot: Slot, storageKey: StorageKey, checksum: number): void {
    const address = hashBinary(storageKey);
    const { high, low } = mix64(address.high ^ checksum, address.low);
    this.#high[slot] = (this.#high[slot] as number) ^ high;
    this.#low[slot] = (this.#low[slot] as number) ^ low;
  }
}

/** Indices at which two lists of hashes differ. */
export function differingIndices(a: Uint32Array, b: Uint32Array): number[] {
  const differing: number[] = [];
  for (let index = 0; 2 * index < Math.max(a.length, b.length); index += 1) {
    if (a[2 * index] !== b[2 * index] || a[2 * index + 1] !== b[2 * index + 1])
      differing.push(index);
  }
  return differing;
}
