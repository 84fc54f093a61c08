/**
 * One line of a bulk request or of an export: `{"key"|"key64", "value"|"value64", "type"?, "contentType"?, "continues"?, "expires"?}`.
 *
 * Invariant: what a listing with `values=true` writes, this reads back to the same key, type, bytes, content type and expiry.
 * A `stamp` and `bytes` (which a listing carries) are allowed and ignored: a write gets a stamp of its own.
 * A hash or set may take several lines (`bulk-fields.ts`): the first takes the place of what the key held, those with
 * `"continues": true` add to it.
 */
import { binaryFromText, bytesFromBinary, textFromBytes } from "../../base/binary.ts";
import type { SharedConfig } from "../../model/config.ts";
import { type Key, keyFromBinary } from "../../model/key.ts";
import { EXPIRES_AT_MS_MAX } from "../../model/limits.ts";
import type { HashEntry } from "../../model/operation.ts";
import { readFields } from "./bulk-fields.ts";
import { BYTES_TYPE, checkContentType, JSON_TYPE, TEXT_TYPE } from "./content-type.ts";
import { jsonMembers } from "./json-members.ts";
import { keyProblem } from "./kv-target.ts";
import { decodeBase64 } from "./percent.ts";
import { excerpt, type Problem, problem } from "./problem.ts";
import { parseTime } from "./time-text.ts";

export type BulkEntry = ValueEntry | FieldsEntry;

interface BulkKey {
  readonly kind: "entry";
  readonly key: Key;
  /** Wall-clock milliseconds; `undefined` never expires. */
  readonly expiresAtMs: number | undefined;
}

export interface ValueEntry extends BulkKey {
  readonly type: "string";
  readonly value: Uint8Array;
  readonly contentType: string;
}

/** A hash or set, or a part of it. */
export interface FieldsEntry extends BulkKey {
  readonly type: "hash" | "set";
  /** Of a set, with empty values. No more than one write holds. */
  readonly entries: readonly HashEntry[];
  /** It adds to what the key holds, instead of taking its place. */
  readonly continues: boolean;
}

export type BulkLimits = Pick<SharedConfig, "keyBytesMax" | "valueBytesMax">;

const MEMBERS = new Set([
  "key",
  "key64",
  "value",
  "value64",
  "type",
  "contentType",
  "continues",
  "expires",
  "stamp",
  "bytes",
]);

/** A page of fields, which a replica ends after a mebibyte, in its widest spelling. */
const FIELDS_TEXT_BYTES_MAX = 8 * 1024 * 1024;

/** Longest line: a value and its key in their widest spelling but `\uXXXX` throughout, and what may come beside them. */
export function lineBytesMax(limits: BulkLimits): number {
  return 2 * (limits.valueBytesMax + limits.keyBytesMax) + FIELDS_TEXT_BYTES_MAX;
}

/** The entry on one line, `undefined` for a blank line, or what is wrong with it. */
export function parseBulkLine(
  line: Uint8Array,
  limits: BulkLimits,
): BulkEntry | Problem | undefined {
  const text = textFromBytes(line);
  if (text === undefined) return bad("the line is not UTF-8");
  if (text.trim() === "") return undefined;

  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return bad("the line is not JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return bad("the line is not a JSON object");
  }
  const members = jsonMembers(text);
  if (members === undefined) return bad("the line names a member twice");
  for (const name of members.keys()) {
    if (!MEMBERS.has(name))
      return bad(`the member ${excerpt(JSON.stringify(name))} is not known`, name);
  }
  return readMembers(new Map(Object.entries(parsed)), members, limits);
}

