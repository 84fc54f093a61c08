/** Single bits of strings. Bit 0 is the most significant of the first byte. */

import { parseInteger } from "../../../core/operations/integers.ts";
import type { Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { errorReply } from "../failures.ts";
import { argumentAt, keyAt, sharedOf } from "./arguments.ts";
import { FAST_READ, stringCommand, WRITE } from "./command-shapes.ts";
import { answerOperation, answerString } from "./one-key.ts";
import { ONE, ZERO } from "./replies.ts";

const OFFSET_ERROR = errorReply("ERR bit offset is not an integer or out of range");
const BIT_ERROR = errorReply("ERR bit is not an integer or out of range");

export const BIT_COMMANDS: readonly Command[] = [
  stringCommand({
    name: "setbit",
    arity: 4,
    flags: WRITE,
    summary: "Sets or clears a bit of the string at a key and gives the former one",
    run: setbit,
  }),
  stringCommand({
    name: "getbit",
    arity: 3,
    flags: FAST_READ,
    summary: "Gives a bit of the string at a key",
    run: getbit,
  }),
];

function setbit(call: Call): void {
  const key = keyAt(call, 1);
  const offset = key === undefined ? undefined : offsetAt(call, 2);
  if (key === undefined || offset === undefined) return;
  const bit = parseInteger(argumentAt(call, 3));
  if (bit !== 0n && bit !== 1n) return call.reply(BIT_ERROR);
  answerOperation(call, key, { kind: "set-bit", offset, bit: bit === 0n ? 0 : 1 });
}

function getbit(call: Call): void {
  const key = keyAt(call, 1);
  const offset = key === undefined ? undefined : offsetAt(call, 2);
  if (key === undefined || offset === undefined) return;
  answerString(call, key, (bytes) => bitReply(bytes, offset));
}

function bitReply(bytes: Uint8Array | undefined, offset: number): Reply {
  const byte = bytes?.[Math.floor(offset / 8)] ?? 0;
  return (byte & (0x80 >>> (offset % 8))) === 0 ? ZERO : ONE;
}

/** An offset within the longest value. */
function offsetAt(call: Call, index: number): number | undefined {
  const offset = parseInteger(argumentAt(call, index));
  const isWithin =
    offset !== undefined && offset >= 0n && offset < BigInt(sharedOf(call).valueBytesMax) * 8n;
  if (isWithin) return Number(offset);
  call.reply(OFFSET_ERROR);
  return undefined;
}
