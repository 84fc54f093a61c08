/**
 * MULTI and EXEC: commands that are put aside and then run one after another, at this node.
 *
 * They are neither isolated nor atomic: other clients' commands run between them, each command succeeds or fails by itself, and
 * what has been done stays done. WATCH compares, before the first of them, what its keys hold with what they held; whoever
 * writes in between that and the commands is not noticed. Invariant: the queue runs in its order, each command once the one
 * before it is answered, or not at all.
 */
import type { Key } from "../../../model/key.ts";
import { DEADLINE_MS_MAX } from "../../../model/limits.ts";
import type { Failure } from "../../../model/outcome.ts";
import { compareStamps, type Stamp } from "../../../model/stamp.ts";
import { NULL, NULL_ARRAY, OK, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command, CommandFlag } from "../command.ts";
import type { CommandTable } from "../command-table.ts";
import { innermost } from "../dispatch.ts";
import { errorReply, failureReply } from "../failures.ts";
import { keysFrom } from "./arguments.ts";
import { ALL_KEYS } from "./command-shapes.ts";
import { typeName } from "./one-key.ts";

const FLAGS: readonly CommandFlag[] = ["noscript", "loading", "stale", "fast"];
const EXEC_FLAGS: readonly CommandFlag[] = ["noscript", "loading", "stale", "barrier"];

const NESTED = errorReply("ERR MULTI calls can not be nested");
const WATCH_INSIDE = errorReply("ERR WATCH inside MULTI is not allowed");
const TOO_MANY_WATCHED = errorReply("ERR too many keys are watched");
const TOO_LARGE = {
  kind: "failed",
  code: "overloaded",
  detail: "a watched key has more fields than one command may look at",
  stored: "no",
} as const;
const ABORTED = errorReply("EXECABORT Transaction discarded because of previous errors.");

/** @param table where EXEC finds the commands of the queue. */
export function transactionCommands(table: CommandTable): readonly Command[] {
  return [
    plain("multi", FLAGS, "Puts commands aside until EXEC.", (call) => {
      const { session } = call;
      if (session.transaction !== undefined) return call.reply(NESTED);
      session.transaction = { queue: [], bytes: 0, isAborted: false };
      return call.reply(OK);
    }),
    plain("exec", EXEC_FLAGS, "Runs what was put aside.", (call) => exec(call, table)),
    plain("discard", [...FLAGS, "barrier"], "Drops what was put aside.", (call) => {
      const { session } = call;
      if (session.transaction === undefined) return call.reply(without("DISCARD"));
      session.transaction = undefined;
      session.watched.clear();
      return call.reply(OK);
    }),
    plain("unwatch", [...FLAGS, "barrier"], "Watches no keys any more.", (call) => {
      const { session } = call;
      session.watched.clear();
      return call.reply(OK);
    }),
    {
      name: "watch",
      arity: -2,
      flags: FLAGS,
      keys: ALL_KEYS,
      group: "transactions",
      summary: "Has EXEC run nothing if one of these keys changes before it.",
      run: watch,
    },
  ];
}

function plain(
  name: string,
  flags: readonly CommandFlag[],
  summary: string,
  run: (call: Call) => void,
): Command {
  return { name, arity: 1, flags, keys: undefined, group: "transactions", summary, run };
}

function without(name: string): Reply {
  return errorReply(`ERR ${name} without MULTI`);
}

function watch(call: Call): void {
  const { session, door } = call;
  if (session.transaction !== undefined) return call.reply(WATCH_INSIDE);
  const keys = keysFrom(call, 1);
  if (keys === undefined) return undefined;
  if (session.watched.size + keys.length > door.limits.watchedMax)
    return call.reply(TOO_MANY_WATCHED);
  return readStamps(call, keys, (stamps) => {
    if (!(stamps instanceof Map)) return call.reply(failureReply(stamps));
    // A key that is watched already stays as it was then.
    for (const [key, stamp] of stamps)
      if (!session.watched.has(key)) session.watched.set(key, stamp);
    return call.reply(OK);
  });
}

