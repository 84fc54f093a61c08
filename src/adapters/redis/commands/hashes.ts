/**
 * Hashes: each field is a cell of its own, so what touches a few fields costs the same however many there are. What is about all of
 * them reads all of them, HLEN as well: concurrent changes on two sides are both kept, so there is no one number to keep.
 */
import type { Reply } from "../../../protocol/resp/reply.ts";
import { OK } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { keyAt, valueAt, wordAt } from "./arguments.ts";
import { FAST_READ, FAST_WRITE, hashCommand, READ } from "./command-shapes.ts";
import { entriesFrom, nameAt, namesFrom } from "./field-arguments.ts";
import { hscan } from "./field-scan.ts";
import { answerCount } from "./field-walk.ts";
import { HASH_NUMBER_COMMANDS } from "./hash-numbers.ts";
import { answerOperation, bulkOrNull, resultReply } from "./one-key.ts";
import { answerWhole, askValues } from "./one-query.ts";
import { hrandfield } from "./random-fields.ts";
import { argumentCountError, binaryReply, bulkReply, integerReply, ONE, ZERO } from "./replies.ts";

export const HASH_COMMANDS: readonly Command[] = [
  hashCommand({
    name: "hset",
    arity: -4,
    flags: FAST_WRITE,
    summary: "Sets fields of a hash and gives how many are new",
    run: (call) => hset(call, resultReply),
  }),
  hashCommand({
    name: "hmset",
    arity: -4,
    flags: FAST_WRITE,
    summary: "Sets fields of a hash: the former name of HSET",
    run: (call) => hset(call, (result) => (result.kind === "integer" ? OK : resultReply(result))),
  }),
  hashCommand({
    name: "hsetnx",
    arity: 4,
    flags: FAST_WRITE,
    summary: "Sets a field of a hash if there is no such field",
    run: hsetnx,
  }),
  hashCommand({
    name: "hget",
    arity: 3,
    flags: FAST_READ,
    summary: "Gives the value of a field",
    run: (call) => hget(call, bulkOrNull),
  }),
  hashCommand({
    name: "hmget",
    arity: -3,
    flags: FAST_READ,
    summary: "Gives the values of several fields",
    run: hmget,
  }),
  hashCommand({
    name: "hgetall",
    arity: 2,
    flags: READ,
    summary: "Gives all fields and values",
    run: hgetall,
  }),
  hashCommand({
    name: "hkeys",
    arity: 2,
    flags: READ,
    summary: "Gives the names of all fields",
    run: (call) => all(call, ([name]) => binaryReply(name)),
  }),
  hashCommand({
    name: "hvals",
    arity: 2,
    flags: READ,
    summary: "Gives the values of all fields",
    run: (call) => all(call, ([, value]) => bulkReply(value)),
  }),
  hashCommand({
    name: "hdel",
    arity: -3,
    flags: FAST_WRITE,
    summary: "Deletes fields and gives how many there were",
    run: hdel,
  }),
  hashCommand({
    name: "hexists",
    arity: 3,
    flags: FAST_READ,
    summary: "Tells whether there is such a field",
    run: (call) => hget(call, (value) => (value === undefined ? ZERO : ONE)),
  }),
  hashCommand({
    name: "hlen",
    arity: 2,
    flags: FAST_READ,
    summary: "Counts the fields, one by one",
    run: hlen,
  }),
  hashCommand({
    name: "hstrlen",
    arity: 3,
    flags: FAST_READ,
    summary: "Gives the length of a field's value",
    run: (call) => hget(call, (value) => integerReply(value?.length ?? 0)),
  }),
  hashCommand({
    name: "hscan",
    arity: -3,
    flags: READ,
    summary: "Gives the fields in steps, each from the cursor of the one before",
    run: hscan,
  }),
  hashCommand({
    name: "hrandfield",
    arity: -2,
    flags: READ,
    summary: "Gives fields by chance",
    run: hrandfield,
  }),
  ...HASH_NUMBER_COMMANDS,
];

function hset(call: Call, shown: typeof resultReply): void {
  const key = keyAt(call, 1);
  if (key === undefined) return;
  if (call.args.length % 2 !== 0) return call.reply(argumentCountError(wordAt(call, 0)));
  const entries = entriesFrom(call, 2);
  if (entries === undefined) return;
  answerOperation(call, key, { kind: "hash-set", entries, when: "always" }, shown);
}

function hsetnx(call: Call): void {
  const key = keyAt(call, 1);
  const name = key === undefined ? undefined : nameAt(call, 2);
  const value = name === undefined ? undefined : valueAt(call, 3);
  if (key === undefined || name === undefined || value === undefined) return;
  answerOperation(call, key, { kind: "hash-set", entries: [[name, value]], when: "absent" });
}

function hget(call: Call, shown: (value: Uint8Array | undefined) => Reply): void {
  const key = keyAt(call, 1);
  const name = key === undefined ? undefined : nameAt(call, 2);
  if (key === undefined || name === undefined) return;
  askValues(call, key, { kind: "hash-get", names: [name] }, ([value]) => call.reply(shown(value)));
}

function hmget(call: Call): void {
  const key = keyAt(call, 1);
  const names = key === undefined ? undefined : namesFrom(call, 2);
  if (key === undefined || names === undefined) return;
  askValues(call, key, { kind: "hash-get", names }, (values) => {
    call.reply({ kind: "array", items: values.map(bulkOrNull) });
  });
}

function hgetall(call: Call): void {
  const key = keyAt(call, 1);
  if (key === undefined) return;
  answerWhole(call, key, "hash", (fields) => ({
    kind: "map",
    entries: fields.map(([name, value]) => [binaryReply(name), bulkReply(value)]),
  }));
}

function all(call: Call, shown: (entry: readonly [string, Uint8Array]) => Reply): void {
  const key = keyAt(call, 1);
  if (key === undefined) return;
  answerWhole(call, key, "hash", (entries) => ({ kind: "array", items: entries.map(shown) }));
}

function hdel(call: Call): void {
  const key = keyAt(call, 1);
  const names = key === undefined ? undefined : namesFrom(call, 2);
  if (key === undefined || names === undefined) return;
  answerOperation(call, key, { kind: "hash-delete", names });
}

function hlen(call: Call): void {
  const key = keyAt(call, 1);
  if (key !== undefined) answerCount(call, key, "hash");
}
