/**
 * Requests as templates, filled by chance:
 *
 *   GET             a word as it is
 *   {string}        a word of a pool
 *   [x]             x or nothing
 *   <x>             x once to four times
 *   (x|y z|)        one of them
 *
 * They nest. Words are parted by spaces.
 */
import type { Prng } from "../../../src/base/prng.ts";

export type Template = readonly Part[];

type Part =
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "pool"; readonly name: string }
  | { readonly kind: "maybe"; readonly body: Template }
  | { readonly kind: "some"; readonly body: Template }
  | { readonly kind: "one"; readonly choices: readonly Template[] };

/** The words that a pool gives: mostly one. */
export type Draw = (pool: string) => readonly string[];

const REPEATS_MAX = 4;
const TOKEN = /\{[\w-]+\}|[[\]<>(|)]|[^\s[\]<>(|){}]+/g;

export function parseTemplate(text: string): Template {
  const tokens = text.match(TOKEN) ?? [];
  const { body, end } = readBody(tokens, 0);
  if (end !== tokens.length) throw new Error(`${text}: ${tokens[end]} closes nothing`);
  return body;
}

interface Body {
  readonly body: Template;
  /** The token that it ends before. */
  readonly end: number;
}

function readBody(tokens: readonly string[], start: number): Body {
  const body: Part[] = [];
  let index = start;
  while (index < tokens.length) {
    const token = tokens[index] ?? "";
    if (token === "]" || token === ">" || token === ")" || token === "|") break;
    if (token === "[" || token === "<") {
      const inner = readBody(tokens, index + 1);
      body.push({ kind: token === "[" ? "maybe" : "some", body: inner.body });
      index = inner.end + 1;
    } else if (token === "(") {
      const choices: Template[] = [];
      do {
        const inner = readBody(tokens, index + 1);
        choices.push(inner.body);
        index = inner.end;
      } while (tokens[index] === "|");
      body.push({ kind: "one", choices });
      index += 1;
    } else {
      const isPool = token.startsWith("{");
      body.push(
        isPool ? { kind: "pool", name: token.slice(1, -1) } : { kind: "word", text: token },
      );
      index += 1;
    }
  }
  return { body, end: index };
}

export function fill(template: Template, prng: Prng, draw: Draw): string[] {
  const words: string[] = [];
  for (const part of template) {
    if (part.kind === "word") words.push(part.text);
    else if (part.kind === "pool") words.push(...draw(part.name));
    else if (part.kind === "one") words.push(...fill(prng.pick(part.choices), prng, draw));
    else {
      const times = part.kind === "maybe" ? prng.below(2) : 1 + prng.below(REPEATS_MAX);
      for (let count = 0; count < times; count += 1) words.push(...fill(part.body, prng, draw));
    }
  }
  return words;
}
