/** Arguments of calls, checked where a mistake can still be blamed on its argument. */
import { binaryFromBytes, binaryFromText } from "../base/binary.ts";
import { Buffer } from "../base/buffer.ts";
import { INTEGER_MAX, INTEGER_MIN } from "../core/operations/integers.ts";
import type { Condition } from "../model/condition.ts";
import {
  CHANNEL_BYTES_MAX,
  CONTENT_TYPE_BYTES_MAX,
  EXPIRES_AT_MS_MAX,
  NAME_BYTES_MAX,
} from "../model/limits.ts";
import type { ExpireWhen } from "../model/operation.ts";
import { parseStamp, type Stamp } from "../model/stamp.ts";
import { badArgument } from "./errors.ts";
import type {
  ContainerOptions,
  ExpireOptions,
  ExpiryInput,
  NameInput,
  WriteOptions,
} from "./options.ts";

/** About 3 168 years: the expiry still fits 48 bits of milliseconds. */
const TTL_MS_MAX = 100_000_000_000_000;

/** Text or bytes as a binary string. */
export function binaryOf(what: string, raw: unknown): string {
  if (typeof raw === "string") return binaryFromText(raw);
  if (raw instanceof Uint8Array) return binaryFromBytes(raw);
  throw badArgument(`a ${what} is a string or a Uint8Array`);
}

/** A field or a member. */
export function nameOf(what: "field" | "member", raw: NameInput): string {
  const binary = binaryOf(what, raw);
  if (binary.length <= NAME_BYTES_MAX) return binary;
  throw badArgument(`${what} ${binary.length} bytes, max ${NAME_BYTES_MAX}`);
}

/** A channel, or a pattern of channels. */
export function channelOf(what: "channel" | "pattern", raw: NameInput): string {
  const binary = binaryOf(what, raw);
  if (binary.length <= CHANNEL_BYTES_MAX) return binary;
  throw badArgument(`${what} ${binary.length} bytes, max ${CHANNEL_BYTES_MAX}`);
}

/** Text or bytes as bytes. */
export function bytesOf(raw: unknown, bytesMax: number): Uint8Array {
  const bytes = typeof raw === "string" ? Buffer.from(raw, "utf8") : raw;
  if (!(bytes instanceof Uint8Array)) throw badArgument("a value is a string or a Uint8Array");
  if (bytes.length <= bytesMax) return bytes;
  throw badArgument(`value ${bytes.length} bytes, max ${bytesMax}`);
}

/** An integer from 1 to `max`, or none. */
export function checked(name: string, value: number | undefined, max: number): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= max)) return value;
  throw badArgument(`${name} is ${value}: must be an integer from 1 to ${max}`);
}

export function checkedTtlMs(value: number | undefined): number | undefined {
  return checked("ttlMs", value, TTL_MS_MAX);
}

/**
 * When something ends, in wall-clock milliseconds: of what is over before 1970, the first of them.
 */
export function expiresAtMsOf(expiry: ExpiryInput, nowMs: number): number {
  if (typeof expiry === "number") {
    checkedTtlMs(expiry);
    return Math.min(Math.ceil(nowMs + expiry), EXPIRES_AT_MS_MAX);
  }
  const atMs = expiry instanceof Date ? expiry.getTime() : Number.NaN;
  if (Number.isNaN(atMs)) throw badArgument("an expiry is milliseconds from now, or a valid Date");
  return Math.min(Math.max(1, Math.ceil(atMs)), EXPIRES_AT_MS_MAX);
}

/** What is added: an integer of 64 bits. A number that is not exact any more was not meant. */
export function deltaOf(delta: number | bigint): bigint {
  const isExact = typeof delta === "bigint" || Number.isSafeInteger(delta);
  const exact = isExact ? BigInt(delta) : undefined;
  if (exact !== undefined && exact >= INTEGER_MIN && exact <= INTEGER_MAX) return exact;
  throw badArgument(`delta is ${delta}: must be a safe integer, or a bigint of 64 bits`);
}

/** What is added, as decimal text. */
export function floatOf(delta: number): string {
  if (typeof delta === "number" && Number.isFinite(delta)) return String(delta);
  throw badArgument(`delta is ${delta}: must be a finite number`);
}

export function conditionOf(options: WriteOptions): Condition | undefined {
  const { ifStamp, ifExists } = options;
  if (ifStamp === undefined && ifExists === undefined) return undefined;
  if (ifStamp === undefined) return { kind: ifExists === true ? "exists" : "absent" };
  if (ifExists === false)
    throw badArgument("ifStamp asks for a value and ifExists: false for none");
  return { kind: "stamp-is", stamp: stampOf("ifStamp", ifStamp) };
}

/** A value in the place of options is one that was to be put. */
export function checkedOptions(options: ContainerOptions): ContainerOptions {
  if (typeof options === "object") return options;
  throw badArgument("options are an object; put() stores a value");
}

export function whenOf({ when }: ExpireOptions): ExpireWhen {
  if (when === undefined) return "always";
  if (["none", "some", "later", "earlier"].includes(when)) return when;
  throw badArgument(`when is ${String(when)}: must be none, some, later or earlier`);
}

export function stampOf(name: string, text: string): Stamp {
  const stamp = parseStamp(text);
  if (stamp === undefined) throw badArgument(`${name} is not a stamp: ${JSON.stringify(text)}`);
  return stamp;
}

export function checkContentType(contentType: string): void {
  // Kept as a header's value: a line break in it would write headers of its own.
  if (contentType.length <= CONTENT_TYPE_BYTES_MAX && /^[\x20-\x7e]*$/.test(contentType)) return;
  throw badArgument(`contentType is at most ${CONTENT_TYPE_BYTES_MAX} printable ASCII characters`);
}
