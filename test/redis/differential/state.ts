/** What both servers hold, key by key: compared, and made equal again after a difference. */
import { type Reply, showReply } from "../reply-parser.ts";
import type { Request } from "../resp-client.ts";
import { isEqual, textsOf } from "./compare.ts";
import type { Difference } from "./difference.ts";
import type { Side } from "./side.ts";

interface Held {
  readonly type: string;
  readonly expires: Reply;
  readonly read: Request;
  readonly value: Reply;
}

/** How a value of a type is read. */
const READS: Readonly<Record<string, (key: string) => Request>> = {
  string: (key) => ["GET", key],
  hash: (key) => ["HGETALL", key],
  set: (key) => ["SMEMBERS", key],
};
/** How one is written, from what the read of it has. */
const WRITES: Readonly<Record<string, string>> = { string: "SET", hash: "HSET", set: "SADD" };

/** All keys that either has, and what differs in them. */
export async function differingKeys(left: Side, right: Side): Promise<Map<string, Difference>> {
  const list: Request = ["KEYS", "*"];
  const [lefts, rights] = await Promise.all([left.ask([list]), right.ask([list])]);
  const differences = new Map<string, Difference>();
  const lists = [...lefts, ...rights].filter((reply) => reply.kind !== "error");
  for (const key of new Set(lists.flatMap(textsOf))) {
    const [one, other] = await Promise.all([hold(left, key), hold(right, key)]);
    const difference = compareHeld(key, one, other);
    if (difference !== undefined) differences.set(key, difference);
  }
  return differences;
}

async function hold(side: Side, key: string): Promise<Held> {
  const [type, expires] = await side.ask([
    ["TYPE", key],
    ["PEXPIRETIME", key],
  ]);
  const name = type !== undefined && "text" in type ? type.text : "";
  const read = READS[name]?.(key) ?? ["EXISTS", key];
  const [value] = await side.ask([read]);
  if (expires === undefined || value === undefined) throw new Error("too few replies");
  return { type: name, expires, read, value };
}

function compareHeld(key: string, left: Held, right: Held): Difference | undefined {
  const note = "found when all keys were compared";
  if (left.type !== right.type) {
    const [one, other] = [left, right].map(({ type }) => ({ kind: "simple", text: type }) as const);
    if (one !== undefined && other !== undefined) {
      return { request: ["TYPE", key], left: one, right: other, note };
    }
  }
  const order = right.type === "hash" ? "pairs" : right.type === "set" ? "sorted" : "exact";
  if (!isEqual(order, left.value, right.value)) {
    return { request: right.read, left: left.value, right: right.value, note };
  }
  if (isEqual("milliseconds", left.expires, right.expires)) return undefined;
  return { request: ["PEXPIRETIME", key], left: left.expires, right: right.expires, note };
}

/** Gives both what `right` has. Answers with how that looks. The empty key, which only Redis knows, is given to neither. */
export async function makeEqual(left: Side, right: Side, key: string): Promise<string> {
  if (key === "") {
    await right.ask([["DEL", key]]);
    return "nothing";
  }
  const { type, expires, value } = await hold(right, key);
  const requests: Request[] = [["DEL", key]];
  const write = WRITES[type];
  if (write !== undefined) requests.push([write, key, ...textsOf(value)]);
  if (expires.kind === "integer" && !expires.text.startsWith("-")) {
    requests.push(["PEXPIREAT", key, expires.text]);
  }
  await Promise.all([left.ask(requests), right.ask(requests)]);
  return `${type} ${showReply(value)}, expires ${showReply(expires)}`;
}
