/** Replies that many commands share. Texts are those of Redis 7.0: clients match on them. */
import type { Reply } from "../../../protocol/resp/reply.ts";
import { type ErrorReply, errorReply } from "../failures.ts";

export const ZERO: Reply = { kind: "integer", value: 0 };
export const ONE: Reply = { kind: "integer", value: 1 };
export const EMPTY_BULK: Reply = { kind: "binary", binary: "" };

export function integerReply(value: number | bigint): Reply {
  return { kind: "integer", value };
}

export function bulkReply(bytes: Uint8Array): Reply {
  return { kind: "bulk", bytes };
}

export function binaryReply(binary: string): Reply {
  return { kind: "binary", binary };
}

/** `command` in lower case. */
export function expireTimeError(command: string): ErrorReply {
  return errorReply(`ERR invalid expire time in '${command}' command`);
}

/** For what the number of arguments alone does not tell. */
export function argumentCountError(command: string): ErrorReply {
  return errorReply(`ERR wrong number of arguments for '${command}' command`);
}
