/**
 * Where a node answers otherwise than Redis, and is meant to. Each is in `docs/redis.md` as well. What does not match
 * one of these fails the differential test: match as little as explains it.
 */
import { EXPIRES_AT_MS_MAX } from "../../../src/model/limits.ts";
import type { Reply } from "../reply-parser.ts";
import { commandOf, isEqual, itemsOf } from "./compare.ts";
import type { Difference } from "./difference.ts";

export interface KnownDifference {
  readonly name: string;
  /** For those who use it: what differs, and why. */
  readonly reason: string;
  readonly matches: (difference: Difference) => boolean;
}

const EMPTY_KEY = /^ERR key is empty or longer than \d+ bytes$/;
const FLAGS_INDEX = 2;

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    name: "the empty key",
    reason: "A key has at least one byte: a command that names an empty one is refused.",
    matches: ({ request, left }) =>
      request.includes("") && "text" in left && EMPTY_KEY.test(left.text),
  },
  {
    name: "times after the year 10889",
    reason: "The end of a key is kept in 48 bits: what is later is shown as the last of them.",
    matches: ({ request, left, right }) => {
      const unitMs = TIME_UNITS_MS.get(commandOf(request));
      if (unitMs === undefined || left.kind !== "integer" || right.kind !== "integer") return false;
      const most = BigInt(EXPIRES_AT_MS_MAX) / unitMs;
      // A time to live counts from now, which is less than a tenth of it.
      const [one, other] = [BigInt(left.text), BigInt(right.text)];
      return other > most - most / 10n && one <= most + 1n && one > most - most / 10n;
    },
  },
  {
    name: "flags of commands",
    reason:
      "COMMAND INFO does not show denyoom and skip_slowlog: there is neither such a limit nor such a log.",
    matches: ({ request, left, right }) =>
      /^COMMAND INFO$/i.test(request.slice(0, 2).join(" ")) &&
      isEqual("description", left, withoutFlags(right)),
  },
  {
    name: "the list of all commands",
    reason:
      "COMMAND INFO and DOCS without names describe all commands there are, and here are fewer.",
    matches: ({ request, left, right }) =>
      /^COMMAND (INFO|DOCS)$/i.test(request.join(" ")) && "items" in left && "items" in right,
  },
  {
    name: "LCS of long strings",
    reason:
      "LCS takes two strings of up to 4 KiB, or as much work: a node does nothing else meanwhile.",
    matches: ({ request, left }) =>
      commandOf(request) === "LCS" &&
      left.kind === "error" &&
      left.text.startsWith("ERR Insufficient memory, transient memory for LCS exceeds"),
  },
  {
    name: "the version in HELLO",
    reason: "HELLO 3 names the version of dnd beside that of Redis.",
    matches: ({ request, left, right }) => {
      if (commandOf(request) !== "HELLO" || left.kind !== "map" || right.kind !== "map")
        return false;
      const at = left.items.findIndex((item) => "text" in item && item.text === "dnd");
      const items = left.items.filter((_, index) => index !== at && index !== at + 1);
      return at !== -1 && isEqual("shape", { kind: "map", items }, right);
    },
  },
];

const TIME_UNITS_MS: ReadonlyMap<string, bigint> = new Map([
  ["PEXPIRETIME", 1n],
  ["PTTL", 1n],
  ["EXPIRETIME", 1_000n],
  ["TTL", 1_000n],
]);

function withoutFlags(reply: Reply): Reply {
  if (!("items" in reply)) return reply;
  return {
    kind: reply.kind,
    items: reply.items.map((command) => {
      if (!("items" in command)) return command;
      const items = command.items.map((part, index) =>
        index === FLAGS_INDEX && "items" in part
          ? { kind: part.kind, items: itemsOf(part).filter((flag) => !isLeftOut(flag)) }
          : part,
      );
      return { kind: command.kind, items };
    }),
  };
}

function isLeftOut(flag: Reply): boolean {
  return "text" in flag && /^(denyoom|skip_slowlog)$/.test(flag.text);
}
