/** The options of SCAN, HSCAN and SSCAN. */
import { binaryFromBytes } from "../../../base/binary.ts";
import { parseInteger } from "../../../core/operations/integers.ts";
import type { Call } from "../command.ts";
import { type ErrorReply, errorReply, NOT_AN_INTEGER, SYNTAX_ERROR } from "../failures.ts";
import { argumentAt, safeNumber, wordAt } from "./arguments.ts";

const COUNT_DEFAULT = 10;
/** COUNT is a hint, and counts no further than this. */
const COUNT_MAX = 10_000;

export const INVALID_CURSOR: ErrorReply = errorReply("ERR invalid cursor");

export interface ScanOptions {
  readonly count: number;
  /** `undefined`: all match. */
  readonly pattern: string | undefined;
  /** Of keys; fields have none. */
  readonly type: string | undefined;
}

/** The options from the argument `first` on, or what is wrong with them. Only from the second argument on they may name a type. */
export function parseScanOptions(call: Call, first: number): ScanOptions | ErrorReply {
  let count = COUNT_DEFAULT;
  let pattern: string | undefined;
  let type: string | undefined;
  for (let index = first; index < call.args.length; index += 2) {
    const word = wordAt(call, index);
    const hasValue = index + 1 < call.args.length;
    if (word === "count" && hasValue) {
      const given = parseInteger(argumentAt(call, index + 1));
      if (given === undefined) return NOT_AN_INTEGER;
      if (given < 1n) return SYNTAX_ERROR;
      count = Math.min(safeNumber(given), COUNT_MAX);
    } else if (word === "match" && hasValue) {
      pattern = binaryFromBytes(argumentAt(call, index + 1));
    } else if (word === "type" && hasValue && first === 2) type = wordAt(call, index + 1);
    else return SYNTAX_ERROR;
  }
  return { count, pattern: pattern === "*" ? undefined : pattern, type };
}

export function isErrorReply(options: ScanOptions | ErrorReply): options is ErrorReply {
  return "kind" in options;
}
