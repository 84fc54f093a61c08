/** Numbers in strings: INCR and its kin, each a read-modify-write. */
import { binaryFromBytes } from "../../../base/binary.ts";
import { FLOAT_BYTES_MAX } from "../../../core/operations/extended-floats.ts";
import { INTEGER_MIN } from "../../../core/operations/integers.ts";
import type { Call, Command } from "../command.ts";
import { errorReply, faultReply } from "../failures.ts";
import { argumentAt, integerAt, keyAt } from "./arguments.ts";
import { FAST_WRITE, stringCommand } from "./command-shapes.ts";
import { answerOperation } from "./one-key.ts";

export const NUMBER_COMMANDS: readonly Command[] = [
  stringCommand({
    name: "incr",
    arity: 2,
    flags: FAST_WRITE,
    summary: "Adds one to the integer at a key",
    run: (call) => add(call, 1n),
  }),
  stringCommand({
    name: "decr",
    arity: 2,
    flags: FAST_WRITE,
    summary: "Takes one from the integer at a key",
    run: (call) => add(call, -1n),
  }),
  stringCommand({
    name: "incrby",
    arity: 3,
    flags: FAST_WRITE,
    summary: "Adds an integer to the one at a key",
    run: incrby,
  }),
  stringCommand({
    name: "decrby",
    arity: 3,
    flags: FAST_WRITE,
    summary: "Takes an integer from the one at a key",
    run: decrby,
  }),
  stringCommand({
    name: "incrbyfloat",
    arity: 3,
    flags: FAST_WRITE,
    summary: "Adds a decimal number to the one at a key",
    run: incrbyfloat,
  }),
];

function add(call: Call, delta: bigint): void {
  const key = keyAt(call, 1);
  if (key !== undefined) answerOperation(call, key, { kind: "add", delta });
}

function incrby(call: Call): void {
  const delta = integerAt(call, 2);
  if (delta !== undefined) add(call, delta);
}

function decrby(call: Call): void {
  const delta = integerAt(call, 2);
  if (delta === undefined) return;
  // The only integer without a negative of its own.
  if (delta === INTEGER_MIN) return call.reply(errorReply("ERR decrement would overflow"));
  add(call, -delta);
}

function incrbyfloat(call: Call): void {
  const key = keyAt(call, 1);
  if (key === undefined) return;
  const bytes = argumentAt(call, 2);
  if (bytes.length > FLOAT_BYTES_MAX) return call.reply(faultReply("not-a-float"));
  answerOperation(call, key, { kind: "add-float", delta: binaryFromBytes(bytes) });
}
