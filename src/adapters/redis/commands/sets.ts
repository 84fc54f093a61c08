/**
 * Sets: each member is a cell of its own, so what touches a few members costs the same however many there are. What is about all of
 * them reads all of them: SCARD, SPOP and SRANDMEMBER as well.
 */
import { POP_BYTES_MAX, POP_MEMBERS_MAX } from "../../../core/operations/sets.ts";
import type { Key } from "../../../model/key.ts";
import { DEADLINE_MS_MAX } from "../../../model/limits.ts";
import { NULL, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { errorReply, failureReply, faultReply, SYNTAX_ERROR } from "../failures.ts";
import { integerFrom, keyAt, safeNumber } from "./arguments.ts";
import { FAST_READ, FAST_WRITE, READ, setCommand } from "./command-shapes.ts";
import { namesFrom } from "./field-arguments.ts";
import { sscan } from "./field-scan.ts";
import { answerCount } from "./field-walk.ts";
import { answerOperation } from "./one-key.ts";
import { answerWhole, askValues } from "./one-query.ts";
import { srandmember } from "./random-fields.ts";
import { binaryReply, ONE, ZERO } from "./replies.ts";
import { SET_ALGEBRA_COMMANDS } from "./set-algebra.ts";
import { SMOVE_COMMANDS } from "./smove.ts";

const NOT_POSITIVE = errorReply("ERR value is out of range, must be positive");

export const SET_COMMANDS: readonly Command[] = [
  setCommand({
    name: "sadd",
    arity: -3,
    flags: FAST_WRITE,
    summary: "Adds members to a set and gives how many are new",
    run: sadd,
  }),
  setCommand({
    name: "srem",
    arity: -3,
    flags: FAST_WRITE,
    summary: "Takes members from a set and gives how many there were",
    run: srem,
  }),
  setCommand({
    name: "smembers",
    arity: 2,
    flags: READ,
    summary: "Gives all members",
    run: smembers,
  }),
  setCommand({
    name: "sismember",
    arity: 3,
    flags: FAST_READ,
    summary: "Tells whether a member is in a set",
    run: sismember,
  }),
  setCommand({
    name: "smismember",
    arity: -3,
    flags: FAST_READ,
    summary: "Tells of several members whether they are in a set",
    run: smismember,
  }),
  setCommand({
    name: "scard",
    arity: 2,
    flags: FAST_READ,
    summary: "Counts the members, one by one",
    run: scard,
  }),
  setCommand({
    name: "spop",
    arity: -2,
    flags: FAST_WRITE,
    summary: "Takes members from a set by chance",
    run: spop,
  }),
  setCommand({
    name: "srandmember",
    arity: -2,
    flags: READ,
    summary: "Gives members by chance",
    run: srandmember,
  }),
  setCommand({
    name: "sscan",
    arity: -3,
    flags: READ,
    summary: "Gives the members in steps, each from the cursor of the one before",
    run: sscan,
  }),
  ...SMOVE_COMMANDS,
  ...SET_ALGEBRA_COMMANDS,
];

function sadd(call: Call): void {
  const key = keyAt(call, 1);
  const members = key === undefined ? undefined : namesFrom(call, 2);
  if (key === undefined || members === undefined) return;
  answerOperation(call, key, { kind: "set-add", members });
}

function srem(call: Call): void {
  const key = keyAt(call, 1);
  const members = key === undefined ? undefined : namesFrom(call, 2);
  if (key === undefined || members === undefined) return;
  answerOperation(call, key, { kind: "set-remove", members });
}

function smembers(call: Call): void {
  const key = keyAt(call, 1);
  if (key === undefined) return;
  answerWhole(call, key, "set", (entries) => membersReply(entries.map(([name]) => name)));
}

function sismember(call: Call): void {
  answerMemberships(call, ([is]) => isReply(is));
}

function smismember(call: Call): void {
  answerMemberships(call, (are) => ({ kind: "array", items: are.map(isReply) }));
}

function answerMemberships(
  call: Call,
  shown: (are: readonly (Uint8Array | undefined)[]) => Reply,
): void {
  const key = keyAt(call, 1);
  const members = key === undefined ? undefined : namesFrom(call, 2);
  if (key === undefined || members === undefined) return;
  askValues(call, key, { kind: "set-has", members }, (are) => call.reply(shown(are)));
}

function isReply(is: Uint8Array | undefined): Reply {
  return is === undefined ? ZERO : ONE;
}

function scard(call: Call): void {
  const key = keyAt(call, 1);
  if (key !== undefined) answerCount(call, key, "set");
}

function spop(call: Call): void {
  const key = keyAt(call, 1);
  if (key === undefined) return;
  if (call.args.length > 3) return call.reply(SYNTAX_ERROR);
  if (call.args.length === 2) {
    return pop(call, key, 1, ([member]) => (member === undefined ? NULL : binaryReply(member)));
  }
  const count = countAt(call, 2);
  if (count !== undefined) pop(call, key, count, membersReply);
}

/** So many members by chance, or all there are: in several steps where one cannot hold them, between which others may come. */
function pop(
  call: Call,
  key: Key,
  count: number,
  shown: (members: readonly string[]) => Reply,
): void {
  const popped: string[] = [];
  const goOn = (): void => {
    const asked = Math.min(count - popped.length, POP_MEMBERS_MAX);
    const operation = { kind: "set-pop", count: asked } as const;
    call.store.operate({ key, operation, deadlineMs: DEADLINE_MS_MAX }, (outcome) => {
      if (outcome.kind === "failed") {
        // What has been taken is nowhere but here.
        return call.reply(popped.length > 0 ? shown(popped) : failureReply(outcome));
      }
      const { result, stamp, quorum } = outcome;
      if (stamp !== undefined) call.session.noteWrite(quorum);
      if (result.kind === "fault") return call.reply(faultReply(result.fault));
      const names = result.kind === "names" ? result.names : [];
      for (const name of names) popped.push(name);
      const isExhausted = names.length < asked && lengthOf(names) < POP_BYTES_MAX;
      if (isExhausted || popped.length >= count) call.reply(shown(popped));
      else goOn();
    });
  };
  goOn();
}

function lengthOf(names: readonly string[]): number {
  return names.reduce((bytes, name) => bytes + name.length, 0);
}

function countAt(call: Call, index: number): number | undefined {
  const count = integerFrom(call, index, { least: 0n, fault: NOT_POSITIVE });
  return count === undefined ? undefined : safeNumber(count);
}

function membersReply(members: readonly string[]): Reply {
  return { kind: "set", items: members.map(binaryReply) };
}
