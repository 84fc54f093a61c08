/** Numbers in fields of hashes: HINCRBY counts for each node apart, so that nothing added on two sides is lost. */
import { binaryFromBytes } from "../../../base/binary.ts";
import { addDecimals, FLOAT_BYTES_MAX } from "../../../core/operations/extended-floats.ts";
import type { Call, Command } from "../command.ts";
import { errorReply, faultReply } from "../failures.ts";
import { argumentAt, integerAt, keyAt } from "./arguments.ts";
import { FAST_WRITE, hashCommand } from "./command-shapes.ts";
import { nameAt } from "./field-arguments.ts";
import { answerOperation } from "./one-key.ts";

const NOT_FINITE = errorReply("ERR value is NaN or Infinity");

export const HASH_NUMBER_COMMANDS: readonly Command[] = [
  hashCommand({
    name: "hincrby",
    arity: 4,
    flags: FAST_WRITE,
    summary: "Adds an integer to the one in a field",
    run: hincrby,
  }),
  hashCommand({
    name: "hincrbyfloat",
    arity: 4,
    flags: FAST_WRITE,
    summary: "Adds a decimal number to the one in a field",
    run: hincrbyfloat,
  }),
];

function hincrby(call: Call): void {
  const key = keyAt(call, 1);
  const name = key === undefined ? undefined : nameAt(call, 2);
  const delta = name === undefined ? undefined : integerAt(call, 3);
  if (key === undefined || name === undefined || delta === undefined) return;
  answerOperation(call, key, { kind: "hash-add", name, delta });
}

function hincrbyfloat(call: Call): void {
  const key = keyAt(call, 1);
  const name = key === undefined ? undefined : nameAt(call, 2);
  if (key === undefined || name === undefined) return;
  const bytes = argumentAt(call, 3);
  if (bytes.length > FLOAT_BYTES_MAX) return call.reply(faultReply("not-a-float"));
  const delta = binaryFromBytes(bytes);
  // What is wrong with the number itself has other words than what is wrong with the field.
  const alone = addDecimals("0", delta);
  if ("fault" in alone) {
    return call.reply(alone.fault === "not-finite" ? NOT_FINITE : faultReply(alone.fault));
  }
  answerOperation(call, key, { kind: "hash-add-float", name, delta });
}
