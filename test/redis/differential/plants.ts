/** Mistakes to make on purpose: a differential test that finds none of them is not to be trusted. */
import type { Reply } from "../reply-parser.ts";
import { commandOf } from "./compare.ts";
import type { Plant } from "./side.ts";

function answering(name: string, command: string, change: (reply: Reply) => Reply): Plant {
  return {
    name,
    answer: (request, reply) => (commandOf(request) === command ? change(reply) : reply),
  };
}

function asking(
  name: string,
  command: string,
  change: (request: readonly string[]) => readonly string[],
): Plant {
  return {
    name,
    ask: (request) => (commandOf(request) === command ? change(request) : request),
  };
}

function withText(reply: Reply, change: (text: string) => string): Reply {
  return "text" in reply ? { kind: reply.kind, text: change(reply.text) } : reply;
}

export const PLANTS: readonly Plant[] = [
  {
    name: "the error of a wrong type has other words",
    answer: (_, reply) => withText(reply, (text) => text.replace("wrong kind", "wrong type")),
  },
  answering("STRLEN counts characters", "STRLEN", (reply) =>
    withText(reply, (text) => (text === "100" ? "50" : text)),
  ),
  answering("SMEMBERS leaves out the empty member", "SMEMBERS", (reply) =>
    "items" in reply
      ? {
          kind: reply.kind,
          items: reply.items.filter((item) => !("text" in item && item.text === "")),
        }
      : reply,
  ),
  answering("a missing key of GETDEL is a null of arrays", "GETDEL", (reply) =>
    reply.kind === "null-bulk" ? { kind: "null-array" } : reply,
  ),
  answering("HGETALL is an array in RESP3 too", "HGETALL", (reply) =>
    reply.kind === "map" ? { kind: "array", items: reply.items } : reply,
  ),
  answering("TTL is three seconds short", "TTL", (reply) =>
    withText(reply, (text) => (/^\d+$/.test(text) ? String(BigInt(text) - 3n) : text)),
  ),
  answering("SSCAN ends before its end", "SSCAN", (reply) =>
    reply.kind === "array" && reply.items.length === 2
      ? { kind: "array", items: [{ kind: "bulk", text: "0" }, ...reply.items.slice(1)] }
      : reply,
  ),
  answering("SRANDMEMBER makes members up", "SRANDMEMBER", (reply) =>
    reply.kind === "bulk" ? { kind: "bulk", text: "made up" } : reply,
  ),
  asking("APPEND stores other bytes, now and then", "APPEND", (request) =>
    request.length === 3 && request[2] === "v1" ? request.with(2, "v2") : request,
  ),
  asking("PERSIST does nothing on hashes", "PERSIST", (request) =>
    request[1]?.startsWith("k:h") === true ? ["EXISTS", request[1]] : request,
  ),
  asking("SPOP takes one more than it is told", "SPOP", (request) =>
    /^[123]$/.test(request[2] ?? "") ? request.with(2, String(Number(request[2]) + 1)) : request,
  ),
  asking("KEEPTTL is ignored", "SET", (request) =>
    request.map((word) => (word.toUpperCase() === "KEEPTTL" ? "GET" : word)),
  ),
  {
    name: "WATCH watches nothing",
    ask: (request) => (commandOf(request) === "WATCH" ? ["WATCH", "elsewhere"] : request),
  },
];
