/** A whole iteration of `SCAN`, `HSCAN` or `SSCAN`: what it finds, once each. */
import type { Reply } from "../reply-parser.ts";
import type { Request } from "../resp-client.ts";
import { commandOf, itemsOf, pairsOf, textsOf } from "./compare.ts";
import type { Side } from "./side.ts";

/** Of a few hundred elements, one at a time. */
const ROUNDS_MAX = 5_000;

/**
 * Goes on from `first`, the reply to `request`. What was asked from within an iteration that nobody began finds
 * anything: then only that there is a reply of this form counts.
 */
export async function scanAll(side: Side, request: Request, first: Reply): Promise<Reply> {
  const command = commandOf(request);
  const cursorIndex = command === "SCAN" ? 1 : 2;
  const found = new Set<string>();
  let reply = first;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const [cursor, page] = itemsOf(reply);
    if (cursor?.kind !== "bulk" || page?.kind !== "array") return reply;
    if (request[cursorIndex] !== "0") return { kind: "array", items: [] };
    for (const element of command === "HSCAN" ? pairsOf(page) : textsOf(page)) found.add(element);
    if (cursor.text === "0") {
      return { kind: "array", items: [...found].map((text) => ({ kind: "bulk", text })) };
    }
    const [next] = await side.ask([request.with(cursorIndex, cursor.text)]);
    if (next === undefined) break;
    reply = next;
  }
  return { kind: "error", text: `(no end after ${ROUNDS_MAX} replies)` };
}
