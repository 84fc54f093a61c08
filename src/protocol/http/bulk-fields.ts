/**
 * The fields of a hash, or members of a set, on one line: of an export, a listing or a bulk request.
 *
 * A hash is the object that `GET` of its key shows, `{"name": "Jack", "photo": {"value64": "_9j_4A"}}`; fields whose names
 * are not UTF-8 stand in `value64`, an object with names and values in base64url. A set is an array of the same texts and
 * `{"value64": ...}`. Invariant: what `fieldsJson` writes, `readFields` reads back to the same bytes.
 */
import { binaryFromText, bytesFromBinary, textFromBinary } from "../../base/binary.ts";
import { NAME_BYTES_MAX } from "../../model/limits.ts";
import type { HashEntry } from "../../model/operation.ts";
import {
  FIELD_OVERHEAD_BYTES,
  FIELDS_BYTES_MAX,
  FIELDS_PER_REQUEST_MAX,
} from "../../model/selection.ts";
import { jsonMembers } from "./json-members.ts";
import { lineText } from "./line-text.ts";
import { decodeBase64, encodeBase64 } from "./percent.ts";
import { type Problem, problem } from "./problem.ts";

type Json = Readonly<Record<string, unknown>>;

const NO_BYTES = new Uint8Array(0);

/** The members `value` and `value64` of a line. Entries of a set have empty values. */
export function fieldsJson(type: "hash" | "set", entries: readonly HashEntry[]): Json {
  if (type === "set") return { value: entries.map(([name]) => shownBytes(bytesFromBinary(name))) };
  const texts: [string, unknown][] = [];
  const others: [string, string][] = [];
  for (const [name, value] of entries) {
    const text = textFromBinary(name);
    if (text !== undefined) texts.push([text, shownBytes(value)]);
    else others.push([encodeBase64(name), Buffer.from(value).toString("base64url")]);
  }
  // `fromEntries` takes `__proto__` for a name like any other.
  const json: Record<string, unknown> = {};
  if (texts.length > 0 || others.length === 0) json["value"] = Object.fromEntries(texts);
  if (others.length > 0) json["value64"] = Object.fromEntries(others);
  return json;
}

function shownBytes(bytes: Uint8Array): string | { readonly value64: string } {
  return lineText(bytes) ?? { value64: Buffer.from(bytes).toString("base64url") };
}

/**
 * @param values  the members of the line.
 * @param sources their source texts, in which names given twice can be seen.
 */
export function readFields(
  type: "hash" | "set",
  values: ReadonlyMap<string, unknown>,
  sources: ReadonlyMap<string, string>,
  valueBytesMax: number,
): readonly HashEntry[] | Problem {
  const read = type === "hash" ? readHash(values, sources) : readSet(values);
  return Array.isArray(read) ? (tooLarge(read, valueBytesMax) ?? read) : read;
}

function readHash(
  values: ReadonlyMap<string, unknown>,
  sources: ReadonlyMap<string, string>,
): HashEntry[] | Problem {
  if (!values.has("value") && !values.has("value64")) {
    return bad("a hash needs value, value64 or both", "value");
  }
  const entries: HashEntry[] = [];
  for (const [member, isBinary] of MEMBERS_OF_HASH) {
    const object = values.get(member);
    if (object === undefined) continue;
    if (!isObject(object)) return bad(`${member} of a hash is not an object`, member);
    if (jsonMembers(sources.get(member) ?? "") === undefined) {
      return bad(`${member} names a field twice`, member);
    }
    for (const [name, value] of Object.entries(object)) {
      const entry = isBinary ? binaryEntry(name, value) : textEntry(name, value);
      if (entry === undefined) {
        const detail = isBinary ? "base64" : 'a string or {"value64": base64}';
        return bad(`a field in ${member} is not ${detail}`, member);
      }
      entries.push(entry);
    }
  }
  return entries;
}

const MEMBERS_OF_HASH = [
  ["value", false],
  ["value64", true],
] as const;

function textEntry(name: string, value: unknown): HashEntry | undefined {
  const bytes = binaryOf(value);
  return bytes === undefined ? undefined : [binaryFromText(name), bytesFromBinary(bytes)];
}

function binaryEntry(name64: string, value64: unknown): HashEntry | undefined {
  const name = decodeBase64(name64);
  const value = typeof value64 === "string" ? decodeBase64(value64) : undefined;
  if (name === undefined || value === undefined) return undefined;
  return [name, bytesFromBinary(value)];
}

function readSet(values: ReadonlyMap<string, unknown>): HashEntry[] | Problem {
  const items: unknown = values.get("value");
  if (!Array.isArray(items) || values.has("value64")) {
    return bad("value of a set is not an array", "value");
  }
  const entries: HashEntry[] = [];
  for (const item of items) {
    const name = binaryOf(item);
    if (name === undefined) {
      return bad('a member is not a string or {"value64": base64}', "value");
    }
    entries.push([name, NO_BYTES]);
  }
  return entries;
}

/** Of a text, or of `{"value64"}`. */
function binaryOf(shown: unknown): string | undefined {
  if (typeof shown === "string") return binaryFromText(shown);
  if (!isObject(shown) || Object.keys(shown).length !== 1) return undefined;
  const { value64 } = shown;
  return typeof value64 === "string" ? decodeBase64(value64) : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** More than one write can hold is for several lines. */
function tooLarge(entries: readonly HashEntry[], valueBytesMax: number): Problem | undefined {
  if (entries.length > FIELDS_PER_REQUEST_MAX) {
    return over("fields on one line", FIELDS_PER_REQUEST_MAX, entries.length);
  }
  let bytes = 0;
  for (const [name, value] of entries) {
    if (name.length > NAME_BYTES_MAX) return over("bytes of a field", NAME_BYTES_MAX, name.length);
    if (value.length > valueBytesMax) return over("bytes of a value", valueBytesMax, value.length);
    bytes += FIELD_OVERHEAD_BYTES + name.length + value.length;
  }
  if (bytes <= FIELDS_BYTES_MAX) return undefined;
  return over(`bytes on one line, ${FIELD_OVERHEAD_BYTES} a field`, FIELDS_BYTES_MAX, bytes);
}

function over(what: string, limit: number, value: number): Problem {
  return problem("value-too-large", `${value} ${what}, max ${limit}`, { limit, value });
}

function bad(detail: string, name: string): Problem {
  return problem("bad-line", detail, { name });
}
