/**
 * A flush is one cell a slot: the tombstone of a key that no client can name. Its stamp is the slot's flush floor: what
 * any key of the slot holds at or below it is gone. So a flush is merged, repaired, handed over, compared and collected
 * as every tombstone is.
 *
 * Invariant: one such key a slot, the same on every node and in every version: it is part of what is on disk.
 */
import { assert } from "../../base/assert.ts";
import { type Key, RESERVED_PREFIX } from "../../model/key.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import type { Slot } from "../../model/slot.ts";
import { slotOfKey } from "./slot-of-key.ts";

const FLUSH_PREFIX = `${RESERVED_PREFIX}flush`;

/** By slot; filled when one is first asked for, which takes some ten milliseconds. */
let keys: readonly Key[] = [];

/** The key whose tombstone flushes a slot: that of the least number, as its tag, that falls into the slot. */
export function flushKeyOf(slot: Slot): Key {
  if (keys.length === 0) keys = allFlushKeys();
  const key = keys[slot];
  assert(key !== undefined, "every slot has a flush key");
  return key;
}

export function isFlushKey(key: Key): boolean {
  return key.startsWith(FLUSH_PREFIX);
}

function allFlushKeys(): Key[] {
  const found: Key[] = Array.from({ length: SLOT_COUNT });
  let left = SLOT_COUNT;
  for (let number = 0; left > 0; number += 1) {
    const key = `${FLUSH_PREFIX}{${number}}` as Key;
    const slot = slotOfKey(key);
    if (found[slot] !== undefined) continue;
    found[slot] = key;
    left -= 1;
  }
  return found;
}
