/** HRANDFIELD and SRANDMEMBER: all that the key holds is read, and some of it chosen. */
import { INTEGER_MIN } from "../../../core/operations/integers.ts";
import type { Key } from "../../../model/key.ts";
import type { HashEntry } from "../../../model/operation.ts";
import { NULL, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call } from "../command.ts";
import { errorReply, SYNTAX_ERROR } from "../failures.ts";
import { integerAt, keyAt, safeNumber, wordAt } from "./arguments.ts";
import { answerWhole, type ContainerType } from "./one-query.ts";
import { chooseAny, chooseDistinct, chooseOne } from "./random-choice.ts";
import { binaryReply, bulkReply } from "./replies.ts";

/** Redis's range of a count: the least integer has no negative. */
const COUNT_MAX: bigint = -(INTEGER_MIN + 1n);
const COUNT_OUT_OF_RANGE = errorReply(
  `ERR value is out of range, value must between ${-COUNT_MAX} and ${COUNT_MAX}`,
);
/** With values as many parts again. */
const COUNT_WITH_VALUES_OUT_OF_RANGE = errorReply("ERR value is out of range");
const TOO_MUCH = errorReply("ERR more than one reply may hold: ask for fewer at a time");

export function hrandfield(call: Call): void {
  const key = keyAt(call, 1);
  if (key === undefined) return;
  if (call.args.length === 2) return answerOne(call, key, "hash");
  const count = countAt(call, 2);
  if (count === undefined) return;
  const hasValues = call.args.length === 4 && wordAt(call, 3) === "withvalues";
  if (call.args.length > 3 && !hasValues) return call.reply(SYNTAX_ERROR);
  if (hasValues && (count < -COUNT_MAX / 2n || count > COUNT_MAX / 2n)) {
    return call.reply(COUNT_WITH_VALUES_OUT_OF_RANGE);
  }
  answerSome(call, key, "hash", count, (chosen) => ({
    kind: "array",
    items: hasValues ? pairs(call, chosen) : chosen.map(nameReply),
  }));
}

export function srandmember(call: Call): void {
  const key = keyAt(call, 1);
  if (key === undefined) return;
  if (call.args.length === 2) return answerOne(call, key, "set");
  if (call.args.length > 3) return call.reply(SYNTAX_ERROR);
  const count = countAt(call, 2);
  if (count === undefined) return;
  answerSome(call, key, "set", count, (chosen) => ({
    kind: "array",
    items: chosen.map(nameReply),
  }));
}

function countAt(call: Call, index: number): bigint | undefined {
  const count = integerAt(call, index);
  if (count === undefined || count >= -COUNT_MAX) return count;
  call.reply(COUNT_OUT_OF_RANGE);
  return undefined;
}

function answerOne(call: Call, key: Key, type: ContainerType): void {
  answerWhole(call, key, type, (entries) => {
    return entries.length === 0 ? NULL : nameReply(chooseOne(entries));
  });
}

/** A negative count: so many, each perhaps more than once. */
function answerSome(
  call: Call,
  key: Key,
  type: ContainerType,
  count: bigint,
  shown: (chosen: readonly HashEntry[]) => Reply,
): void {
  answerWhole(call, key, type, (entries) => {
    const chosen =
      count < 0n
        ? chooseAny(entries, safeNumber(-count))
        : chooseDistinct(entries, safeNumber(count));
    return chosen === undefined ? TOO_MUCH : shown(chosen);
  });
}

/** One after another in version 2; in version 3 each field with its value. */
function pairs({ session }: Call, chosen: readonly HashEntry[]): Reply[] {
  if (session.protocol === 2) return chosen.flatMap(pair);
  return chosen.map((entry) => ({ kind: "array", items: pair(entry) }));
}

function pair([name, value]: HashEntry): Reply[] {
  return [binaryReply(name), bulkReply(value)];
}

function nameReply([name]: HashEntry): Reply {
  return binaryReply(name);
}
