/**
 * Where scans go on, as the integers that clients carry.
 *
 *   cursor = token * 16 384 + slot
 *
 * It is below 2^53, so that it survives as a number in any client. 0 is the beginning, and the end.
 *
 * Without a token (0) a scan goes on with the first key of the slot: any node understands that, and
 * always. A slot with very many keys is cut into several steps: the token then stands for the last
 * key answered, which this node remembers.
 *
 * Invariant: a token is never taken for another place than its own: it is drawn at random and kept
 * with its slot. One that is no longer known is told as such.
 */
import { SLOT_COUNT } from "../../../model/limits.ts";
import { type Slot, slotFrom } from "../../../model/slot.ts";
import type { Store } from "../../../node/store.ts";
import type { Random } from "../../../ports/random.ts";
import { SystemRandom } from "../../system/system-random.ts";

/**
 * Places remembered for all scans of a node, the last ones used: 32 MiB if their keys are the
 * longest.
 */
export const PLACES_MAX = 1_024;
const TOKENS = 2 ** 39;
const CURSOR_MAX = 2n ** 64n - 1n;
const CURSOR = /^([+-]?)([0-9]{1,20})$/;

/** A place in the order of the keys. */
export interface ScanPlace {
  readonly slot: Slot;
  /** The storage key of the last key before it; `undefined` is the beginning of the slot. */
  readonly after: string | undefined;
  /** It was somewhere in the slot, but where is not known any more. */
  readonly isForgotten: boolean;
}

export class ScanPlaces {
  readonly #random: Random;
  /** By token, the one used last at the end. */
  readonly #places = new Map<number, { readonly slot: Slot; readonly after: string }>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** The cursor of a scan that goes on within `slot` after a storage key. */
  remember(slot: Slot, after: string): string {
    const token = 1 + this.#random.below(TOKENS - 1);
    this.#places.set(token, { slot, after });
    for (const oldest of this.#places.keys()) {
      if (this.#places.size <= PLACES_MAX) break;
      this.#places.delete(oldest);
    }
    return String(token * SLOT_COUNT + slot);
  }

  /** The place of a cursor as a client sends it, or `undefined` for what is no 64-bit integer. */
  parse(text: string): ScanPlace | undefined {
    const cursor = parseUnsigned(text);
    if (cursor === undefined) return undefined;
    const slot = slotFrom(Number(cursor % BigInt(SLOT_COUNT)));
    const token = Number(cursor / BigInt(SLOT_COUNT));
    if (token === 0) return { slot, after: undefined, isForgotten: false };
    const place = this.#places.get(token);
    if (place === undefined || place.slot !== slot) {
      return { slot, after: undefined, isForgotten: true };
    }
    // A client that asks again with the same cursor gets the same again.
    this.#places.delete(token);
    this.#places.set(token, place);
    return { ...place, isForgotten: false };
  }
}

const placesByStore = new WeakMap<Store, ScanPlaces>();

/** Of all connections to a node: clients spread one scan over several. */
export function scanPlacesOf(store: Store): ScanPlaces {
  const known = placesByStore.get(store);
  if (known !== undefined) return known;
  const places = new ScanPlaces(new SystemRandom());
  placesByStore.set(store, places);
  return places;
}

/** As C reads an unsigned number, which Redis leaves it to: nothing is 0, and -1 the greatest. */
function parseUnsigned(text: string): bigint | undefined {
  if (text === "") return 0n;
  const match = CURSOR.exec(text);
  if (match === null) return undefined;
  const magnitude = BigInt(match[2] ?? "0");
  if (magnitude > CURSOR_MAX) return undefined;
  return match[1] === "-" ? BigInt.asUintN(64, -magnitude) : magnitude;
}
