/**
 * Slots in which this node's word does not count in reads, although it holds them: after amnesia, until it has been mended
 * by the others. It takes writes meanwhile.
 *
 * Invariant: a vote that is lost is lost on disk too before it could be given again by a restart; it is given back slot by
 * slot, by whoever has compared the slot with enough others since.
 * Source: docs/ARCHITECTURE.md, "Amnesia"; decision 0011.
 */
import { metaKey } from "../core/causality/storage-key.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { Slot } from "../model/slot.ts";
import {
  type Storage,
  StorageError,
  type StorageKey,
  type StorageOperation,
} from "../ports/storage.ts";
import type { GroupCommit } from "./group-commit.ts";
import { opened, sealed } from "./sealed.ts";

const VOTELESS = metaKey("voteless");
const MAP_BYTES = SLOT_COUNT / 8;

export class Votes {
  readonly #commit: GroupCommit;
  #voteless: Uint8Array;
  #count = 0;
  #isUnstored = false;

  /** Throws `StorageError` when the disk cannot be read. */
  constructor(options: { readonly commit: GroupCommit; readonly storage: Storage }) {
    this.#commit = options.commit;
    const stored = opened(options.storage.get(VOTELESS));
    if (stored === "damaged" || (stored !== undefined && stored.length !== MAP_BYTES)) {
      throw new StorageError("read-failed", "the map of slots without a vote is damaged");
    }
    this.#voteless = stored === undefined ? new Uint8Array(MAP_BYTES) : Uint8Array.from(stored);
    for (const byte of this.#voteless) {
      for (let rest = byte; rest !== 0; rest &= rest - 1) this.#count += 1;
    }
  }

  /** Slots without a vote. */
  get voteless(): number {
    return this.#count;
  }

  has(slot: Slot): boolean {
    return this.#count === 0 || ((this.#voteless[slot >> 3] as number) & (1 << (slot & 7))) === 0;
  }

  /** From now on no slot's word counts. */
  loseAll(): void {
    this.#voteless.fill(0xff);
    this.#count = SLOT_COUNT;
    this.#store();
  }

  /** Gives back the vote in those slots for which `isMended` holds. */
  giveBack(isMended: (slot: Slot) => boolean): void {
    if (this.#count === 0) return;
    const before = this.#count;
    for (let index = 0; index < SLOT_COUNT; index += 1) {
      const slot = index as Slot;
      if (this.has(slot) || !isMended(slot)) continue;
      this.#voteless[slot >> 3] = (this.#voteless[slot >> 3] as number) & ~(1 << (slot & 7));
      this.#count -= 1;
    }
    if (this.#count !== before) this.#store();
  }

  /** The map, where a commit that carried it failed: it goes with the next one, and makes none by itself. */
  unstored(): readonly StorageOperation[] {
    return this.#isUnstored ? [{ key: VOTELESS, value: this.#bytes() }] : [];
  }

  noteDurable(): void {
    this.#isUnstored = false;
  }

  /** A commit failed that carried these keys. */
  noteFailed(keys: readonly StorageKey[]): void {
    if (keys.includes(VOTELESS)) this.#isUnstored = true;
  }

  #store(): void {
    this.#commit.put(VOTELESS, this.#bytes());
  }

  #bytes(): Uint8Array | undefined {
    return this.#count === 0 ? undefined : sealed(this.#voteless);
  }
}
