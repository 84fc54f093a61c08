/** Whether two replies to the same request are as equal as they must be. */
import { type Reply, showReply } from "../reply-parser.ts";
import type { Comparison } from "./commands.ts";

/** What lies between the arrival of a command at one server and at the other, and the reading of the time. */
const NEAR_MS = 2_000n;
/** Of a description: name, arity, flags, first key, last key, step. */
const DESCRIBED_COUNT = 6;
const FLAGS_INDEX = 2;

/** `random` and `scan` are compared by those who ask for them: here only as errors. */
export function isEqual(comparison: Comparison, left: Reply, right: Reply): boolean {
  if (left.kind !== right.kind) return false;
  if (left.kind === "error") return isSame(left, right);
  switch (comparison) {
    case "exact":
      return isSame(left, right);
    case "sorted":
      return showAll(sortedItems(left)) === showAll(sortedItems(right));
    case "pairs":
      return showAll(sortedPairs(left)) === showAll(sortedPairs(right));
    case "seconds":
      return isNear(left, right, NEAR_MS / 1_000n);
    case "milliseconds":
      return isNear(left, right, NEAR_MS);
    case "description":
      return showAll(described(left)) === showAll(described(right));
    case "shape":
    case "random":
    case "scan":
      return showAll(mapKeys(left)) === showAll(mapKeys(right));
  }
}

export function itemsOf(reply: Reply): readonly Reply[] {
  return "items" in reply ? reply.items : [reply];
}

/** The texts of all items, at whatever depth. */
export function textsOf(reply: Reply): string[] {
  if ("items" in reply) return reply.items.flatMap(textsOf);
  return "text" in reply ? [reply.text] : [];
}

/** Two by two, whether they come flat, as a map, or as a list of pairs. */
export function pairsOf(reply: Reply): string[] {
  const texts = textsOf(reply);
  const pairs: string[] = [];
  for (let index = 0; index < texts.length; index += 2) {
    pairs.push(JSON.stringify(texts.slice(index, index + 2)));
  }
  return pairs;
}

export function isSame(left: Reply, right: Reply): boolean {
  if (left.kind !== right.kind) return false;
  if ("text" in left && "text" in right) return left.text === right.text;
  if (!("items" in left) || !("items" in right)) return true;
  const { items } = right;
  return (
    left.items.length === items.length &&
    left.items.every((item, index) => isSame(item, items[index] ?? { kind: "null" }))
  );
}

function sortedItems(reply: Reply): string[] {
  return itemsOf(reply).map(whole).sort();
}

function sortedPairs(reply: Reply): string[] {
  return pairsOf(reply).sort();
}

function isNear(left: Reply, right: Reply, distance: bigint): boolean {
  if (left.kind !== "integer" || right.kind !== "integer") return isSame(left, right);
  const [one, other] = [BigInt(left.text), BigInt(right.text)];
  // -1 and -2 say that there is no time, or no key.
  if (one < 0n || other < 0n) return one === other;
  const between = one > other ? one - other : other - one;
  return between <= distance;
}

function described(reply: Reply): string[] {
  return itemsOf(reply).map((item) => {
    const parts = itemsOf(item).slice(0, DESCRIBED_COUNT);
    return showAll(
      parts.map((part, index) =>
        index === FLAGS_INDEX ? showAll(sortedItems(part)) : whole(part),
      ),
    );
  });
}

function mapKeys(reply: Reply): string[] {
  if (reply.kind !== "map") return [];
  return reply.items
    .filter((_, index) => index % 2 === 0)
    .map(whole)
    .sort();
}

/** Unlike what is shown to people, nothing is cut. */
function whole(reply: Reply): string {
  if ("items" in reply) return `${reply.kind}${showAll(reply.items)}`;
  return "text" in reply ? `${reply.kind}${JSON.stringify(reply.text)}` : reply.kind;
}

function showAll(items: readonly (Reply | string)[]): string {
  return `[${items.map((item) => (typeof item === "string" ? item : whole(item))).join(",")}]`;
}

/** The first word in capitals. */
export function commandOf(request: readonly string[]): string {
  return (request[0] ?? "").toUpperCase();
}

/** One line. */
export function showRequest(request: readonly string[]): string {
  return request.map((word) => showWord(word)).join(" ");
}

function showWord(word: string): string {
  return /^[\w:*.+-]+$/.test(word) && word.length < 40
    ? word
    : showReply({ kind: "bulk", text: word }).slice("bulk ".length);
}
