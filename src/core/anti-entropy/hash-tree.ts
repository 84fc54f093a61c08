/**
 * The hash tree: for each slot 256 leaves, folded up to the slot's hash, those to 128 groups, those to one root. Two
 * replicas find in a few bytes that they hold the same, and in a few messages where they do not.
 *
 * Invariant: a leaf is the XOR over its cells of a hash of (storage key, checksum), and a slot's sum the XOR of its
 * leaves, so both are the same whatever the order in which cells came, and a cell is taken out by the operation that
 * put it in. The checksum covers the whole cell: no difference is invisible. What a slot's hash takes in beside its
 * cells, the named C, outlives a rebuild of the leaves. XOR resists accidents, not attackers.
 * Memory: 2 KiB for each slot that holds a cell, so 32 MiB at most; next to nothing for the others. A write changes leaves anywhere in
 * it, so what it costs is the lines of memory on the way there: leaves of 64 slots are one array, there is no object of a slot, and
 * changes are put down first and made many together, before anything is read: the processor then waits for several lines at a time.
 * Source: DeCandia et al., "Dynamo" (2007), section 4.7; XOR trees as in Riak's tictac trees.
 */
import { assert } from "../../base/assert.ts";
import { type Hash64, hashBinary, mix64 } from "../../base/hash.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import type { Slot } from "../../model/slot.ts";
import { NO_STAMP, type Stamp } from "../../model/stamp.ts";
import type { StorageKey } from "../../ports/storage.ts";

/** Slots are compared in this many groups first. */
export const GROUP_COUNT = 128;
export const SLOTS_PER_GROUP: number = SLOT_COUNT / GROUP_COUNT;
export const LEAF_COUNT = 256;
/** Which of a slot's leaves: one bit each, the first leaf in the lowest bit of the first byte. */
export const LEAF_SET_BYTES: number = LEAF_COUNT / 8;

/** Slots whose leaves are one array, 128 KiB: so much is taken at once where one of them holds its first cell. */
const SLOTS_PER_CHUNK = 64;
const CHUNK_COUNT: number = SLOT_COUNT / SLOTS_PER_CHUNK;
/** Changes that are made together. */
const DUE_MAX = 64;

export class HashTree {
  /** Slot by slot and leaf by leaf, two halves for each, high first. */
  readonly #chunks: (Uint32Array | undefined)[] = noChunks();
  /** XOR of each slot's leaves. */
  readonly #sums = new Uint32Array(2 * SLOT_COUNT);
  /** Hash of what is named of each slot; zero for nothing. */
  readonly #salts = new Uint32Array(2 * SLOT_COUNT);
  readonly #counts = new Uint32Array(SLOT_COUNT);
  #cells = 0;
  /** Leaves that are to be changed, counted through all slots, and by what: two halves for each, high first. */
  readonly #dueLeaves = new Uint32Array(DUE_MAX);
  readonly #dueHashes = new Uint32Array(2 * DUE_MAX);
  #due = 0;

  /** Cells of all slots. */
  get cells(): number {
    return this.#cells;
  }

  count(slot: Slot): number {
    return this.#counts[slot] as number;
  }

  /** @param address The hash of the cell's storage key. */
  add(slot: Slot, address: Hash64, checksum: number): void {
    this.#toggle(slot, address, checksum);
    this.#counts[slot] = this.count(slot) + 1;
    this.#cells += 1;
  }

  /** @param address The hash of the cell's storage key. */
  remove(slot: Slot, address: Hash64, checksum: number): void {
    assert(this.count(slot) > 0, "a cell that is taken out was put in");
    this.#toggle(slot, address, checksum);
    this.#counts[slot] = this.count(slot) - 1;
    this.#cells -= 1;
  }

  /** As `remove` and `add` of the same cell. */
  replace(slot: Slot, address: Hash64, before: number, after: number): void {
    assert(this.count(slot) > 0, "a cell that is replaced was put in");
    const out = hashOfCell(address, before);
    const into = hashOfCell(address, after);
    this.#toggleBy(slot, leafOfHash(address), out.high ^ into.high, out.low ^ into.low);
  }

