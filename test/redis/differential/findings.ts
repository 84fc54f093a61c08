/** Differences between two servers, with what led to them; alike ones are kept once and counted. */
import { type Reply, showReply } from "../reply-parser.ts";
import type { Request } from "../resp-client.ts";
import { commandOf, showRequest } from "./compare.ts";
import { type Difference, keysOf } from "./difference.ts";
import type { KnownDifference } from "./known-differences.ts";

export interface DifferenceGroup {
  readonly first: Difference;
  readonly history: readonly string[];
  readonly count: number;
}

const LINES_PER_KEY_MAX = 12;
const LINES_LAST_MAX = 6;
const REPLY_CHARS_MAX = 80;

/** The last commands on each key, since that was last made equal on both sides. */
export class History {
  readonly #lines = new Map<string, string[]>();
  readonly #last: string[] = [];

  add(request: Request, reply: Reply): void {
    const line = `${showRequest(request)}  ->  ${showReply(reply).slice(0, REPLY_CHARS_MAX)}`;
    for (const key of keysOf(request)) {
      const lines = this.#lines.get(key) ?? [];
      this.#lines.set(key, lines);
      keep(lines, line, LINES_PER_KEY_MAX);
    }
    keep(this.#last, line, LINES_LAST_MAX);
  }

  restart(key: string, value: string): void {
    this.#lines.set(key, [`(made equal: ${value})`]);
  }

  of(request: Request): string[] {
    const keys = keysOf(request);
    if (keys.length === 0) return [...this.#last];
    return keys.flatMap((key) => this.#lines.get(key) ?? []).filter(isFirst);
  }
}

function keep(lines: string[], line: string, max: number): void {
  lines.push(line);
  if (lines.length > max) lines.shift();
}

function isFirst(line: string, index: number, lines: readonly string[]): boolean {
  return lines.indexOf(line) === index;
}

export class Findings {
  readonly #known: readonly KnownDifference[];
  readonly #groups = new Map<string, DifferenceGroup>();
  readonly #knownCounts = new Map<string, number>();

  constructor(known: readonly KnownDifference[]) {
    this.#known = known;
  }

  add(difference: Difference, history: readonly string[]): void {
    const known = this.#known.find(({ matches }) => matches(difference));
    if (known !== undefined) {
      this.#knownCounts.set(known.name, (this.#knownCounts.get(known.name) ?? 0) + 1);
      return;
    }
    const kind = signature(difference);
    const group = this.#groups.get(kind);
    this.#groups.set(kind, {
      first: group?.first ?? difference,
      history: group?.history ?? history,
      count: (group?.count ?? 0) + 1,
    });
  }

  get groups(): readonly DifferenceGroup[] {
    return [...this.#groups.values()];
  }

  get count(): number {
    return this.groups.reduce((sum, { count }) => sum + count, 0);
  }

  get knownCounts(): ReadonlyMap<string, number> {
    return this.#knownCounts;
  }
}

export function showGroup({ first, history, count }: DifferenceGroup): string {
  const { request, left, right, note } = first;
  return [
    `${showRequest(request)}${note === "" ? "" : `   (${note})`}${count > 1 ? `   ${count} times` : ""}`,
    `    here       ${showReply(left)}`,
    `    reference  ${showReply(right)}`,
    ...history.map((line) => `      ${line}`),
  ].join("\n");
}

/** What makes two differences alike: the command, and how the replies differ in kind or in words. */
function signature({ request, left, right, note }: Difference): string {
  const texts = [left, right].map((reply) => (reply.kind === "error" ? reply.text : reply.kind));
  return JSON.stringify([commandOf(request), ...texts, note.replace(/\d+/g, "N")]);
}