function readMembers(
  values: ReadonlyMap<string, unknown>,
  sources: ReadonlyMap<string, string>,
  limits: BulkLimits,
): BulkEntry | Problem {
  const key = readKey(values, limits);
  if (typeof key !== "string") return key;
  const expires = values.get("expires");
  const expiresAtMs = typeof expires === "string" ? parseTime(expires) : expires;
  if (expires !== undefined && !isTime(expiresAtMs)) {
    return bad("expires is neither an RFC 3339 time in UTC nor milliseconds since 1970", "expires");
  }
  const line = { kind: "entry", key, expiresAtMs: expiresAtMs as number | undefined } as const;
  const type = values.get("type");
  if (type === undefined || type === "string") {
    return readValueEntry(line, values, sources, limits);
  }
  if (type === "hash" || type === "set") {
    return readFieldsEntry({ ...line, type }, values, sources, limits);
  }
  return bad('type is not "string", "hash" or "set"', "type");
}

function readValueEntry(
  line: BulkKey,
  values: ReadonlyMap<string, unknown>,
  sources: ReadonlyMap<string, string>,
  limits: BulkLimits,
): ValueEntry | Problem {
  if (values.has("continues")) return bad("only a hash or set continues", "continues");
  const value = readValue(values, sources);
  if ("kind" in value) return value;
  if (value.bytes.length > limits.valueBytesMax) {
    return problem(
      "value-too-large",
      `the value is ${value.bytes.length} bytes, max ${limits.valueBytesMax}`,
      { limit: limits.valueBytesMax, value: value.bytes.length },
    );
  }

  const contentType = values.get("contentType") ?? value.contentType;
  if (typeof contentType !== "string") return bad("contentType is not a string", "contentType");
  const contentTypeFault = checkContentType(contentType);
  if (contentTypeFault !== undefined) return bad(contentTypeFault, "contentType");
  return { ...line, type: "string", value: value.bytes, contentType };
}

function readFieldsEntry(
  line: BulkKey & Pick<FieldsEntry, "type">,
  values: ReadonlyMap<string, unknown>,
  sources: ReadonlyMap<string, string>,
  limits: BulkLimits,
): FieldsEntry | Problem {
  const { type } = line;
  if (values.has("contentType")) return bad(`a ${type} has no contentType`, "contentType");
  const continues = values.get("continues") ?? false;
  if (typeof continues !== "boolean") return bad("continues is not true or false", "continues");
  const entries = readFields(type, values, sources, limits.valueBytesMax);
  return "kind" in entries ? entries : { ...line, entries, continues };
}

function readKey(values: ReadonlyMap<string, unknown>, limits: BulkLimits): Key | Problem {
  const text = values.get("key");
  const text64 = values.get("key64");
  if ((text === undefined) === (text64 === undefined))
    return bad("the line needs one of key and key64", "key");
  let binary: string | undefined;
  if (text64 === undefined) binary = typeof text === "string" ? binaryFromText(text) : undefined;
  else binary = typeof text64 === "string" ? decodeBase64(text64) : undefined;
  if (binary === undefined) return bad("key is not a string, or key64 not base64", "key");

  return keyProblem(binary, limits.keyBytesMax) ?? keyFromBinary(binary);
}

interface LabelledValue {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/** A string is its UTF-8 text; any other JSON value its own source text, so that numbers keep their spelling. */
function readValue(
  values: ReadonlyMap<string, unknown>,
  sources: ReadonlyMap<string, string>,
): LabelledValue | Problem {
  const source = sources.get("value");
  const value64 = values.get("value64");
  if ((source === undefined) === (value64 === undefined)) {
    return bad("the line needs one of value and value64", "value");
  }
  if (source !== undefined) {
    const value = values.get("value");
    return typeof value === "string"
      ? { bytes: Buffer.from(value, "utf8"), contentType: TEXT_TYPE }
      : { bytes: Buffer.from(source, "utf8"), contentType: JSON_TYPE };
  }
  const binary = typeof value64 === "string" ? decodeBase64(value64) : undefined;
  if (binary === undefined) return bad("value64 is not base64", "value64");
  return { bytes: bytesFromBinary(binary), contentType: BYTES_TYPE };
}

function isTime(value: unknown): value is number {
  return (
    Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= EXPIRES_AT_MS_MAX
  );
}

function bad(detail: string, name?: string): Problem {
  return problem("bad-line", detail, name === undefined ? {} : { name: excerpt(name) });
}
