/**
 * What a start reads from its disk before it says anything to anybody.
 *
 * Invariant: what cannot be read, or is damaged, is a problem that keeps the node from starting, and never taken for
 * something that was not there.
 */
import {
  allCellsRange,
  dirtyMapsRange,
  parseDirtyMapKey,
  slotStatesRange,
} from "../core/causality/storage-key.ts";
import type { DirtyMaps } from "../core/replication/dirty-maps.ts";
import type { NodeConfig } from "../model/config.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import type { MemberRecord } from "../model/member.ts";
import { type Storage, StorageError } from "../ports/storage.ts";
import { loadMembers } from "./node-state.ts";
import type { SlotStates } from "./slot-states.ts";

/** More than there can be members. */
const DIRTY_MAPS_MAX = 4_096;
const DIRTY_MAPS_BYTES_MAX = 64 * 1024 * 1024;
/** More than the state of all slots takes. */
const SLOT_STATES_BYTES_MAX = 64 * 1024 * 1024;

/** Why a node that left cannot be started again. */
export const LEFT = "this node has left its cluster; start it with an empty data directory";

/** What keeps a member from going on as its configuration says, or nothing. */
export function whyNotReturn(self: MemberRecord, config: NodeConfig): string | undefined {
  if (self.intent === "removed") {
    return "this node was removed from its cluster; start it with an empty data directory";
  }
  if (self.intent === "left" || (self.zone === config.zone && self.weight === config.weight)) {
    return undefined;
  }
  // A placement that moved in one step would count nodes that hold nothing yet.
  return (
    `this node belongs to its cluster with zone "${self.zone}" and weight ${self.weight}; ` +
    "to change them let it leave, and join with an empty data directory"
  );
}

/** Members as last known, or why they cannot be told: they are stored with the identity of a member. */
export function knownMembers(storage: Storage): readonly MemberRecord[] | string {
  try {
    const known = loadMembers(storage);
    if (known === "damaged") return "the list of members on disk is damaged";
    return known ?? "the list of members is missing from the data directory";
  } catch (error) {
    if (error instanceof StorageError) return `the disk cannot be read: ${error.message}`;
    throw error;
  }
}

/** Takes the dirty maps over from disk; `done` is told what is in the way, or nothing. */
export function restoreDirtyMaps(
  storage: Storage,
  dirtyMaps: DirtyMaps,
  done: (problem: string | undefined) => void,
): void {
  const bounds = { entriesMax: DIRTY_MAPS_MAX, bytesMax: DIRTY_MAPS_BYTES_MAX };
  storage.scan({ ...dirtyMapsRange(), ...bounds }, (result) => {
    if (result.kind === "failed") {
      done(`the disk cannot be read: ${result.error.message}`);
      return;
    }
    for (const { key, value } of result.entries) {
      const target = parseDirtyMapKey(key);
      if (target === undefined || dirtyMaps.restore(target, value)) continue;
      done(`the dirty map of ${target} on disk is damaged`);
      return;
    }
    done(undefined);
  });
}

/** Whether there is any cell; a disk that cannot be read may have some. */
export function hasCells(storage: Storage, done: (hasCells: boolean) => void): void {
  storage.scan({ ...allCellsRange(), entriesMax: 1, bytesMax: 1 }, (result) => {
    done(result.kind === "failed" || result.entries.length > 0);
  });
}

/** Takes over from disk what a node keeps in memory; `done` is told what is in the way, or nothing. */
export function restore(
  storage: Storage,
  { dirtyMaps, states }: { readonly dirtyMaps: DirtyMaps; readonly states: SlotStates },
  done: (problem: string | undefined) => void,
): void {
  restoreDirtyMaps(storage, dirtyMaps, (problem) => {
    if (problem === undefined) restoreStates(storage, states, done);
    else done(problem);
  });
}

function restoreStates(
  storage: Storage,
  states: SlotStates,
  done: (problem: string | undefined) => void,
): void {
  const bounds = { entriesMax: SLOT_COUNT, bytesMax: SLOT_STATES_BYTES_MAX };
  storage.scan({ ...slotStatesRange(), ...bounds }, (result) => {
    if (result.kind === "failed") done(`the disk cannot be read: ${result.error.message}`);
    else if (states.restore(result.entries)) done(undefined);
    else done("the state of a slot on disk is damaged");
  });
}
