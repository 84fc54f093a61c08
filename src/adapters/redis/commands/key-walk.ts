/**
 * The keys of the whole cluster, page by page, in the order in which they are kept: by slot,
 * length, bytes.
 *
 * Invariant: a key that is there from the beginning of a walk to its end is met once.
 */
import { slotOfKey } from "../../../core/placement/slot-of-key.ts";
import { KEY_BYTES_MAX, LIST_ENTRIES_MAX } from "../../../model/limits.ts";
import type { ListEntry } from "../../../model/outcome.ts";
import type { Slot } from "../../../model/slot.ts";
import type { Call } from "../command.ts";
import { failureReply } from "../failures.ts";
import { nodeOf } from "./arguments.ts";

/** Signs of a pattern that do not stand for themselves. */
const PATTERN_SIGN = /[*?[\\]/;

export interface KeyWalk {
  /** Binary string that keys start with. */
  readonly prefix: string;
  /**
   * Takes a page, and calls `goOn` for the next; without, the walk is over and the command answered
   * by whoever ended it.
   */
  readonly onPage: (entries: readonly ListEntry[], goOn: () => void) => void;
  readonly onEnd: () => void;
}

/** Which keys a listing at this node names, by `redis-scan`; `undefined`: all of them. */
export function viewOf(call: Call): ((entry: ListEntry) => boolean) | undefined {
  if (call.door.scan === "cluster") return undefined;
  const nodeId = nodeOf(call);
  // Keys of a slot come together, and where a slot is at home is not found out for nothing.
  let slot: Slot | undefined;
  let isOwn = false;
  return ({ key }) => {
    const next = slotOfKey(key);
    if (next !== slot) isOwn = call.store.locate(key).primaries[0] === nodeId;
    slot = next;
    return isOwn;
  };
}

/** A page that cannot be had ends the walk with an error as the reply. */
export function walkKeys(call: Call, walk: KeyWalk, cursor?: string): void {
  const { prefix, onPage, onEnd } = walk;
  const request = { prefix, cursor, limit: LIST_ENTRIES_MAX, withValues: false };
  call.store.list(request, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    const { entries, next } = outcome;
    onPage(entries, () => {
      if (next === undefined) onEnd();
      else walkKeys(call, walk, next);
    });
  });
}

/** What every key that matches `pattern` starts with. */
export function prefixOfPattern(pattern: string): string {
  const signIndex = pattern.search(PATTERN_SIGN);
  return pattern.slice(0, Math.min(signIndex < 0 ? pattern.length : signIndex, KEY_BYTES_MAX));
}
