/**
 * HSCAN and SSCAN: the fields of a key in steps.
 *
 * Invariant: a field that is there from the first step to the last is answered at least once. What Redis would keep in one piece is
 * answered in one step, whatever COUNT says; of more, a step ends after a field, which this node remembers (`scan-places.ts`). Where
 * it does not any more, or another node is asked, all fields are answered in one step.
 */
import { slotOfKey } from "../../../core/placement/slot-of-key.ts";
import type { Key } from "../../../model/key.ts";
import type { HashEntry } from "../../../model/operation.ts";
import { FIELDS_PER_PAGE_MAX } from "../../../model/selection.ts";
import { matchesGlob } from "../../../protocol/resp/glob.ts";
import type { Reply } from "../../../protocol/resp/reply.ts";
import type { Call } from "../command.ts";
import { WRONG_TYPE } from "../failures.ts";
import { argumentAt, keyAt } from "./arguments.ts";
import { answerRoot, typeName } from "./one-key.ts";
import { answerWhole, askPage, type ContainerType } from "./one-query.ts";
import { binaryReply, bulkReply } from "./replies.ts";
import {
  INVALID_CURSOR,
  isErrorReply,
  parseScanOptions,
  type ScanOptions,
} from "./scan-options.ts";
import { fieldPlacesOf } from "./scan-places.ts";

/** As many fields as Redis keeps in one piece by default are answered in one step. */
const STEP_FIELDS_MIN = 512;
/** Bytes of names and values after which a step ends all the same. */
const STEP_BYTES_MIN = 1024 * 1024;
/** Pages that one step looks at beyond those that hold what it was asked for: most of a page may have been deleted. */
const PAGES_MAX = 8;
/** Where Redis finds no key it does not look at options. */
const NOTHING: Reply = { kind: "array", items: [binaryReply("0"), { kind: "array", items: [] }] };

export function hscan(call: Call): void {
  scan(call, "hash");
}

export function sscan(call: Call): void {
  scan(call, "set");
}

/** One step while it runs. */
interface Step extends ScanOptions {
  readonly call: Call;
  readonly key: Key;
  readonly type: ContainerType;
  readonly items: Reply[];
  /** Looked at, whether they match or not. */
  fields: number;
  bytes: number;
  pages: number;
}

function scan(call: Call, type: ContainerType): void {
  const key = keyAt(call, 1);
  if (key === undefined) return;
  const place = fieldPlacesOf(call.store).parse(argumentAt(call, 2), key);
  if (place === undefined) return call.reply(INVALID_CURSOR);
  const options = parseScanOptions(call, 3);
  if (isErrorReply(options)) {
    return answerRoot(call, key, (root) => {
      if (root === undefined) return NOTHING;
      return typeName(root) === type ? options : WRONG_TYPE;
    });
  }
  const step: Step = { ...options, call, key, type, items: [], fields: 0, bytes: 0, pages: 0 };
  if (!place.isForgotten) return look(step, place.after);
  answerWhole(call, key, type, (entries) => {
    add(step, entries);
    return stepReply(step, "0");
  });
}

/** Takes one page more, from the field `after` on. */
function look(step: Step, after: string | undefined): void {
  const { call, key, type } = step;
  const wanted = Math.max(step.count, STEP_FIELDS_MIN);
  const limit = Math.min(wanted, FIELDS_PER_PAGE_MAX);
  askPage(call, key, { kind: "page", type, after, limit }, ({ entries, next }) => {
    step.pages += 1;
    add(step, entries);
    if (next === undefined) return call.reply(stepReply(step, "0"));
    const isEnough = step.fields >= wanted || step.bytes >= STEP_BYTES_MIN;
    const isTired = step.pages >= PAGES_MAX + Math.ceil(wanted / FIELDS_PER_PAGE_MAX);
    if (!isEnough && !isTired) return look(step, next);
    const cursor = fieldPlacesOf(call.store).remember(slotOfKey(key), next, key);
    call.reply(stepReply(step, cursor));
  });
}

function add(step: Step, entries: readonly HashEntry[]): void {
  const { pattern, type, items } = step;
  step.fields += entries.length;
  for (const [name, value] of entries) {
    step.bytes += name.length + value.length;
    if (pattern !== undefined && !matchesGlob(pattern, name)) continue;
    items.push(binaryReply(name));
    if (type === "hash") items.push(bulkReply(value));
  }
}

function stepReply({ items }: Step, cursor: string): Reply {
  return { kind: "array", items: [binaryReply(cursor), { kind: "array", items }] };
}
