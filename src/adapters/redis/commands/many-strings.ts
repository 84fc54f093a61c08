/**
 * Several strings at once. No command is atomic over more than one key: each key is read or written
 * on its own, at the same time as the others, and who reads meanwhile may see some of them written
 * and some not. An error says that not all were.
 */
import type { Key } from "../../../model/key.ts";
import type { Failure, ReadOutcome } from "../../../model/outcome.ts";
import { NULL, OK, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { errorReply } from "../failures.ts";
import { keyAt, keysFrom, valueAt, wordAt } from "./arguments.ts";
import { ALL_KEYS, FAST_READ, PAIRS, stringCommand, WRITE } from "./command-shapes.ts";
import { fanOut, noteWrites, type Stopped } from "./fan-out.ts";
import { blindOutcome, bulkOrNull, stringOf, type Written } from "./one-key.ts";
import { argumentCountError, ONE, ZERO } from "./replies.ts";

/** Bytes of all values in one reply: what a node can hold for a client beside its work. */
const VALUES_BYTES_MAX = 256 * 1024 * 1024;

type Pair = readonly [Key, Uint8Array];

export const MANY_STRING_COMMANDS: readonly Command[] = [
  stringCommand({
    name: "mget",
    arity: -2,
    flags: FAST_READ,
    keys: ALL_KEYS,
    summary: "Gives the strings at several keys",
    run: mget,
  }),
  stringCommand({
    name: "mset",
    arity: -3,
    flags: WRITE,
    keys: PAIRS,
    summary: "Sets the strings at several keys, each on its own",
    run: mset,
  }),
  stringCommand({
    name: "msetnx",
    arity: -3,
    flags: WRITE,
    keys: PAIRS,
    summary: "Sets the strings at several keys if none of them exists, each on its own",
    run: msetnx,
  }),
];

function mget(call: Call): void {
  const keys = keysFrom(call, 1);
  if (keys === undefined) return;
  let bytesTotal = 0;
  fanOut<Key, ReadOutcome>(
    call,
    keys,
    (key, done) => {
      call.store.read({ key }, (outcome) => {
        if (outcome.kind === "found") bytesTotal += outcome.root.payload.length;
        done(bytesTotal > VALUES_BYTES_MAX ? TOO_MUCH : outcome);
      });
    },
    (outcomes) => call.reply({ kind: "array", items: outcomes.map(shownValue) }),
  );
}

const TOO_MUCH: Stopped = {
  kind: "stopped",
  reply: errorReply(`ERR values are more than ${VALUES_BYTES_MAX} bytes together`),
};

function shownValue(outcome: Exclude<ReadOutcome, Failure>): Reply {
  return outcome.kind === "found" ? bulkOrNull(stringOf(outcome.root)) : NULL;
}

function mset(call: Call): void {
  const pairs = pairsOf(call);
  if (pairs === undefined) return;
  fanOut<Pair, Written>(
    call,
    pairs,
    ([key, value], done) => {
      call.store.put({ key, value, contentType: "", expiresAtMs: 0 }, (outcome) => {
        done(blindOutcome(outcome));
      });
    },
    (outcomes) => {
      noteWrites(call, outcomes);
      call.reply(OK);
    },
  );
}

/**
 * Reads all keys, and where none exists writes each under the condition that it still does not: 1
 * is answered only if every key was set by this command. Where somebody else sets one of them
 * meanwhile it is 0, and the others stay set.
 */
function msetnx(call: Call): void {
  const pairs = pairsOf(call);
  if (pairs === undefined) return;
  fanOut<Pair, ReadOutcome>(
    call,
    pairs,
    ([key], done) => {
      call.store.read({ key }, (outcome) => done(outcome.kind === "found" ? EXISTS : outcome));
    },
    () => setAbsent(call, pairs),
  );
}

const EXISTS: Stopped = { kind: "stopped", reply: ZERO };

function setAbsent(call: Call, pairs: readonly Pair[]): void {
  fanOut<Pair, Pick<Written, "kind" | "quorum">>(
    call,
    pairs,
    ([key, value], done) => {
      const operation = { kind: "set", value, expiry: 0, when: "absent", wantsOld: false } as const;
      call.store.operate({ key, operation }, (outcome) => {
        if (outcome.kind === "failed") done(outcome);
        else if (outcome.stamp === undefined) done(EXISTS);
        else done({ kind: "written", quorum: outcome.quorum });
      });
    },
    (outcomes) => {
      noteWrites(call, outcomes);
      call.reply(ONE);
    },
  );
}

/** Keys and values by turns; of a key that is given more than once the last value. */
function pairsOf(call: Call): readonly Pair[] | undefined {
  if (call.args.length % 2 === 0) {
    call.reply(argumentCountError(wordAt(call, 0)));
    return undefined;
  }
  const pairs = new Map<Key, Uint8Array>();
  for (let index = 1; index < call.args.length; index += 2) {
    const key = keyAt(call, index);
    const value = key === undefined ? undefined : valueAt(call, index + 1);
    if (key === undefined || value === undefined) return undefined;
    pairs.set(key, value);
  }
  return [...pairs];
}
