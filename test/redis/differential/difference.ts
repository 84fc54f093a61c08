/** A request that two servers answer differently. */
import type { Reply } from "../reply-parser.ts";
import type { Request } from "../resp-client.ts";
import { ALL_KEYS } from "./pools.ts";

export interface Difference {
  readonly request: Request;
  /** Of the server under test, then of the reference. */
  readonly left: Reply;
  readonly right: Reply;
  /** What is wrong, where the replies alone do not say. */
  readonly note: string;
}

const KEYS: ReadonlySet<string> = new Set(ALL_KEYS.filter((key) => key !== ""));

/** The keys in a request, as far as words that may be keys are keys. */
export function keysOf(request: Request): string[] {
  const keys = request.slice(1).filter((word) => KEYS.has(word));
  // Elsewhere it is a value.
  if (request[1] === "") keys.push("");
  return [...new Set(keys)];
}