  /** What is named of a slot belongs to its hash: replicas that differ in it alone must notice. */
  setCollected(slot: Slot, collected: Stamp): void {
    const { ms, counter, boot } = collected;
    let salt: Hash64 = { high: 0, low: 0 };
    if (ms !== NO_STAMP.ms || counter !== NO_STAMP.counter || boot !== NO_STAMP.boot) {
      const [msHigh, msLow] = halves(ms);
      const [bootHigh, bootLow] = halves(boot);
      const time = mix64(msHigh ^ Math.imul(counter, 0x9e3779b1), msLow);
      salt = mix64(time.high ^ bootHigh, time.low ^ bootLow);
    }
    this.#salts[2 * slot] = salt.high;
    this.#salts[2 * slot + 1] = salt.low;
  }

  /** Forgets the cells of one slot, to be built anew. */
  clearSlot(slot: Slot): void {
    this.#cells -= this.count(slot);
    this.#counts[slot] = 0;
    // Asking for the leaves has settled what was due.
    this.leaves(slot)?.fill(0);
    this.#sums[2 * slot] = 0;
    this.#sums[2 * slot + 1] = 0;
  }

  /** Forgets all cells, to be built anew. */
  clear(): void {
    this.#due = 0;
    this.#chunks.fill(undefined);
    this.#sums.fill(0);
    this.#counts.fill(0);
    this.#cells = 0;
  }

  /** The hash of everything, over those slots that `isShared`: two halves, high first. */
  root(isShared: (slot: Slot) => boolean): Uint32Array {
    const groups = this.groups(isShared);
    const root = new Uint32Array(2);
    for (let group = 0; group < GROUP_COUNT; group += 1) {
      const { high, low } = mix64(
        (groups[2 * group] as number) ^ group,
        groups[2 * group + 1] as number,
      );
      toggle(root, 0, high, low);
    }
    return root;
  }

  /** Hashes of the groups over those slots that `isShared`: two halves each, high first. */
  groups(isShared: (slot: Slot) => boolean): Uint32Array {
    this.#settle();
    const hashes = new Uint32Array(2 * GROUP_COUNT);
    for (let index = 0; index < SLOT_COUNT; index += 1) {
      const slot = index as Slot;
      const hash = this.#hash(slot);
      // Slots of which there is nothing to say are passed over: asking whether they are shared is what costs.
      if ((hash.high === 0 && hash.low === 0) || !isShared(slot)) continue;
      // The slot's number goes in, so that two slots with each other's hashes do not cancel out.
      const { high, low } = mix64(hash.high ^ index, hash.low);
      toggle(hashes, Math.floor(index / SLOTS_PER_GROUP), high, low);
    }
    return hashes;
  }

  /** Hashes of these slots, two halves each, high first; zero for one of which there is nothing to say. */
  slots(slots: readonly Slot[]): Uint32Array {
    this.#settle();
    const hashes = new Uint32Array(2 * slots.length);
    for (const [index, slot] of slots.entries()) {
      const { high, low } = this.#hash(slot);
      hashes[2 * index] = high;
      hashes[2 * index + 1] = low;
    }
    return hashes;
  }

  /** Sums over the cells of so many slots, two halves each, high first: what is named of a slot is not in them. */
  sums(first: Slot, count: number): Uint32Array {
    assert(first + count <= SLOT_COUNT, "a slot has a number below SLOT_COUNT");
    this.#settle();
    return this.#sums.slice(2 * first, 2 * (first + count));
  }

  /** The leaves of a slot, two halves each, high first; `undefined` only where all are zero. Not to be changed or kept. */
  leaves(slot: Slot): Uint32Array | undefined {
    this.#settle();
    const first = firstLeafOf(slot);
    return this.#chunks[chunkOf(slot)]?.subarray(2 * first, 2 * (first + LEAF_COUNT));
  }

