/**
 * The options of SET and GETEX: which of them go together, and what time they come to.
 *
 * Times beyond what the store keeps (`EXPIRES_AT_MS_MAX`, the year 10889) are as good as that one.
 */
import { INTEGER_MAX, parseInteger } from "../../../core/operations/integers.ts";
import { EXPIRES_AT_MS_MAX } from "../../../model/limits.ts";
import type { Expiry } from "../../../model/operation.ts";
import type { Reply } from "../../../protocol/resp/reply.ts";
import type { Call } from "../command.ts";
import { type ErrorReply, NOT_AN_INTEGER, SYNTAX_ERROR } from "../failures.ts";
import { argumentAt, wordAt } from "./arguments.ts";
import { expireTimeError } from "./replies.ts";

/** How a time is given: in which unit, and from when it counts. */
export interface TimeForm {
  readonly unitMs: 1n | 1_000n;
  readonly isFromNow: boolean;
}

export const SECONDS: TimeForm = { unitMs: 1_000n, isFromNow: true };
export const MILLISECONDS: TimeForm = { unitMs: 1n, isFromNow: true };
export const AT_SECONDS: TimeForm = { unitMs: 1_000n, isFromNow: false };
export const AT_MILLISECONDS: TimeForm = { unitMs: 1n, isFromNow: false };

const TIME_FORMS: ReadonlyMap<string, TimeForm> = new Map([
  ["ex", SECONDS],
  ["px", MILLISECONDS],
  ["exat", AT_SECONDS],
  ["pxat", AT_MILLISECONDS],
]);

export interface SetOptions {
  readonly when: "always" | "exists" | "absent";
  readonly wantsOld: boolean;
  /** 0 where none was given. */
  readonly expiry: Expiry;
}

/** The options of a SET from the third argument on. */
export function parseSetOptions(call: Call): SetOptions | undefined {
  let when: SetOptions["when"] = "always";
  let wantsOld = false;
  const time = new TimeOption("keepttl");
  for (let index = 3; index < call.args.length; index += 1) {
    const word = wordAt(call, index);
    if (word === "get") wantsOld = true;
    else if (word === "nx" && when !== "exists") when = "absent";
    else if (word === "xx" && when !== "absent") when = "exists";
    else {
      const taken = time.take(call, index);
      if (taken === 0) return refuse(call, SYNTAX_ERROR);
      index += taken - 1;
    }
  }
  const expiry = time.isBare ? "keep" : time.expiresAtMs(call);
  return typeof expiry === "object" ? refuse(call, expiry) : { when, wantsOld, expiry };
}

/**
 * The expiry that a GETEX sets, 0 to take it away; or `none`: it leaves the key as it is. What is wrong with a time is told only
 * where there is a string.
 */
export function parseGetexOptions(call: Call): number | "none" | ErrorReply | undefined {
  const time = new TimeOption("persist");
  for (let index = 2; index < call.args.length; ) {
    const taken = time.take(call, index);
    if (taken === 0) return refuse(call, SYNTAX_ERROR);
    index += taken;
  }
  if (!time.isBare && !time.isGiven) return "none";
  return time.expiresAtMs(call);
}

/** The time at `index` as wall-clock milliseconds from 1 on; it must lie in the future of its epoch, not of today. */
export function expiresAtMsAt(call: Call, index: number, form: TimeForm): number | undefined {
  const expiresAtMs = parseTime(call, index, form);
  return typeof expiresAtMs === "object" ? refuse(call, expiresAtMs) : expiresAtMs;
}

function parseTime(call: Call, index: number, form: TimeForm): number | ErrorReply {
  const given = parseInteger(argumentAt(call, index));
  if (given === undefined) return NOT_AN_INTEGER;
  const scaled = given * form.unitMs;
  const expiresAtMs = form.isFromNow ? scaled + BigInt(Math.floor(call.nowMs)) : scaled;
  if (given > 0n && expiresAtMs <= INTEGER_MAX) return clampedMs(expiresAtMs);
  return expireTimeError(wordAt(call, 0));
}

/** Within what the store keeps. What is before the epoch has passed, as has its first millisecond. */
export function clampedMs(expiresAtMs: bigint): number {
  if (expiresAtMs < 1n) return 1;
  return Math.min(Number(expiresAtMs), EXPIRES_AT_MS_MAX);
}

/** One time in one form, or one word in its place; the same again takes the place of the former. */
class TimeOption {
  /** What may stand instead of a time: `keepttl` or `persist`. */
  readonly #bareWord: string;
  #word: string | undefined;
  #valueIndex = 0;

  constructor(bareWord: string) {
    this.#bareWord = bareWord;
  }

  get isGiven(): boolean {
    return this.#word !== undefined;
  }

  get isBare(): boolean {
    return this.#word === this.#bareWord;
  }

  /** How many arguments from `index` on belong to it; 0: they are something else, or do not go with what came before. */
  take(call: Call, index: number): number {
    const word = wordAt(call, index);
    if (this.#word !== undefined && this.#word !== word) return 0;
    const isBare = word === this.#bareWord;
    if (!isBare && (!TIME_FORMS.has(word) || index + 1 >= call.args.length)) return 0;
    this.#word = word;
    this.#valueIndex = index + 1;
    return isBare ? 1 : 2;
  }

  /** 0 where no time was given. */
  expiresAtMs(call: Call): number | ErrorReply {
    const form = TIME_FORMS.get(this.#word ?? "");
    return form === undefined ? 0 : parseTime(call, this.#valueIndex, form);
  }
}

function refuse(call: Call, reply: Reply): undefined {
  call.reply(reply);
  return undefined;
}
