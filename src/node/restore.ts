/** What a start takes over from the disk before anything is said: dirty maps and the state of slots. */
import {
  dirtyMapsRange,
  parseDirtyMapKey,
  slotStatesRange,
} from "../core/causality/storage-key.ts";
import type { DirtyMaps } from "../core/replication/dirty-maps.ts";
import { MEMBERS_MAX, SLOT_COUNT } from "../model/limits.ts";
import type { Storage } from "../ports/storage.ts";
import type { SlotStates } from "./slot-states.ts";

/** More than all slots and members take. */
const BYTES_MAX = 64 * 1024 * 1024;

/** `done` is told what is in the way, or nothing. */
export function restore(
  storage: Storage,
  dirtyMaps: DirtyMaps,
  states: SlotStates,
  done: (problem: string | undefined) => void,
): void {
  const maps = { ...dirtyMapsRange(), entriesMax: 4 * MEMBERS_MAX, bytesMax: BYTES_MAX };
  storage.scan(maps, (result) => {
    if (result.kind === "failed") {
      done(`the disk cannot be read: ${result.error.message}`);
      return;
    }
    for (const { key, value } of result.entries) {
      const target = parseDirtyMapKey(key);
      if (target !== undefined) dirtyMaps.restore(target, value);
    }
    const slots = { ...slotStatesRange(), entriesMax: SLOT_COUNT, bytesMax: BYTES_MAX };
    storage.scan(slots, (found) => {
      if (found.kind === "failed") done(`the disk cannot be read: ${found.error.message}`);
      else if (states.restore(found.entries)) done(undefined);
      else done("the state of a slot on disk is damaged");
    });
  });
}
