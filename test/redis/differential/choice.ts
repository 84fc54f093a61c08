/** Checks a reply that is the server's own choice: of members, of fields, of keys. */
import type { Reply } from "../reply-parser.ts";
import type { Request } from "../resp-client.ts";
import { commandOf, pairsOf, textsOf } from "./compare.ts";

/** What to ask before and after, to know what there is to choose from. `undefined`: the request has no key. */
export function choiceOf(request: Request): Request | undefined {
  const [, key] = request;
  switch (commandOf(request)) {
    case "RANDOMKEY":
      return ["KEYS", "*"];
    case "HRANDFIELD":
      return key === undefined ? undefined : ["HGETALL", key];
    default:
      return key === undefined ? undefined : ["SMEMBERS", key];
  }
}

export interface Choice {
  readonly request: Request;
  readonly before: Reply;
  readonly reply: Reply;
  readonly after: Reply;
}

/** What is wrong with it; `undefined` if nothing. */
export function choiceProblem({ request, before, reply, after }: Choice): string | undefined {
  if (reply.kind === "error") return undefined;
  const command = commandOf(request);
  const hasValues = command === "HRANDFIELD" && request.length > 3;
  const offered = elements(before, command === "HRANDFIELD", hasValues);
  const chosen = hasValues ? pairsOf(reply) : textsOf(reply);

  const strange = chosen.find((element) => !offered.includes(element));
  if (strange !== undefined) return "chose what is not there";
  const mayRepeat = request[2]?.startsWith("-") === true;
  if (!mayRepeat && new Set(chosen).size !== chosen.length) return "chose one twice";
  if (chosen.length === 0 && offered.length > 0 && request[2] !== "0") return "chose nothing";

  const wanted = command === "SPOP" ? without(offered, chosen) : offered;
  const left = elements(after, command === "HRANDFIELD", hasValues);
  const isLeft = JSON.stringify(left.sort()) === JSON.stringify(wanted.sort());
  return isLeft ? undefined : "did not leave what it must";
}

function elements(reply: Reply, isHash: boolean, hasValues: boolean): string[] {
  if (reply.kind === "error") return [];
  if (hasValues) return pairsOf(reply);
  const texts = textsOf(reply);
  return isHash ? texts.filter((_, index) => index % 2 === 0) : texts;
}

function without(all: readonly string[], taken: readonly string[]): string[] {
  return all.filter((element) => !taken.includes(element));
}
