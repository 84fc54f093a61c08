/**
 * KEYS, DBSIZE and RANDOMKEY: about the keys of the whole cluster, whichever node is asked. Nothing
 * is kept between two.
 */
import { binaryFromBytes } from "../../../base/binary.ts";
import { SLOT_COUNT } from "../../../model/limits.ts";
import type { ListEntry } from "../../../model/outcome.ts";
import { slotFrom } from "../../../model/slot.ts";
import { cursorAtSlot } from "../../../node/list-cursor.ts";
import { matchesGlob } from "../../../protocol/resp/glob.ts";
import { NULL, type Reply } from "../../../protocol/resp/reply.ts";
import { SystemRandom } from "../../system/system-random.ts";
import type { Call, Command } from "../command.ts";
import { errorReply, failureReply } from "../failures.ts";
import { argumentAt } from "./arguments.ts";
import { keyCommand, READ_ALL } from "./command-shapes.ts";
import { prefixOfPattern, viewOf, walkKeys } from "./key-walk.ts";
import { binaryReply, integerReply } from "./replies.ts";

/** What one reply of KEYS holds: more is for SCAN. */
const KEYS_MAX = 4_000_000;
const KEYS_BYTES_MAX = 256 * 1024 * 1024;
const TOO_MANY = errorReply(
  `ERR more than ${KEYS_MAX} keys match, or keys of more than ${KEYS_BYTES_MAX} bytes: use SCAN`,
);
/** Keys among which a random one is chosen: those after a random place. */
const RANDOM_KEYS = 16;

const random = new SystemRandom();

export const LISTING_COMMANDS: readonly Command[] = [
  keyCommand({
    name: "keys",
    arity: 2,
    flags: READ_ALL,
    keys: undefined,
    summary: "Gives all keys that match a pattern",
    run: keys,
  }),
  {
    ...keyCommand({
      name: "dbsize",
      arity: 1,
      flags: [...READ_ALL, "fast"],
      keys: undefined,
      summary: "Counts all keys",
      run: dbsize,
    }),
    group: "server",
  },
  keyCommand({
    name: "randomkey",
    arity: 1,
    flags: READ_ALL,
    keys: undefined,
    summary: "Gives some key",
    run: randomkey,
  }),
];

function keys(call: Call): void {
  const pattern = binaryFromBytes(argumentAt(call, 1));
  const items: Reply[] = [];
  let bytesTotal = 0;
  const isListed = viewOf(call);
  walkKeys(call, {
    prefix: prefixOfPattern(pattern),
    onPage: (entries, goOn) => {
      for (const entry of entries) {
        const { key } = entry;
        if (pattern !== "*" && !matchesGlob(pattern, key)) continue;
        if (isListed !== undefined && !isListed(entry)) continue;
        items.push(binaryReply(key));
        bytesTotal += key.length;
      }
      if (items.length > KEYS_MAX || bytesTotal > KEYS_BYTES_MAX) call.reply(TOO_MANY);
      else goOn();
    },
    onEnd: () => call.reply({ kind: "array", items }),
  });
}

function dbsize(call: Call): void {
  let count = 0;
  const isListed = viewOf(call);
  walkKeys(call, {
    prefix: "",
    onPage: (entries, goOn) => {
      count += isListed === undefined ? entries.length : entries.filter(isListed).length;
      goOn();
    },
    onEnd: () => call.reply(integerReply(count)),
  });
}

/**
 * One of the first keys from a random slot on: keys after a gap are more likely than others, as
 * they are in Redis.
 */
function randomkey(call: Call): void {
  firstKeysFrom(call, cursorAtSlot(slotFrom(random.below(SLOT_COUNT))), (entries) => {
    if (entries.length > 0) return call.reply(oneOf(entries));
    firstKeysFrom(call, undefined, (others) => {
      call.reply(others.length > 0 ? oneOf(others) : NULL);
    });
  });
}

/** The first keys at or after a place, none where there is none up to the end. */
function firstKeysFrom(
  call: Call,
  cursor: string | undefined,
  done: (entries: readonly ListEntry[]) => void,
): void {
  call.store.list({ prefix: "", cursor, limit: RANDOM_KEYS, withValues: false }, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    const { entries, next } = outcome;
    // A page may be empty though there are keys behind it.
    if (entries.length > 0 || next === undefined) done(entries);
    else firstKeysFrom(call, next, done);
  });
}

function oneOf(entries: readonly ListEntry[]): Reply {
  return binaryReply((entries[random.below(entries.length)] as ListEntry).key);
}
