/**
 * Hashes and sets as text: a hash is a JSON object, a set a JSON array, both in byte order; or one
 * field or member a line.
 *
 * Bytes that are UTF-8 appear as text. Others are `{"value64": ...}` in base64url; a field's name
 * in an object has no such form, so a hash with one that is no text is told line by line only, as
 * `field64`. Invariant: a text is never longer than `CONTAINER_CHARS_MAX`, and is not built beyond
 * it.
 */
import { textFromBinary, textFromBytes } from "../../base/binary.ts";
import type { HashEntry } from "../../model/operation.ts";
import { encodeBase64 } from "./percent.ts";
import { type Problem, problem } from "./problem.ts";

/**
 * Longer texts would hold up the event loop: a walk by pages, in the Redis protocol or the library,
 * has no bound.
 */
export const CONTAINER_CHARS_MAX: number = 64 * 1024 * 1024;

type Container = "hash" | "set";

/** Entries of a set have empty values. */
export function containerText(
  type: Container,
  entries: readonly HashEntry[],
  asLines: boolean,
): string | Problem {
  if (asLines) return joined(entries, (entry) => `${lineOf(type, entry)}\n`, "");
  if (type === "set") {
    const items = joined(entries, ([name]) => jsonOf(textFromBinary(name), name), ",");
    return typeof items === "string" ? `[${items}]\n` : items;
  }
  if (entries.some(([name]) => textFromBinary(name) === undefined)) {
    return problem(
      "field-not-text",
      "a field is not UTF-8: Accept: application/x-ndjson gives a field a line",
    );
  }
  const members = joined(entries, memberOf, ",");
  return typeof members === "string" ? `{${members}}\n` : members;
}

/** The texts of all entries, with `separator` between them. */
function joined(
  entries: readonly HashEntry[],
  textOf: (entry: HashEntry) => string,
  separator: string,
): string | Problem {
  const parts: string[] = [];
  let length = 0;
  for (const entry of entries) {
    const part = textOf(entry);
    length += part.length + separator.length;
    if (length > CONTAINER_CHARS_MAX) return tooMany();
    parts.push(part);
  }
  return parts.join(separator);
}

export function tooMany(): Problem {
  return problem("too-many", "the key holds more than one answer may show: read it by pages", {
    limit: CONTAINER_CHARS_MAX,
  });
}

function memberOf([name, value]: HashEntry): string {
  // Written out: an object would move names that look like numbers, and take `__proto__` for
  // something else.
  return `${JSON.stringify(textFromBinary(name))}:${jsonOf(textFromBytes(value), value)}`;
}

function lineOf(type: Container, [name, value]: HashEntry): string {
  const named = bytesMember(type === "hash" ? "field" : "member", textFromBinary(name), name);
  if (type === "set") return `{${named}}`;
  return `{${named},${bytesMember("value", textFromBytes(value), value)}}`;
}

function bytesMember(name: string, text: string | undefined, bytes: string | Uint8Array): string {
  return text === undefined
    ? `"${name}64":"${base64Of(bytes)}"`
    : `"${name}":${JSON.stringify(text)}`;
}

function jsonOf(text: string | undefined, bytes: string | Uint8Array): string {
  return text === undefined ? `{"value64":"${base64Of(bytes)}"}` : JSON.stringify(text);
}

function base64Of(bytes: string | Uint8Array): string {
  return typeof bytes === "string" ? encodeBase64(bytes) : Buffer.from(bytes).toString("base64url");
}