function exec(call: Call, table: CommandTable): void {
  const { session } = call;
  const { transaction } = session;
  if (transaction === undefined) return call.reply(without("EXEC"));
  const watched = new Map(session.watched);
  session.transaction = undefined;
  session.watched.clear();
  if (transaction.isAborted) return call.reply(ABORTED);
  return readStamps(call, [...watched.keys()], (stamps) => {
    if (!(stamps instanceof Map)) {
      return call.reply(errorReply(`EXECABORT nothing was done: ${stamps.code}: ${stamps.detail}`));
    }
    for (const [key, stamp] of watched) {
      if (!isSame(stamp, stamps.get(key))) return call.reply(NULL_ARRAY);
    }
    return runQueue(call, transaction.queue, table);
  });
}

/** What each key holds now: its stamp, or nothing; or why one of them cannot be told. Within the call if there are none. */
function readStamps(
  call: Call,
  keys: readonly Key[],
  done: (stamps: Map<Key, Stamp | undefined> | Failure) => void,
): void {
  const stamps = new Map<Key, Stamp | undefined>();
  let failure: Failure | undefined;
  let left = keys.length;
  if (left === 0) return done(stamps);
  for (const key of keys) {
    readStamp(call, key, (stamp) => {
      if (stamp !== undefined && "kind" in stamp) failure = stamp;
      else stamps.set(key, stamp);
      left -= 1;
      if (left === 0) done(failure ?? stamps);
    });
  }
}

function readStamp(call: Call, key: Key, done: (stamp: Stamp | undefined | Failure) => void): void {
  const { store } = call;
  store.read({ key }, (outcome) => {
    if (outcome.kind === "failed") return done(outcome);
    if (outcome.kind === "absent") return done(undefined);
    const { root } = outcome;
    if (typeName(root) === "string") return done(root.stamp);
    // A field may be younger than its root, and only all of them tell what has changed.
    const query = { kind: "whole", type: "either" } as const;
    store.query({ key, query, deadlineMs: DEADLINE_MS_MAX }, (answer) => {
      if (answer.kind === "failed") return done(answer);
      const { result } = answer;
      if (result.kind === "page") return done(result.stamp);
      if (result.kind !== "fault") return done(undefined);
      // Somebody has put a text there meanwhile.
      if (result.fault === "wrong-type") return readStamp(call, key, done);
      done({ ...TOO_LARGE, quorum: answer.quorum });
    });
  });
}

function isSame(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return a === undefined || b === undefined ? a === b : compareStamps(a, b) === 0;
}

function runQueue(
  call: Call,
  queue: readonly (readonly Uint8Array[])[],
  table: CommandTable,
): void {
  const replies: Reply[] = [];
  let begun = 0;
  let isLooping = false;
  const onReply = (reply: Reply): void => {
    replies.push(reply);
    goOn();
  };
  // A loop, not a chain of calls: commands that answer at once would nest as deep as the queue is long.
  const goOn = (): void => {
    if (isLooping) return;
    isLooping = true;
    while (begun === replies.length && begun < queue.length) {
      const args = queue[begun] as readonly Uint8Array[];
      begun += 1;
      runOne(call, args, table, onReply);
    }
    isLooping = false;
    if (replies.length === queue.length) call.reply({ kind: "array", items: replies });
  };
  goOn();
}

function runOne(
  call: Call,
  args: readonly Uint8Array[],
  table: CommandTable,
  onReply: (reply: Reply) => void,
): void {
  const { session, door, store, nowMs } = call;
  const found = table.find(args[0] as Uint8Array);
  const entry = found === undefined ? undefined : innermost(found, args);
  // It was found when it was put aside, and the table does not change.
  if (entry === undefined) return onReply(ABORTED);
  door.commands += 1;
  entry.counts.calls += 1;
  const reply = (answer: Reply): void => {
    if (answer.kind === "error") {
      entry.counts.failed += 1;
      door.noteError(answer.text);
    }
    onReply(answer);
  };
  const replyAll = (answers: readonly Reply[]): void => reply(oneOf(answers));
  return entry.command.run({ args, session, door, store, nowMs, reply, replyAll });
}

/** One place in the reply of EXEC for what would be several replies. */
function oneOf(answers: readonly Reply[]): Reply {
  if (answers.length > 1) return { kind: "array", items: answers };
  return answers[0] ?? NULL;
}
