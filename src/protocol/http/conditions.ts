/**
 * ETags and conditions. An ETag is a stamp in quotes: strong, because equal stamps mean equal bytes.
 *
 * Invariant: a condition that cannot be checked is refused, never ignored. Source: RFC 9110 sections 8.8.3 and 13.
 */
import type { Condition } from "../../model/condition.ts";
import { compareStamps, formatStamp, parseStamp, type Stamp } from "../../model/stamp.ts";
import { excerpt, type Problem, problem } from "./problem.ts";

/** A condition on a read: any of these tags, or any at all. Weak tags are compared by their stamp. */
export type TagList = "any" | readonly Tag[];

export interface Tag {
  readonly isWeak: boolean;
  /** `undefined`: well-formed, but no stamp of ours, so that it matches nothing. */
  readonly stamp: Stamp | undefined;
}

/** Tags in one header. */
const TAGS_MAX = 64;

export function formatTag(stamp: Stamp): string {
  return `"${formatStamp(stamp)}"`;
}

/** `*` or a list of entity tags; `undefined` when malformed or too long. */
export function parseTags(header: string): TagList | undefined {
  if (header.trim() === "*") return "any";
  const tags: Tag[] = [];
  // Sticky: each match starts where the last one ended. No two parts can take the same character, or a long run of spaces
  // would be tried at every split.
  const pattern = /[ \t,]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?=,|$)|$)/y;
  while (pattern.lastIndex < header.length) {
    const match = pattern.exec(header);
    if (match === null || tags.length === TAGS_MAX) return undefined;
    if (match[2] === undefined) continue;
    tags.push({ isWeak: match[1] !== undefined, stamp: parseStamp(match[2]) });
  }
  return tags.length === 0 ? undefined : tags;
}

/** Whether one of the tags names this stamp. `If-Match` compares strongly, `If-None-Match` weakly. */
export function matchesTag(tags: TagList, stamp: Stamp, comparison: "strong" | "weak"): boolean {
  if (tags === "any") return true;
  return tags.some(
    (tag) =>
      tag.stamp !== undefined &&
      (comparison === "weak" || !tag.isWeak) &&
      compareStamps(tag.stamp, stamp) === 0,
  );
}

/** What a read is conditional on. */
export interface ReadConditions {
  readonly match: TagList | undefined;
  readonly noneMatch: TagList | undefined;
}

const UNCONDITIONAL: ReadConditions = { match: undefined, noneMatch: undefined };

export function parseReadConditions(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
): ReadConditions | Problem {
  if (ifMatch === undefined && ifNoneMatch === undefined) return UNCONDITIONAL;
  const match = ifMatch === undefined ? undefined : parseTags(ifMatch);
  if (ifMatch !== undefined && match === undefined) return malformed("If-Match", ifMatch);
  const noneMatch = ifNoneMatch === undefined ? undefined : parseTags(ifNoneMatch);
  if (ifNoneMatch !== undefined && noneMatch === undefined)
    return malformed("If-None-Match", ifNoneMatch);
  return { match, noneMatch };
}

/**
 * The condition of a write. `never`: it cannot hold whatever the key is, because the tag is weak or no stamp.
 * Lists of tags, and `If-None-Match` with anything but `*`, are refused: the key's first live primary checks
 * exactly one thing.
 */
export function parseWriteCondition(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
): { readonly condition: Condition | undefined | "never" } | Problem {
  if (ifMatch === undefined && ifNoneMatch === undefined) return { condition: undefined };
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    return problem("bad-condition", "If-Match and If-None-Match are both given");
  }
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === "*") return { condition: { kind: "absent" } };
    return problem("bad-condition", "If-None-Match on a write takes * only", {
      name: "If-None-Match",
      value: excerpt(ifNoneMatch),
    });
  }
  const tags = parseTags(ifMatch as string);
  if (tags === undefined) return malformed("If-Match", ifMatch as string);
  if (tags === "any") return { condition: { kind: "exists" } };
  const [tag] = tags;
  if (tags.length !== 1 || tag === undefined) {
    return problem("bad-condition", "If-Match on a write takes one tag or *", {
      name: "If-Match",
      limit: 1,
      value: tags.length,
    });
  }
  if (tag.isWeak || tag.stamp === undefined) return { condition: "never" };
  return { condition: { kind: "stamp-is", stamp: tag.stamp } };
}

/** The stamp of `Dnd-After`, with or without quotes. */
export function parseAfter(
  header: string | undefined,
): { readonly after: Stamp | undefined } | Problem {
  if (header === undefined) return { after: undefined };
  const after = parseStamp(header.replace(/^"(.*)"$/, "$1"));
  if (after !== undefined) return { after };
  return problem("bad-header", "Dnd-After is not a stamp", {
    name: "Dnd-After",
    value: excerpt(header),
  });
}

function malformed(name: string, value: string): Problem {
  return problem("bad-condition", `${name} is neither * nor a list of quoted tags`, {
    name,
    value: excerpt(value),
  });
}
