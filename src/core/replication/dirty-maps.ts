/**
 * Dirty maps: for each member, the slots in which it may lack something this node holds. This is the hint of
 * hinted handoff: one bit a slot, so it never overflows, never goes stale, and cannot race with a newer cell.
 *
 * Invariant: a bit is erased only when an exchange of the slot that began after it was last set has completed.
 * Bounded by the members: nobody else is marked.
 * Source: DeCandia et al., "Dynamo" (2007), section 4.6; docs/ARCHITECTURE.md, "Convergence".
 */
import type { NodeId } from "../../model/ids.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import type { Slot } from "../../model/slot.ts";

const MAP_BYTES = SLOT_COUNT / 8;

interface DirtyMap {
  /** As on disk. */
  readonly bits: Uint8Array;
  /** Bits taken off while their exchange runs, with its number; a later write puts them back. */
  readonly exchanging: Map<Slot, number>;
  count: number;
  /** Wall clock at which the first bit was set, of those that stand; `Infinity` where that was before this start. */
  sinceMs: number;
  /** A commit with this map in it failed: what is on disk is older. */
  isUnstored: boolean;
}

export class DirtyMaps {
  readonly #maps = new Map<NodeId, DirtyMap>();
  #exchanges = 0;

  /** Takes over what was on disk; false if the bytes are no dirty map. */
  restore(target: NodeId, bits: Uint8Array): boolean {
    if (bits.length !== MAP_BYTES) return false;
    let count = 0;
    for (const byte of bits) for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1;
    this.#maps.set(target, {
      bits: Uint8Array.from(bits),
      exchanging: new Map(),
      count,
      sinceMs: Number.POSITIVE_INFINITY,
      isUnstored: false,
    });
    return true;
  }

  /** True if the map must be stored: the bit was not set on disk. `nowMs` is the wall clock, where it is known. */
  set(target: NodeId, slot: Slot, nowMs: number = Number.POSITIVE_INFINITY): boolean {
    let map = this.#maps.get(target);
    if (map === undefined) {
      map = {
        bits: new Uint8Array(MAP_BYTES),
        exchanging: new Map(),
        count: 0,
        sinceMs: nowMs,
        isUnstored: false,
      };
      this.#maps.set(target, map);
    }
    map.exchanging.delete(slot);
    const byte = map.bits[slot >> 3] as number;
    const bit = 1 << (slot & 7);
    if ((byte & bit) !== 0) {
      const { isUnstored } = map;
      map.isUnstored = false;
      return isUnstored;
    }
    if (map.count === 0) map.sinceMs = nowMs;
    map.isUnstored = false;
    map.bits[slot >> 3] = byte | bit;
    map.count += 1;
    return true;
  }

  /** The first slot from `from` on that waits for an exchange. */
  next(target: NodeId, from: number): Slot | undefined {
    const map = this.#maps.get(target);
    // Asked many times a second of every peer, and mostly there is nothing.
    if (map === undefined || map.count === map.exchanging.size) return undefined;
    for (let slot = from; slot < SLOT_COUNT; slot += 1) {
      if (((map.bits[slot >> 3] as number) & (1 << (slot & 7))) === 0) continue;
      if (!map.exchanging.has(slot as Slot)) return slot as Slot;
    }
    return undefined;
  }

  /** An exchange of the slot begins; `end` takes the number it has. */
  begin(target: NodeId, slot: Slot): number {
    this.#exchanges += 1;
    this.#maps.get(target)?.exchanging.set(slot, this.#exchanges);
    return this.#exchanges;
  }

  /** The exchange ended. True if the map must be stored: it completed, and the bit was not set again meanwhile. */
  end(target: NodeId, slot: Slot, exchange: number, isComplete: boolean): boolean {
    const map = this.#maps.get(target);
    // A bit set while an exchange ran begins another: only that one may take it off.
    if (map === undefined || map.exchanging.get(slot) !== exchange) return false;
    map.exchanging.delete(slot);
    if (!isComplete) return false;
    const byte = map.bits[slot >> 3] as number;
    const bit = 1 << (slot & 7);
    if ((byte & bit) === 0) return false;
    map.bits[slot >> 3] = byte & ~bit;
    map.count -= 1;
    return true;
  }

  /** The map could not be stored: the next bit set in it stores it, new or not. */
  noteUnstored(target: NodeId): void {
    const map = this.#maps.get(target);
    if (map !== undefined) map.isUnstored = true;
  }

  /** A copy of the map as it belongs on disk; `undefined` when it is empty. */
  bits(target: NodeId): Uint8Array | undefined {
    const map = this.#maps.get(target);
    return map === undefined || map.count === 0 ? undefined : Uint8Array.from(map.bits);
  }

  /** Slots in which `target` may lack something. */
  count(target: NodeId): number {
    return this.#maps.get(target)?.count ?? 0;
  }

  /** Since when somebody may lack something of a slot; `undefined` when nobody does, or it is not known. */
  missedSince(slot: Slot): number | undefined {
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const map of this.#maps.values()) {
      if (((map.bits[slot >> 3] as number) & (1 << (slot & 7))) === 0) continue;
      sinceMs = Math.min(sinceMs, map.sinceMs);
    }
    return sinceMs === Number.POSITIVE_INFINITY ? undefined : sinceMs;
  }

  /** Members with a bit set, in order of id. */
  targets(): NodeId[] {
    const targets: NodeId[] = [];
    for (const [target, map] of this.#maps) if (map.count > 0) targets.push(target);
    return targets.sort();
  }

  /** A removed member needs nothing any more. */
  drop(target: NodeId): void {
    this.#maps.delete(target);
  }
}