  /** Takes over the leaves of a slot of which nothing was known. */
  restore(slot: Slot, { count, leaves }: { count: number; leaves: Uint32Array }): void {
    this.#settle();
    assert(
      this.count(slot) === 0 && this.#sums[2 * slot] === 0 && this.#sums[2 * slot + 1] === 0,
      "a slot is restored before it fills",
    );
    assert(leaves.length === 2 * LEAF_COUNT, "a slot has its 256 leaves");
    this.#chunkFor(slot).set(leaves, 2 * firstLeafOf(slot));
    this.#counts[slot] = count;
    this.#cells += count;
    for (let leaf = 0; leaf < LEAF_COUNT; leaf += 1) {
      toggle(this.#sums, slot, leaves[2 * leaf] as number, leaves[2 * leaf + 1] as number);
    }
  }

  /** Of what is settled. */
  #hash(slot: Slot): Hash64 {
    return {
      high: ((this.#sums[2 * slot] as number) ^ (this.#salts[2 * slot] as number)) >>> 0,
      low: ((this.#sums[2 * slot + 1] as number) ^ (this.#salts[2 * slot + 1] as number)) >>> 0,
    };
  }

  #toggle(slot: Slot, address: Hash64, checksum: number): void {
    const { high, low } = hashOfCell(address, checksum);
    this.#toggleBy(slot, leafOfHash(address), high, low);
  }

  #toggleBy(slot: Slot, leaf: number, high: number, low: number): void {
    if (this.#due === DUE_MAX) this.#settle();
    const index = this.#due;
    this.#dueLeaves[index] = LEAF_COUNT * slot + leaf;
    this.#dueHashes[2 * index] = high;
    this.#dueHashes[2 * index + 1] = low;
    this.#due = index + 1;
  }

  /** Makes the changes that are due: before sums or leaves are read, or set. */
  #settle(): void {
    for (let index = 0; index < this.#due; index += 1) {
      const due = this.#dueLeaves[index] as number;
      const slot = Math.floor(due / LEAF_COUNT) as Slot;
      const high = this.#dueHashes[2 * index] as number;
      const low = this.#dueHashes[2 * index + 1] as number;
      toggle(this.#sums, slot, high, low);
      toggle(this.#chunkFor(slot), firstLeafOf(slot) + (due % LEAF_COUNT), high, low);
    }
    this.#due = 0;
  }

  #chunkFor(slot: Slot): Uint32Array {
    const index = chunkOf(slot);
    let chunk = this.#chunks[index];
    if (chunk === undefined) {
      chunk = new Uint32Array(2 * LEAF_COUNT * SLOTS_PER_CHUNK);
      this.#chunks[index] = chunk;
    }
    return chunk;
  }
}

/** What each slot's cells add up to, where no more of them is kept: equal to `sums` of a tree that holds the same cells. */
export class SlotSums {
  /** Two halves for each slot, high first. */
  readonly sums: Uint32Array = new Uint32Array(2 * SLOT_COUNT);

  add(slot: Slot, storageKey: StorageKey, checksum: number): void {
    const { high, low } = hashOfCell(hashBinary(storageKey), checksum);
    toggle(this.sums, slot, high, low);
  }
}

/** Which leaf of its slot a cell belongs to. */
export function leafOf(storageKey: StorageKey): number {
  return leafOfHash(hashBinary(storageKey));
}

/** Whether a set of leaves holds this one. */
export function hasLeaf(leaves: Uint8Array, leaf: number): boolean {
  return ((leaves[leaf >> 3] as number) & (1 << (leaf & 7))) !== 0;
}

/** The leaves in which two slots differ; `undefined` stands for no cells at all. */
export function differingLeaves(
  a: Uint32Array | undefined,
  b: Uint32Array | undefined,
): Uint8Array {
  const differing = new Uint8Array(LEAF_SET_BYTES);
  for (const leaf of differingIndices(a ?? NO_LEAVES, b ?? NO_LEAVES)) {
    differing[leaf >> 3] = (differing[leaf >> 3] as number) | (1 << (leaf & 7));
  }
  return differing;
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

function noChunks(): (Uint32Array | undefined)[] {
  return Array.from({ length: CHUNK_COUNT }, () => undefined);
}

function chunkOf(slot: Slot): number {
  return Math.floor(slot / SLOTS_PER_CHUNK);
}

/** Where the leaves of a slot begin in their chunk. */
function firstLeafOf(slot: Slot): number {
  return (slot % SLOTS_PER_CHUNK) * LEAF_COUNT;
}

const NO_LEAVES = new Uint32Array(2 * LEAF_COUNT);

function hashOfCell(address: Hash64, checksum: number): Hash64 {
  return mix64(address.high ^ checksum, address.low);
}

function leafOfHash(address: Hash64): number {
  return address.high >>> 24;
}

function toggle(hashes: Uint32Array, index: number, high: number, low: number): void {
  hashes[2 * index] = (hashes[2 * index] as number) ^ high;
  hashes[2 * index + 1] = (hashes[2 * index + 1] as number) ^ low;
}

/** A safe integer as two 32-bit halves. */
function halves(value: number): readonly [high: number, low: number] {
  return [Math.floor(value / 2 ** 32), value >>> 0];
}
