/**
 * What a server of the Redis protocol answers, as a value, whichever version of the protocol it is written in.
 *
 * Version 2 has only lines, integers, bulk strings, arrays and two nulls; there the other kinds take the form that Redis gives
 * them (`reply-encoder.ts`). Text is binary: one byte a character (`base/binary.ts`).
 */

/** The version a client asked for with HELLO; 2 until it does. */
export type ProtocolVersion = 2 | 3;

export type Reply =
  /** One line. */
  | { readonly kind: "simple"; readonly text: string }
  /** One line that begins with an error's code in capitals, without the "-" before it. */
  | { readonly kind: "error"; readonly text: string }
  /** A safe integer, or a `bigint` within 64 bits. */
  | { readonly kind: "integer"; readonly value: number | bigint }
  | { readonly kind: "bulk"; readonly bytes: Uint8Array }
  /** A bulk string that is held as a binary string: keys, and words of our own. Read back, it is a `bulk`. */
  | { readonly kind: "binary"; readonly binary: string }
  | { readonly kind: "null" }
  /** Where Redis had an array to give in version 2; the same as `null` in version 3. */
  | { readonly kind: "null-array" }
  | { readonly kind: "array"; readonly items: readonly Reply[] }
  | { readonly kind: "set"; readonly items: readonly Reply[] }
  /** Comes without being asked for. */
  | { readonly kind: "push"; readonly items: readonly Reply[] }
  | { readonly kind: "map"; readonly entries: readonly (readonly [Reply, Reply])[] }
  | { readonly kind: "double"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "big-number"; readonly value: bigint }
  /** Text for people; `format` is three characters: "txt" or "mkd". */
  | { readonly kind: "verbatim"; readonly format: string; readonly bytes: Uint8Array };

export const OK: Reply = { kind: "simple", text: "OK" };
export const PONG: Reply = { kind: "simple", text: "PONG" };
export const QUEUED: Reply = { kind: "simple", text: "QUEUED" };
export const NULL: Reply = { kind: "null" };
export const NULL_ARRAY: Reply = { kind: "null-array" };
