/** A backup's view of the cluster: the cells of all slots, page by page, each as its primaries hold it. */

import type { Failure } from "./outcome.ts";
import type { KeyedCell } from "./peer-message.ts";
import type { Slot } from "./slot.ts";

export interface BackupRequest {
  /** `next` of the page before; `undefined` begins with `firstSlot`. */
  readonly cursor: string | undefined;
  readonly firstSlot: Slot;
  /** The last slot that is asked for. */
  readonly lastSlot: Slot;
  /** Of those only these, in ascending order; `undefined`: all. */
  readonly slots?: readonly Slot[] | undefined;
  /** Slots that fewer than a read quorum can tell of are taken as they are, and named. */
  readonly allowsThin: boolean;
  readonly deadlineMs?: number | undefined;
}

/** Slots from the first to the last of which only so many primaries, fewer than a read quorum, could be heard. */
export interface ThinSlots {
  readonly firstSlot: Slot;
  readonly lastSlot: Slot;
  /** 0: nothing of them is in the backup. */
  readonly copies: number;
}

export type BackupOutcome =
  | {
      readonly kind: "page";
      /** In storage order: by slot, length of the key, key, field; the root before its fields. */
      readonly cells: readonly KeyedCell[];
      /** Where to go on; `undefined` once the last slot is done. */
      readonly next: string | undefined;
      /** In ascending order. */
      readonly thin: readonly ThinSlots[];
    }
  | Failure;

/** Which slots of the cluster hold something else than a backup does. */
export interface ComparisonRequest {
  readonly firstSlot: Slot;
  /** What a backup holds of that slot and those that follow, as `SlotSums` adds it up: two halves for each. */
  readonly sums: Uint32Array;
}

export type ComparisonOutcome =
  | {
      readonly kind: "compared";
      /**
       * In ascending order, the slots that may hold something else. Of every other a read quorum of primaries holds just what the
       * backup does, and none that answered holds anything else.
       */
      readonly differing: readonly Slot[];
    }
  | Failure;
