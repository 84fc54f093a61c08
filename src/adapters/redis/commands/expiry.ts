/**
 * When keys end. Times are kept as wall-clock milliseconds, at most `EXPIRES_AT_MS_MAX` (the year
 * 10889): what is later is as good as that one, and shown so. A time that has passed deletes the
 * key.
 */

import { INTEGER_MAX, INTEGER_MIN } from "../../../core/operations/integers.ts";
import type { RootCell } from "../../../model/cell.ts";
import type { ExpireWhen } from "../../../model/operation.ts";
import type { Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { quoted } from "../dispatch.ts";
import { errorReply } from "../failures.ts";
import { argumentAt, integerAt, keyAt, wordAt } from "./arguments.ts";
import { FAST_READ, FAST_WRITE, keyCommand } from "./command-shapes.ts";
import { answerOperation, answerRoot } from "./one-key.ts";
import { expireTimeError, integerReply } from "./replies.ts";
import {
  AT_MILLISECONDS,
  AT_SECONDS,
  clampedMs,
  MILLISECONDS,
  SECONDS,
  type TimeForm,
} from "./string-options.ts";

const ABSENT = integerReply(-2);
const NEVER = integerReply(-1);
const NX_WITH_OTHERS = errorReply(
  "ERR NX and XX, GT or LT options at the same time are not compatible",
);
const GT_WITH_LT = errorReply("ERR GT and LT options at the same time are not compatible");

export const EXPIRY_COMMANDS: readonly Command[] = [
  expiring("expire", SECONDS, "Sets the time to live of a key in seconds"),
  expiring("pexpire", MILLISECONDS, "Sets the time to live of a key in milliseconds"),
  expiring("expireat", AT_SECONDS, "Sets when a key ends, in seconds since 1970"),
  expiring("pexpireat", AT_MILLISECONDS, "Sets when a key ends, in milliseconds since 1970"),
  asking("ttl", "Gives the time to live of a key in seconds", (at, nowMs) => inSeconds(at - nowMs)),
  asking("pttl", "Gives the time to live of a key in milliseconds", (at, nowMs) => at - nowMs),
  asking("expiretime", "Gives when a key ends, in seconds since 1970", (at) => inSeconds(at)),
  asking("pexpiretime", "Gives when a key ends, in milliseconds since 1970", (at) => at),
  keyCommand({
    name: "persist",
    arity: 2,
    flags: FAST_WRITE,
    summary: "Takes away the expiry of a key",
    run: persist,
  }),
];

function expiring(name: string, form: TimeForm, summary: string): Command {
  const run = (call: Call): void => expire(call, form);
  return keyCommand({ name, arity: -3, flags: FAST_WRITE, summary, run });
}

function asking(
  name: string,
  summary: string,
  shown: (expiresAtMs: number, nowMs: number) => number,
): Command {
  const answer = (root: RootCell | undefined, { nowMs }: Call): Reply => {
    if (root === undefined) return ABSENT;
    if (root.expiresAtMs === 0) return NEVER;
    return integerReply(Math.max(0, shown(root.expiresAtMs, Math.floor(nowMs))));
  };
  const run = (call: Call): void => {
    const key = keyAt(call, 1);
    if (key !== undefined) answerRoot(call, key, answer);
  };
  return keyCommand({ name, arity: 2, flags: FAST_READ, summary, run });
}

/** To the nearest second. */
function inSeconds(milliseconds: number): number {
  return Math.floor((milliseconds + 500) / 1_000);
}

function expire(call: Call, form: TimeForm): void {
  const key = keyAt(call, 1);
  const when = key === undefined ? undefined : parseWhen(call);
  const given = when === undefined ? undefined : integerAt(call, 2);
  if (key === undefined || when === undefined || given === undefined) return;
  const scaled = given * form.unitMs;
  const expiresAtMs = form.isFromNow ? scaled + BigInt(Math.floor(call.nowMs)) : scaled;
  if (scaled < INTEGER_MIN || expiresAtMs > INTEGER_MAX) {
    return call.reply(expireTimeError(wordAt(call, 0)));
  }
  answerOperation(call, key, { kind: "expire", expiresAtMs: clampedMs(expiresAtMs), when });
}

/** The condition that the options from the third argument on make. */
function parseWhen(call: Call): ExpireWhen | undefined {
  const given = new Set<string>();
  for (let index = 3; index < call.args.length; index += 1) {
    const word = wordAt(call, index);
    if (word !== "nx" && word !== "xx" && word !== "gt" && word !== "lt") {
      const shown = quoted(argumentAt(call, index));
      return refuse(call, errorReply(`ERR Unsupported option ${shown}`));
    }
    given.add(word);
  }
  if (given.has("nx") && given.size > 1) return refuse(call, NX_WITH_OTHERS);
  if (given.has("gt") && given.has("lt")) return refuse(call, GT_WITH_LT);
  if (given.has("nx")) return "none";
  // Later than what is there it can only be where there is something.
  if (given.has("gt")) return "later";
  if (given.has("lt")) return given.has("xx") ? "some-earlier" : "earlier";
  return given.has("xx") ? "some" : "always";
}

function refuse(call: Call, reply: Reply): undefined {
  call.reply(reply);
  return undefined;
}

function persist(call: Call): void {
  const key = keyAt(call, 1);
  if (key !== undefined) answerOperation(call, key, { kind: "persist" });
}
