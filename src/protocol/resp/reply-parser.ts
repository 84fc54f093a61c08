/**
 * Replies of the Redis protocol, either version, out of bytes that arrive cut anywhere: the client's side.
 *
 * Nesting is kept on a list, not on the stack. `binary` is never read back, nor `null-array` from version 3; an error with a
 * length (`!`) is read as an error. Attributes and replies of unknown length are not understood.
 *
 * Invariant: memory is bounded by what has arrived; a failure is a value, and final.
 */
import { binaryFromBytes } from "../../base/binary.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { doubleFromText } from "./double-text.ts";
import { type ProtocolError, protocolError } from "./protocol-error.ts";
import { NULL, NULL_ARRAY, type Reply } from "./reply.ts";

/** Longest line: errors may carry text. */
const LINE_BYTES_MAX = 1024 * 1024;
/** Longest run: what Redis allows by default. */
const RUN_BYTES_MAX = 512 * 1024 * 1024;
const DEPTH_MAX = 1_024;
const FORMAT_LENGTH = 3;
/** "txt:" before the text. */
const FORMAT_BYTES = FORMAT_LENGTH + 1;

type RunKind = "bulk" | "verbatim" | "error";
type ListKind = "array" | "set" | "push" | "map";

/** A list under way. */
interface Level {
  readonly kind: ListKind;
  readonly items: Reply[];
  /** How many items it will have; of a map, two for each entry. */
  readonly count: number;
}

/** What a line says: a reply, or that a run of bytes or a list follows. */
type Line =
  | { readonly kind: "reply"; readonly reply: Reply }
  | { readonly kind: "run"; readonly run: RunKind; readonly bytes: number }
  | { readonly kind: "list"; readonly list: ListKind; readonly count: number };

export class ReplyParser {
  readonly #reader = new ChunkReader();
  readonly #levels: Level[] = [];
  /** The run of bytes that is due before the next line. */
  #run: { readonly kind: RunKind; readonly bytes: number } | undefined;
  #failure: ProtocolError | undefined;

  /** Takes the next bytes of the stream. They are kept: nobody may write to them again. */
  push(chunk: Uint8Array): void {
    if (this.#failure === undefined) this.#reader.push(chunk);
  }

  /** The next reply; `undefined` when it has not arrived whole; or why the stream cannot be understood, from then on. */
  next(): Reply | ProtocolError | undefined {
    while (this.#failure === undefined) {
      const part = this.#run === undefined ? this.#takeLine() : this.#takeRun();
      if (part === undefined) return this.#failure;
      const whole = this.#place(part);
      if (whole !== undefined) return whole;
    }
    return this.#failure;
  }

  /** A reply that ends with this line; `undefined` if there is none, for whatever reason, or a list or run begins. */
  #takeLine(): Reply | undefined {
    for (;;) {
      const bytes = this.#reader.takeLine(LINE_BYTES_MAX);
      if (bytes === undefined) return undefined;
      const line = bytes === "too-long" ? undefined : parseLine(binaryFromBytes(bytes));
      if (line === undefined) return this.#fail(describe(bytes));
      switch (line.kind) {
        case "reply":
          return line.reply;
        case "run":
          this.#run = { kind: line.run, bytes: line.bytes };
          return this.#takeRun();
        case "list": {
          const level: Level = { kind: line.list, items: [], count: line.count };
          if (line.count === 0) return listOf(level);
          if (this.#levels.length === DEPTH_MAX) return this.#fail("nested too deeply");
          this.#levels.push(level);
        }
      }
    }
  }

  #takeRun(): Reply | undefined {
    if (this.#run === undefined) return undefined;
    const { kind, bytes } = this.#run;
    const run = this.#reader.takeRun(bytes);
    if (run === undefined) return undefined;
    if (run === "unterminated") return this.#fail("invalid bulk length");
    this.#run = undefined;
    switch (kind) {
      case "bulk":
        return { kind, bytes: run };
      case "error":
        return { kind, text: binaryFromBytes(run) };
      case "verbatim":
        return {
          kind,
          format: binaryFromBytes(run, 0, FORMAT_LENGTH),
          bytes: run.subarray(FORMAT_BYTES),
        };
    }
  }

  /** Puts a reply where it belongs; the outermost one, if that is whole now. */
  #place(reply: Reply): Reply | undefined {
    let part = reply;
    for (;;) {
      const level = this.#levels.at(-1);
      if (level === undefined) return part;
      level.items.push(part);
      if (level.items.length < level.count) return undefined;
      this.#levels.pop();
      part = listOf(level);
    }
  }

