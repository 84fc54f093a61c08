/**
 * Strings as wholes: GET, SET and what comes to one of them.
 *
 * A write that does not depend on what the key holds is a blind one: one round, to whoever can be reached. What does depend on
 * it is a read-modify-write, which needs a read quorum.
 */
import { NULL, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { errorReply } from "../failures.ts";
import { integerAt, keyAt, safeNumber, valueAt } from "./arguments.ts";
import { BIT_COMMANDS } from "./bits.ts";
import { FAST_READ, FAST_WRITE, READ, stringCommand, WRITE } from "./command-shapes.ts";
import { LCS_COMMANDS } from "./lcs.ts";
import { MANY_STRING_COMMANDS } from "./many-strings.ts";
import { NUMBER_COMMANDS } from "./numbers.ts";
import { answerOperation, answerPut, answerString, bulkOrNull, resultReply } from "./one-key.ts";
import { bulkReply, EMPTY_BULK, integerReply, ONE, ZERO } from "./replies.ts";
import {
  expiresAtMsAt,
  MILLISECONDS,
  parseGetexOptions,
  parseSetOptions,
  SECONDS,
  type TimeForm,
} from "./string-options.ts";

export const STRING_COMMANDS: readonly Command[] = [
  stringCommand({
    name: "get",
    arity: 2,
    flags: FAST_READ,
    summary: "Gives the string at a key",
    run: get,
  }),
  stringCommand({
    name: "set",
    arity: -3,
    flags: WRITE,
    summary: "Sets the string at a key, whatever it holds, under conditions and with an expiry",
    run: set,
  }),
  stringCommand({
    name: "setnx",
    arity: 3,
    flags: FAST_WRITE,
    summary: "Sets the string at a key that does not exist",
    run: setnx,
  }),
  stringCommand({
    name: "setex",
    arity: 4,
    flags: WRITE,
    summary: "Sets the string at a key and its time to live in seconds",
    run: (call) => setFor(call, SECONDS),
  }),
  stringCommand({
    name: "psetex",
    arity: 4,
    flags: WRITE,
    summary: "Sets the string at a key and its time to live in milliseconds",
    run: (call) => setFor(call, MILLISECONDS),
  }),
  stringCommand({
    name: "getset",
    arity: 3,
    flags: FAST_WRITE,
    summary: "Sets the string at a key and gives the former one",
    run: getset,
  }),
  stringCommand({
    name: "getdel",
    arity: 2,
    flags: FAST_WRITE,
    summary: "Gives the string at a key and deletes the key",
    run: getdel,
  }),
  stringCommand({
    name: "getex",
    arity: -2,
    flags: FAST_WRITE,
    summary: "Gives the string at a key and sets or takes away the key's expiry",
    run: getex,
  }),
  stringCommand({
    name: "append",
    arity: 3,
    flags: FAST_WRITE,
    summary: "Adds to the end of the string at a key",
    run: append,
  }),
  stringCommand({
    name: "strlen",
    arity: 2,
    flags: FAST_READ,
    summary: "Gives the length of the string at a key",
    run: strlen,
  }),
  stringCommand({
    name: "getrange",
    arity: 4,
    flags: READ,
    summary: "Gives a part of the string at a key, from one index to another",
    run: getrange,
  }),
  stringCommand({
    name: "substr",
    arity: 4,
    flags: READ,
    summary: "Gives a part of the string at a key: the former name of GETRANGE",
    run: getrange,
  }),
  stringCommand({
    name: "setrange",
    arity: 4,
    flags: WRITE,
    summary: "Overwrites a part of the string at a key, from an index on",
    run: setrange,
  }),
  ...MANY_STRING_COMMANDS,
  ...NUMBER_COMMANDS,
  ...BIT_COMMANDS,
  ...LCS_COMMANDS,
];

function get(call: Call): void {
  const key = keyAt(call, 1);
  if (key !== undefined) answerString(call, key, bulkOrNull);
}

function set(call: Call): void {
  const key = keyAt(call, 1);
  const value = key === undefined ? undefined : valueAt(call, 2);
  if (key === undefined || value === undefined) return;
  if (call.args.length === 3) return answerPut(call, key, value, 0);
  const options = parseSetOptions(call);
  if (options === undefined) return;
  const { when, wantsOld, expiry } = options;
  if (when === "always" && !wantsOld && expiry !== "keep") {
    return answerPut(call, key, value, expiry);
  }
  answerOperation(call, key, { kind: "set", value, expiry, when, wantsOld });
}

function setnx(call: Call): void {
  const key = keyAt(call, 1);
  const value = key === undefined ? undefined : valueAt(call, 2);
  if (key === undefined || value === undefined) return;
  const operation = { kind: "set", value, expiry: 0, when: "absent", wantsOld: false } as const;
  answerOperation(call, key, operation, (result) => {
    if (result.kind === "done") return ONE;
    return result.kind === "none" ? ZERO : resultReply(result);
  });
}

function setFor(call: Call, form: TimeForm): void {
  const key = keyAt(call, 1);
  const value = key === undefined ? undefined : valueAt(call, 3);
  if (key === undefined || value === undefined) return;
  const expiresAtMs = expiresAtMsAt(call, 2, form);
  if (expiresAtMs !== undefined) answerPut(call, key, value, expiresAtMs);
}

function getset(call: Call): void {
  const key = keyAt(call, 1);
  const value = key === undefined ? undefined : valueAt(call, 2);
  if (key === undefined || value === undefined) return;
  const operation = { kind: "set", value, expiry: 0, when: "always", wantsOld: true } as const;
  answerOperation(call, key, operation);
}

function getdel(call: Call): void {
  const key = keyAt(call, 1);
  if (key !== undefined) answerOperation(call, key, { kind: "take" });
}

function getex(call: Call): void {
  const key = keyAt(call, 1);
  const expiry = key === undefined ? undefined : parseGetexOptions(call);
  if (key === undefined || expiry === undefined) return;
  if (expiry === "none") return answerString(call, key, bulkOrNull);
  if (typeof expiry === "object") {
    return answerString(call, key, (bytes) => (bytes === undefined ? NULL : expiry));
  }
  answerOperation(call, key, { kind: "get-expire", expiry });
}

function append(call: Call): void {
  const key = keyAt(call, 1);
  const bytes = key === undefined ? undefined : valueAt(call, 2);
  if (key !== undefined && bytes !== undefined) {
    answerOperation(call, key, { kind: "append", bytes });
  }
}

function strlen(call: Call): void {
  const key = keyAt(call, 1);
  if (key !== undefined) answerString(call, key, lengthReply);
}

function getrange(call: Call): void {
  const key = keyAt(call, 1);
  const first = key === undefined ? undefined : integerAt(call, 2);
  const last = first === undefined ? undefined : integerAt(call, 3);
  if (key === undefined || first === undefined || last === undefined) return;
  answerString(call, key, (bytes) => {
    return bytes === undefined
      ? EMPTY_BULK
      : rangeReply(bytes, safeNumber(first), safeNumber(last));
  });
}

/** From index `first` through `last`, both counted from the end where they are negative. */
function rangeReply(bytes: Uint8Array, first: number, last: number): Reply {
  // Before the string is cut to, or two ends before its beginning in the wrong order would meet there.
  if (first < 0 && last < 0 && first > last) return EMPTY_BULK;
  const from = Math.max(first < 0 ? bytes.length + first : first, 0);
  const through = Math.max(last < 0 ? bytes.length + last : last, 0);
  return from > through ? EMPTY_BULK : bulkReply(bytes.subarray(from, through + 1));
}

function setrange(call: Call): void {
  const key = keyAt(call, 1);
  const given = key === undefined ? undefined : integerAt(call, 2);
  if (key === undefined || given === undefined) return;
  if (given < 0n) return call.reply(errorReply("ERR offset is out of range"));
  const bytes = valueAt(call, 3);
  if (bytes === undefined) return;
  // Nothing to write changes nothing, however far away.
  if (bytes.length === 0) return answerString(call, key, lengthReply);
  // An end beyond the limit is refused where the key is: what it holds may be a worse fault.
  const offset = Math.min(safeNumber(given), Number.MAX_SAFE_INTEGER - bytes.length);
  answerOperation(call, key, { kind: "set-range", offset, bytes });
}

function lengthReply(bytes: Uint8Array | undefined): Reply {
  return bytes === undefined ? ZERO : integerReply(bytes.length);
}
