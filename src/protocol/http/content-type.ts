/**
 * What a value is labelled as when its client did not really say.
 *
 * curl labels whatever `-d` sends as a form, so that label says as little as none: the bytes decide. Any other
 * label is kept as it came.
 */
import { textFromBytes } from "../../base/binary.ts";
import { CONTENT_TYPE_BYTES_MAX } from "../../model/limits.ts";
import { type Problem, problem } from "./problem.ts";

export const JSON_TYPE = "application/json";
export const TEXT_TYPE = "text/plain; charset=utf-8";
export const BYTES_TYPE = "application/octet-stream";

/** Larger values are not parsed to find out whether they are JSON: that would hold up the event loop. */
export const SNIFF_JSON_BYTES_MAX = 1024 * 1024;

const FORM_TYPE = /^application\/x-www-form-urlencoded[ \t]*(;|$)/i;
/** What a JSON text can begin with, white space apart. */
const JSON_START = /^[ \t\r\n]*["[{\-0-9tfn]/;

/** The label to keep, `undefined` to sniff, or why the label is refused. */
export function parseContentType(
  header: string | undefined,
): { readonly label: string | undefined } | Problem {
  if (header === undefined || header === "" || FORM_TYPE.test(header)) return { label: undefined };
  const detail = checkContentType(header);
  if (detail === undefined) return { label: header };
  return problem("bad-header", detail, {
    name: "Content-Type",
    limit: CONTENT_TYPE_BYTES_MAX,
    value: header.length,
  });
}

/** Why `label` cannot be kept with a value; `undefined` if it can. */
export function checkContentType(label: string): string | undefined {
  if (label.length > CONTENT_TYPE_BYTES_MAX) {
    return `the content type is ${label.length} bytes, max ${CONTENT_TYPE_BYTES_MAX}`;
  }
  // It is sent back as a header: a line break would let a value write headers of its own.
  return /^[\x20-\x7e]*$/.test(label) ? undefined : "the content type is not printable ASCII";
}

/** How a value is served that was kept without a label, as other doors write them: text if it is UTF-8, else bytes. */
export function labelOf(value: Uint8Array): string {
  const isText = value.length <= SNIFF_JSON_BYTES_MAX && textFromBytes(value) !== undefined;
  return isText ? TEXT_TYPE : BYTES_TYPE;
}

/** JSON if it parses as JSON, else text if it is UTF-8, else bytes. */
export function sniffContentType(value: Uint8Array): string {
  const text = textFromBytes(value);
  if (text === undefined) return BYTES_TYPE;
  if (value.length > SNIFF_JSON_BYTES_MAX || !JSON_START.test(text)) return TEXT_TYPE;
  try {
    JSON.parse(text);
    return JSON_TYPE;
  } catch {
    return TEXT_TYPE;
  }
}