  #fail(reason: string): undefined {
    this.#failure = protocolError(reason);
    this.#reader.forget();
    this.#levels.length = 0;
  }
}

/** What a line without its LF says; `undefined` if nothing. */
function parseLine(line: string): Line | undefined {
  if (!line.endsWith("\r")) return undefined;
  const text = line.slice(1, -1);
  switch (line[0]) {
    case "$":
      return text === "-1" ? whole(NULL) : runOf("bulk", text);
    case "=":
      return runOf("verbatim", text, FORMAT_BYTES);
    case "!":
      return runOf("error", text);
    case "*":
      return text === "-1" ? whole(NULL_ARRAY) : listLine("array", text);
    case "~":
      return listLine("set", text);
    case ">":
      return listLine("push", text);
    case "%":
      return listLine("map", text);
    default: {
      const reply = parseScalar(line[0], text);
      return reply && whole(reply);
    }
  }
}

/** A reply that is one line. */
function parseScalar(sign: string | undefined, text: string): Reply | undefined {
  switch (sign) {
    case "+":
      return { kind: "simple", text };
    case "-":
      return { kind: "error", text };
    case ":":
      return parseInteger(text);
    case ",": {
      const value = doubleFromText(text);
      return value === undefined ? undefined : { kind: "double", value };
    }
    case "(":
      return isInteger(text) ? { kind: "big-number", value: BigInt(text) } : undefined;
    case "#":
      return text === "t" || text === "f" ? { kind: "boolean", value: text === "t" } : undefined;
    case "_":
      return text === "" ? NULL : undefined;
    default:
      return undefined;
  }
}

function parseInteger(text: string): Reply | undefined {
  if (!isInteger(text)) return undefined;
  const value = Number(text);
  return { kind: "integer", value: Number.isSafeInteger(value) ? value : BigInt(text) };
}

function isInteger(text: string): boolean {
  return /^(0|-?[1-9][0-9]*)$/.test(text);
}

function whole(reply: Reply): Line {
  return { kind: "reply", reply };
}

function runOf(run: RunKind, text: string, bytesMin = 0): Line | undefined {
  const bytes = Number(text);
  if (!isInteger(text) || bytes < bytesMin || bytes > RUN_BYTES_MAX) return undefined;
  return { kind: "run", run, bytes };
}

function listLine(list: ListKind, text: string): Line | undefined {
  const count = Number(text) * (list === "map" ? 2 : 1);
  if (!isInteger(text) || count < 0 || !Number.isSafeInteger(count)) return undefined;
  return { kind: "list", list, count };
}

function listOf({ kind, items }: Level): Reply {
  if (kind !== "map") return { kind, items };
  const entries: (readonly [Reply, Reply])[] = [];
  for (let index = 0; index + 1 < items.length; index += 2) {
    entries.push([items[index] as Reply, items[index + 1] as Reply]);
  }
  return { kind, entries };
}

/** The beginning of what was not understood, in hexadecimal: it may be anything. */
function describe(line: Buffer | "too-long"): string {
  if (line === "too-long") return `line above ${LINE_BYTES_MAX} bytes`;
  return `not a reply: begins with bytes ${line.toString("hex", 0, 16)}`;
}
