/**
 * Replies of a server that speaks the Redis protocol, RESP2 and RESP3, from bytes that arrive in any pieces. Made for
 * tests that compare replies: it keeps apart what differs on the wire, down to the two nulls of RESP2, and keeps
 * numbers as the text they were. A reply that arrives in many pieces is read from its start each time.
 *
 * Source: the RESP protocol description of Redis, and RESP3 by Salvatore Sanfilippo.
 */

/** Bytes are text in Latin-1, one character a byte. A map's items are its keys and values by turns. */
export type Reply =
  | { readonly kind: ScalarKind; readonly text: string }
  | { readonly kind: NullKind }
  | { readonly kind: AggregateKind; readonly items: readonly Reply[] };

type ScalarKind =
  | "simple"
  | "error"
  | "integer"
  | "bulk"
  | "double"
  | "boolean"
  | "big-number"
  | "verbatim"
  | "bulk-error";
type NullKind = "null" | "null-bulk" | "null-array";
type AggregateKind = "array" | "set" | "map" | "push" | "attribute";

const LINES: Readonly<Record<string, ScalarKind>> = {
  "+": "simple",
  "-": "error",
  ":": "integer",
  ",": "double",
  "#": "boolean",
  "(": "big-number",
};
const BULKS: Readonly<Record<string, ScalarKind>> = {
  $: "bulk",
  "=": "verbatim",
  "!": "bulk-error",
};
const AGGREGATES: Readonly<Record<string, AggregateKind>> = {
  "*": "array",
  "~": "set",
  "%": "map",
  ">": "push",
  "|": "attribute",
};

interface Read {
  readonly reply: Reply;
  readonly end: number;
}

/** Bytes in, replies out. Throws on what is no reply: of a server under test that is a finding. */
export class ReplyParser {
  #bytes: Buffer = Buffer.alloc(0);

  push(chunk: Uint8Array): Reply[] {
    this.#bytes =
      this.#bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#bytes, chunk]);
    const replies: Reply[] = [];
    let offset = 0;
    for (;;) {
      const read = readReply(this.#bytes, offset);
      if (read === undefined) break;
      replies.push(read.reply);
      offset = read.end;
    }
    this.#bytes = this.#bytes.subarray(offset);
    return replies;
  }
}

function readReply(bytes: Buffer, start: number): Read | undefined {
  const lineEnd = bytes.indexOf("\r\n", start, "latin1");
  if (lineEnd === -1) return undefined;
  const type = String.fromCharCode(bytes[start] ?? 0);
  const line = bytes.toString("latin1", start + 1, lineEnd);
  const bodyStart = lineEnd + 2;

  const lineKind = LINES[type];
  if (lineKind !== undefined) return { reply: { kind: lineKind, text: line }, end: bodyStart };
  if (type === "_") return { reply: { kind: "null" }, end: bodyStart };
  const bulkKind = BULKS[type];
  if (bulkKind !== undefined) return readBulk(bulkKind, bytes, bodyStart, lengthOf(type, line));
  const kind = AGGREGATES[type];
  if (kind !== undefined) return readAggregate(kind, bytes, bodyStart, lengthOf(type, line));
  throw new Error(`a reply cannot begin with ${JSON.stringify(type + line)}`);
}

function readBulk(
  kind: ScalarKind,
  bytes: Buffer,
  start: number,
  length: number,
): Read | undefined {
  if (length === -1) return { reply: { kind: "null-bulk" }, end: start };
  const end = start + length;
  if (bytes.length < end + 2) return undefined;
  if (bytes.toString("latin1", end, end + 2) !== "\r\n") {
    throw new Error(`a string of ${length} bytes does not end where it says`);
  }
  return { reply: { kind, text: bytes.toString("latin1", start, end) }, end: end + 2 };
}

function readAggregate(
  kind: AggregateKind,
  bytes: Buffer,
  start: number,
  length: number,
): Read | undefined {
  if (length === -1) return { reply: { kind: "null-array" }, end: start };
  const count = kind === "map" || kind === "attribute" ? 2 * length : length;
  const items: Reply[] = [];
  let offset = start;
  while (items.length < count) {
    const item = readReply(bytes, offset);
    if (item === undefined) return undefined;
    items.push(item.reply);
    offset = item.end;
  }
  return { reply: { kind, items }, end: offset };
}

function lengthOf(type: string, line: string): number {
  const length = Number(line);
  const isNull = line === "-1" && (type === "$" || type === "*");
  if (isNull || (/^\d+$/.test(line) && Number.isSafeInteger(length))) return length;
  throw new Error(`${JSON.stringify(type + line)} is no length`);
}

/** For people: one line. */
export function showReply(reply: Reply): string {
  if ("items" in reply) {
    const items = reply.items.map(showReply);
    return `${reply.kind}(${items.length > 40 ? `${items.slice(0, 40).join(", ")}, ...` : items.join(", ")})`;
  }
  return "text" in reply ? `${reply.kind} ${showBytes(reply.text)}` : reply.kind;
}

/** Latin-1 text as it can be read and pasted; what is long is cut. */
export function showBytes(text: string, charsMax = 120): string {
  const shown = JSON.stringify(text.slice(0, charsMax)).replace(
    // biome-ignore lint: every byte that is not printable ASCII.
    /[^\x20-\x7e]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return text.length > charsMax ? `${shown}... (${text.length} bytes)` : shown;
}
