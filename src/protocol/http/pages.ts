/**
 * Pages of a listing as JSON.
 *
 * Bytes that are UTF-8 appear as text (`key`, `value`), others in base64url (`key64`, `value64`), as do long values of control
 * characters: one of the two, and which one depends on the bytes alone. A line of a listing with values is a line of a bulk request.
 */
import { textFromBinary } from "../../base/binary.ts";
import type { Key } from "../../model/key.ts";
import type { QueryResult } from "../../model/operation.ts";
import type { ListEntry } from "../../model/outcome.ts";
import { formatStamp } from "../../model/stamp.ts";
import { type Answer, GUARD_HEADERS, jsonAnswer, NDJSON_TYPE } from "./answer.ts";
import { fieldsJson } from "./bulk-fields.ts";
import { lineText } from "./line-text.ts";
import { encodeBase64 } from "./percent.ts";
import { formatTime } from "./time-text.ts";

/** A JSON object. */
export type Json = Record<string, unknown>;
export type FieldPage = Extract<QueryResult, { kind: "page" }>;

/** `{name}` as text or `{name}64`. */
export function bytesMember(name: string, binary: string): Json {
  const text = textFromBinary(binary);
  return text === undefined ? { [`${name}64`]: encodeBase64(binary) } : { [name]: text };
}

/** One key of a listing. Of a hash or set with values there is more to say: `fieldsEntryJson`. */
export function listEntryJson(entry: ListEntry, withValues: boolean): Json {
  const { root } = entry;
  const type = root.type === "counter" ? "string" : root.type;
  const json: Json = { ...bytesMember("key", entry.key), stamp: formatStamp(root.stamp), type };
  if (withValues && type === "string") {
    const text = lineText(root.payload);
    if (text === undefined) json["value64"] = Buffer.from(root.payload).toString("base64url");
    else json["value"] = text;
    json["bytes"] = root.payload.length;
    json["contentType"] = root.contentType;
  }
  if (root.expiresAtMs !== 0) json["expires"] = formatTime(root.expiresAtMs);
  return json;
}

/** A hash or set, or a part of it: `continues` where another part came before. */
export function fieldsEntryJson(key: Key, fields: FieldPage, continues: boolean): Json {
  const { type, stamp, entries, expiresAtMs } = fields;
  const json: Json = { ...bytesMember("key", key), stamp: formatStamp(stamp), type };
  if (continues) json["continues"] = true;
  Object.assign(json, fieldsJson(type, entries));
  if (expiresAtMs !== 0) json["expires"] = formatTime(expiresAtMs);
  return json;
}

/**
 * A page as `{entries, cursor}`, or as a line each. The cursor is in the header `Dnd-Cursor` either way, so that NDJSON holds
 * entries only; it is left out at the end.
 */
export function pageAnswer(
  entries: readonly Json[],
  cursor: string | undefined,
  asLines: boolean,
): Answer {
  const headers = cursor === undefined ? [] : ["Dnd-Cursor", cursor];
  if (!asLines)
    return jsonAnswer(cursor === undefined ? { entries } : { entries, cursor }, 200, headers);
  let body = "";
  for (const entry of entries) body += `${JSON.stringify(entry)}\n`;
  return {
    status: 200,
    headers: [...headers, "Content-Type", NDJSON_TYPE, ...GUARD_HEADERS],
    body,
  };
}

/** Whether the client asked for one JSON value a line. */
export function wantsLines(accept: string | undefined): boolean {
  return accept !== undefined && /application\/(x-)?ndjson|application\/jsonl/i.test(accept);
}
