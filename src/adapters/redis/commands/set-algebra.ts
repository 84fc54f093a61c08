/**
 * SINTER, SUNION, SDIFF and their kin. Each set is read by itself, at the same time as the others: what they had at one moment is not
 * to be had. All of it is held while the command runs, so that is bounded.
 */
import { assert } from "../../../base/assert.ts";
import type { Key } from "../../../model/key.ts";
import { DEADLINE_MS_MAX } from "../../../model/limits.ts";
import type { HashEntry, QueryOutcome } from "../../../model/operation.ts";
import type { Failure } from "../../../model/outcome.ts";
import type { Call, Command } from "../command.ts";
import { errorReply, failureReply, faultReply, SYNTAX_ERROR } from "../failures.ts";
import { integerFrom, keyAt, keysFrom, safeNumber, wordAt } from "./arguments.ts";
import { ALL_KEYS, COUNTED_KEYS, READ, setCommand, WRITE } from "./command-shapes.ts";
import { fanOut, type Stopped } from "./fan-out.ts";
import { replaceFields } from "./field-parts.ts";
import { binaryReply, integerReply } from "./replies.ts";

/** Members, and bytes of them, of all sets of one command. */
const MEMBERS_MAX = 4_000_000;
const MEMBERS_BYTES_MAX = 256 * 1024 * 1024;
const TOO_MANY: Stopped = {
  kind: "stopped",
  reply: errorReply(
    `ERR more than ${MEMBERS_MAX} members, or ${MEMBERS_BYTES_MAX} bytes of them, in all sets together`,
  ),
};
const NO_KEYS = errorReply("ERR numkeys should be greater than 0");
const TOO_MANY_KEYS = errorReply("ERR Number of keys can't be greater than number of args");
const NEGATIVE_LIMIT = errorReply("ERR LIMIT can't be negative");
const NO_BYTES = new Uint8Array(0);

type Members = ReadonlySet<string>;
type Combine = (sets: readonly Members[]) => readonly string[];

export const SET_ALGEBRA_COMMANDS: readonly Command[] = [
  showing("sinter", "Gives the members that all sets have", intersection),
  showing("sunion", "Gives the members that any of the sets has", union),
  showing("sdiff", "Gives the members of the first set that no other has", difference),
  storing("sinterstore", "Stores the members that all sets have", intersection),
  storing("sunionstore", "Stores the members that any of the sets has", union),
  storing("sdiffstore", "Stores the members of the first set that no other has", difference),
  setCommand({
    name: "sintercard",
    arity: -3,
    flags: READ,
    keys: COUNTED_KEYS,
    summary: "Counts the members that all sets have",
    run: sintercard,
  }),
];

function showing(name: string, summary: string, combine: Combine): Command {
  const run = (call: Call): void => {
    const keys = keysFrom(call, 1);
    if (keys === undefined) return;
    readSets(call, keys, (sets) => {
      call.reply({ kind: "set", items: combine(sets).map(binaryReply) });
    });
  };
  return setCommand({ name, arity: -2, flags: READ, keys: ALL_KEYS, summary, run });
}

/** What the target held is gone then, of whatever type. */
function storing(name: string, summary: string, combine: Combine): Command {
  const run = (call: Call): void => {
    const target = keyAt(call, 1);
    const keys = target === undefined ? undefined : keysFrom(call, 2);
    if (target === undefined || keys === undefined) return;
    readSets(call, keys, (sets) => store(call, target, combine(sets)));
  };
  return setCommand({ name, arity: -3, flags: WRITE, keys: ALL_KEYS, summary, run });
}

function store(call: Call, target: Key, members: readonly string[]): void {
  const entries = members.map((member): HashEntry => [member, NO_BYTES]);
  const content = { type: "set", entries, expiresAtMs: 0 } as const;
  replaceFields({ call, key: target, content, when: "always" }, (replaced) => {
    if (replaced === "written") call.reply(integerReply(members.length));
    else {
      assert(replaced !== "there-is-one", "what replaces anything is not refused");
      call.reply(failureReply(replaced));
    }
  });
}

function sintercard(call: Call): void {
  const count = integerFrom(call, 1, { least: 1n, fault: NO_KEYS });
  if (count === undefined) return;
  if (count > BigInt(call.args.length - 2)) return call.reply(TOO_MANY_KEYS);
  const end = 2 + Number(count);
  let limit = 0n;
  for (let index = end; index < call.args.length; index += 2) {
    if (wordAt(call, index) !== "limit" || index + 1 === call.args.length) {
      return call.reply(SYNTAX_ERROR);
    }
    const given = integerFrom(call, index + 1, { least: 0n, fault: NEGATIVE_LIMIT });
    if (given === undefined) return;
    limit = given;
  }
  const keys = keysFrom(call, 2, end);
  if (keys === undefined) return;
  readSets(call, keys, (sets) => {
    const cardinality = intersection(sets).length;
    const most = limit === 0n ? cardinality : Math.min(cardinality, safeNumber(limit));
    call.reply(integerReply(most));
  });
}

type SetRead = { readonly kind: "members"; readonly members: Members };

/** The sets at all of `keys`, in their order. A key that is named twice is read once. */
function readSets(
  call: Call,
  keys: readonly Key[],
  done: (sets: readonly Members[]) => void,
): void {
  const distinct = [...new Set(keys)];
  let count = 0;
  let bytes = 0;
  fanOut<Key, SetRead>(
    call,
    distinct,
    (key, end) => {
      const query = { kind: "whole", type: "set" } as const;
      call.store.query({ key, query, deadlineMs: DEADLINE_MS_MAX }, (outcome) => {
        const read = setOf(outcome);
        if (read.kind === "members") {
          count += read.members.size;
          for (const member of read.members) bytes += member.length;
        }
        end(count > MEMBERS_MAX || bytes > MEMBERS_BYTES_MAX ? TOO_MANY : read);
      });
    },
    (reads) => {
      const byKey = new Map(distinct.map((key, index) => [key, reads[index]?.members]));
      done(keys.map((key) => byKey.get(key) ?? new Set()));
    },
  );
}

function setOf(outcome: QueryOutcome): SetRead | Failure | Stopped {
  if (outcome.kind === "failed") return outcome;
  const { result } = outcome;
  if (result.kind === "fault") return { kind: "stopped", reply: faultReply(result.fault) };
  assert(result.kind === "page", "a question is answered in its own kind");
  return { kind: "members", members: new Set(result.entries.map(([name]) => name)) };
}

function intersection(sets: readonly Members[]): readonly string[] {
  const [smallest = new Set<string>(), ...others] = sets.toSorted((a, b) => a.size - b.size);
  return [...smallest].filter((member) => others.every((set) => set.has(member)));
}

function union(sets: readonly Members[]): readonly string[] {
  const all = new Set<string>();
  for (const set of sets) for (const member of set) all.add(member);
  return [...all];
}

function difference(sets: readonly Members[]): readonly string[] {
  const [first = new Set<string>(), ...others] = sets;
  return [...first].filter((member) => !others.some((set) => set.has(member)));
}
