/**
 * SCAN: the keys of the whole cluster in steps, whole slots at a time.
 *
 * Invariant: a key that is there from the first step to the last is answered at least once. A step
 * ends where a slot ends, so its cursor means the same at every node and after any time; only a
 * slot with more than `CUT_ENTRIES_MIN` keys is cut (`scan-places.ts`). Where the node does not
 * know any more where that was, it answers the slot from its beginning, whole.
 */
import { slotOfKey } from "../../../core/placement/slot-of-key.ts";
import { LIST_ENTRIES_MAX } from "../../../model/limits.ts";
import type { ListEntry } from "../../../model/outcome.ts";
import type { Slot } from "../../../model/slot.ts";
import { cursorAtSlot, type ListPlace, placeOfCursor } from "../../../node/list-cursor.ts";
import { matchesGlob } from "../../../protocol/resp/glob.ts";
import type { Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { errorReply, failureReply } from "../failures.ts";
import { argumentAt } from "./arguments.ts";
import { keyCommand, READ_ALL } from "./command-shapes.ts";
import { prefixOfPattern, viewOf } from "./key-walk.ts";
import { typeName } from "./one-key.ts";
import { binaryReply } from "./replies.ts";
import {
  INVALID_CURSOR,
  isErrorReply,
  parseScanOptions,
  type ScanOptions,
} from "./scan-options.ts";
import { type ScanPlace, scanPlacesOf } from "./scan-places.ts";

/** A slot with more keys than this, and than asked for, is answered in several steps. */
const CUT_ENTRIES_MIN = 1_000;
/**
 * Pages that one step looks at, beyond those that hold what it was asked for: where few keys match,
 * or many were deleted a short time ago, most are empty. Some 100 000 cells.
 */
const PAGES_MAX = 64;
/** Keys of a slot that has to be answered whole. */
const WHOLE_ENTRIES_MAX = 1_000_000;

const TOO_LARGE = errorReply(
  `ERR the place of this cursor is forgotten, and its slot has more than ${WHOLE_ENTRIES_MAX} keys: begin with 0`,
);

export const SCAN_COMMANDS: readonly Command[] = [
  keyCommand({
    name: "scan",
    arity: -2,
    flags: READ_ALL,
    keys: undefined,
    summary: "Gives the keys in steps, each from the cursor of the one before",
    run: scan,
  }),
];

/** One step while it runs. */
interface Step extends ScanOptions {
  readonly call: Call;
  readonly prefix: string;
  readonly start: ScanPlace;
  /** In the order of the keys. */
  readonly entries: ListEntry[];
  pages: number;
}

function scan(call: Call): void {
  const start = scanPlacesOf(call.store).parse(argumentAt(call, 1));
  if (start === undefined) return call.reply(INVALID_CURSOR);
  const options = parseScanOptions(call, 2);
  if (isErrorReply(options)) return call.reply(options);
  const prefix = options.pattern === undefined ? "" : prefixOfPattern(options.pattern);
  const step: Step = { ...options, call, prefix, start, entries: [], pages: 0 };
  look(step, start.after ?? cursorAtSlot(start.slot));
}

/** Takes one page more, from `cursor` on. */
function look(step: Step, cursor: string): void {
  const { call, count, prefix } = step;
  // One more than asked for shows whether the slot of the last one ends with it. Who comes back for
  // more has a large slot.
  const limit = Math.min(step.pages === 0 ? count + 1 : LIST_ENTRIES_MAX, LIST_ENTRIES_MAX);
  call.store.list({ prefix, cursor, limit, withValues: false }, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    step.pages += 1;
    for (const entry of outcome.entries) step.entries.push(entry);
    const { next } = outcome;
    const place = next === undefined ? undefined : placeOfCursor(next);
    if (next === undefined || place === undefined) return answer(step, step.entries.length, "0");
    judge(step, next, place);
  });
}

/** Ends the step at `place`, or at the beginning of its slot, or goes on. */
function judge(step: Step, next: string, place: ListPlace): void {
  const { call, count, entries, start } = step;
  const isAtBoundary = place.after === "";
  const isTired = step.pages >= PAGES_MAX + Math.ceil(count / LIST_ENTRIES_MAX);
  const wholeCount = isAtBoundary ? entries.length : countBefore(entries, place.slot);
  // Half of what was asked for is enough: the rest of a large slot may be much more.
  const isEnough = wholeCount * 2 >= count || isTired;
  if (isEnough && place.slot > start.slot) {
    return answer(step, wholeCount, String(place.slot));
  }
  const mustBeWhole = start.isForgotten && place.slot === start.slot;
  if (mustBeWhole) {
    if (entries.length > WHOLE_ENTRIES_MAX) return call.reply(TOO_LARGE);
  } else if (isTired || entries.length >= Math.max(count, CUT_ENTRIES_MIN)) {
    const cursor = scanPlacesOf(call.store).remember(place.slot, place.after);
    return answer(step, entries.length, cursor);
  }
  look(step, next);
}

/** How many of the entries come before `slot`. */
function countBefore(entries: readonly ListEntry[], slot: Slot): number {
  let count = entries.length;
  while (count > 0 && slotOfKey((entries[count - 1] as ListEntry).key) >= slot) count -= 1;
  return count;
}

/** The first `count` entries that match, and where the scan goes on. */
function answer({ call, entries, pattern, type }: Step, count: number, cursor: string): void {
  const items: Reply[] = [];
  const isListed = viewOf(call);
  for (let index = 0; index < count; index += 1) {
    const entry = entries[index] as ListEntry;
    const { key, root } = entry;
    if (isListed !== undefined && !isListed(entry)) continue;
    if (pattern !== undefined && !matchesGlob(pattern, key)) continue;
    if (type === undefined || typeName(root) === type) items.push(binaryReply(key));
  }
  call.reply({ kind: "array", items: [binaryReply(cursor), { kind: "array", items }] });
}
