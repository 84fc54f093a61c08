/**
 * Where scans go on, as the integers that clients carry.
 *
 *   cursor = token * 16 384 + slot          below 2^53, so that it survives as a number in any client; 0 is the beginning, and the end
 *
 * Without a token (0) a scan goes on with the first key of the slot: any node understands that, and always. A slot with very many
 * keys is cut into several steps: the token then stands for the last key answered, which this node remembers. So are the fields
 * of one key: there the token stands for the last field.
 *
 * Invariant: a token is never taken for another place than its own: it is drawn at random and kept with its slot. One that is no
 * longer known is told as such.
 */
import { binaryFromBytes } from "../../../base/binary.ts";
import type { Key } from "../../../model/key.ts";
import { SLOT_COUNT } from "../../../model/limits.ts";
import { type Slot, slotFrom } from "../../../model/slot.ts";
import type { Store } from "../../../node/store.ts";
import type { Random } from "../../../ports/random.ts";
import { SystemRandom } from "../../system/system-random.ts";

/**
 * Places remembered for all scans of a node, and as many for those within keys, the last ones used: 96 MiB if their keys and fields
 * are the longest.
 */
export const PLACES_MAX = 1_024;
const TOKENS = 2 ** 39;
/** Longer cursors are none. */
const CURSOR_BYTES_MAX = 21;
const CURSOR_MAX = 2n ** 64n - 1n;
const CURSOR = /^([+-]?)([0-9]{1,20})$/;

/** A place in the order of the keys, or of the fields of one key. */
export interface ScanPlace {
  readonly slot: Slot;
  /** The storage key of the last key before it, or the name of the last field; `undefined` is the beginning. */
  readonly after: string | undefined;
  /** It was somewhere in the slot, or key, but where is not known any more. */
  readonly isForgotten: boolean;
}

interface Place {
  readonly slot: Slot;
  readonly after: string;
  /** Within which key; `undefined` where it is among keys. */
  readonly key: Key | undefined;
}

export class ScanPlaces {
  readonly #random: Random;
  /** By token, the one used last at the end. */
  readonly #places = new Map<number, Place>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** The cursor of a scan that goes on within `slot` after a storage key, or within `key` after a field. */
  remember(slot: Slot, after: string, key?: Key): string {
    const token = 1 + this.#random.below(TOKENS - 1);
    this.#places.set(token, { slot, after, key });
    for (const oldest of this.#places.keys()) {
      if (this.#places.size <= PLACES_MAX) break;
      this.#places.delete(oldest);
    }
    return String(token * SLOT_COUNT + slot);
  }

  /** The place of a cursor as a client sends it, or `undefined` for what is no 64-bit integer. */
  parse(bytes: Uint8Array, key?: Key): ScanPlace | undefined {
    const cursor = bytes.length > CURSOR_BYTES_MAX ? undefined : parseUnsigned(bytes);
    if (cursor === undefined) return undefined;
    const slot = slotFrom(Number(cursor % BigInt(SLOT_COUNT)));
    const token = Number(cursor / BigInt(SLOT_COUNT));
    if (token === 0) return { slot, after: undefined, isForgotten: false };
    const place = this.#places.get(token);
    if (place === undefined || place.slot !== slot || place.key !== key) {
      return { slot, after: undefined, isForgotten: true };
    }
    // A client that asks again with the same cursor gets the same again.
    this.#places.delete(token);
    this.#places.set(token, place);
    return { ...place, isForgotten: false };
  }
}

const placesByStore = new WeakMap<Store, ScanPlaces>();
const fieldPlacesByStore = new WeakMap<Store, ScanPlaces>();

/** Of all connections to a node: clients spread one scan over several. */
export function scanPlacesOf(store: Store): ScanPlaces {
  return placesOf(placesByStore, store);
}

/** The same for scans of the fields of keys. */
export function fieldPlacesOf(store: Store): ScanPlaces {
  return placesOf(fieldPlacesByStore, store);
}

function placesOf(byStore: WeakMap<Store, ScanPlaces>, store: Store): ScanPlaces {
  const known = byStore.get(store);
  if (known !== undefined) return known;
  const places = new ScanPlaces(new SystemRandom());
  byStore.set(store, places);
  return places;
}

/** As C reads an unsigned number, which Redis leaves it to: it ends before a NUL, nothing is 0, and -1 the greatest. */
function parseUnsigned(bytes: Uint8Array): bigint | undefined {
  const nulIndex = bytes.indexOf(0);
  const text = binaryFromBytes(nulIndex < 0 ? bytes : bytes.subarray(0, nulIndex));
  if (text === "") return 0n;
  const match = CURSOR.exec(text);
  if (match === null) return undefined;
  const magnitude = BigInt(match[2] ?? "0");
  if (magnitude > CURSOR_MAX) return undefined;
  return match[1] === "-" ? BigInt.asUintN(64, -magnitude) : magnitude;
}
