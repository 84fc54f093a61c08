/**
 * Replies as bytes of the Redis protocol, gathered until they are sent together.
 *
 *   kind         version 2             version 3
 *   simple       +text                 the same
 *   error        -text                 the same
 *   integer      :digits               the same
 *   bulk, binary $length, bytes        the same
 *   null         $-1                   _
 *   null-array   *-1                   _
 *   array        *count, items         the same
 *   set          *count, items         ~count, items
 *   push         *count, items         >count, items
 *   map          *2 count, k, v, ...   %count, k, v, ...
 *   double       $length, digits       ,digits
 *   boolean      :1 or :0              #t or #f
 *   big-number   $length, digits       (digits
 *   verbatim     $length, bytes        =length+4, format, ":", bytes
 *
 * Every line and every run of bytes ends with CR LF.
 *
 * Invariant: what is said in one line stays one, so no text can pass for a reply of its own. Source: the RESP3 specification,
 * and the forms that Redis 7.0 gives in version 2.
 */
import { assert, unreachable } from "../../base/assert.ts";
import { Buffer } from "../../base/buffer.ts";
import { textFromDouble } from "./double-text.ts";
import type { ProtocolVersion, Reply } from "./reply.ts";

/** Longer payloads are handed on as they are, not copied. */
export const COPIED_BYTES_MAX = 4_096;
/** Written bytes beyond this go on in a new buffer: a large batch is not copied again and again. */
const PIECE_BYTES = 256 * 1024;
const BUFFER_BYTES_MIN = 256;
/** Below this a loop is faster than the engine's copy. */
const LOOP_BYTES_MAX = 24;
const NOTHING = Buffer.alloc(0);

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const SPACE = 0x20;
const QUESTION_MARK = 0x3f;
const DIGIT_ZERO = 0x30;

const SIMPLE = 0x2b;
const ERROR = 0x2d;
const INTEGER = 0x3a;
const BULK = 0x24;
const ARRAY = 0x2a;
const SET = 0x7e;
const PUSH = 0x3e;
const MAP = 0x25;
const DOUBLE = 0x2c;
const BIG_NUMBER = 0x28;
const VERBATIM = 0x3d;

const SIGN_AND_END_BYTES = 3;
/** Integers up to here are written digit by digit, in the engine's small arithmetic. */
const COUNT_MAX = 2 ** 31 - 1;
const DIGITS_MAX = 10;
const FORMAT_LENGTH = 3;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** One for each connection. */
export class ReplyEncoder {
  /** Of the replies written from here on. */
  protocol: ProtocolVersion;

  /** What is ready, in order; after it comes `#buffer` from `#start` up to `#at`. */
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  /** Of `#pieceBytes`, those not of a reply's own bytes. */
  #copiedBytes = 0;
  #buffer: Buffer = NOTHING;
  #start = 0;
  #at = 0;
  /** A connection's batches are alike: the last one's size saves the next one's growing. */
  #bytesExpected = BUFFER_BYTES_MIN;

  constructor(protocol: ProtocolVersion = 2) {
    this.protocol = protocol;
  }

  /** Bytes written and not yet taken. */
  get length(): number {
    return this.#pieceBytes + this.#at - this.#start;
  }

  /**
   * Takes all that was written, in order, as pieces that are the caller's to keep. Those above `COPIED_BYTES_MAX` may be the
   * very bytes of a reply, so these must stay as they are until the pieces have been sent.
   */
  take(): Uint8Array[] {
    this.#endPiece();
    const pieces = this.#pieces;
    this.#bytesExpected = Math.max(BUFFER_BYTES_MIN, Math.min(this.#copiedBytes, PIECE_BYTES));
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#copiedBytes = 0;
    // A connection that has nothing to say holds no buffer.
    this.#buffer = NOTHING;
    this.#start = 0;
    this.#at = 0;
    return pieces;
  }

  /** Goes as deep as replies are nested, which is up to commands, never to clients. */
  write(reply: Reply): void {
    switch (reply.kind) {
      case "simple":
        this.#line(SIMPLE, reply.text);
        return;
      case "error":
        this.#line(ERROR, reply.text);
        return;
      case "integer":
        this.#integer(reply.value);
        return;
      case "bulk":
        this.#bulk(reply.bytes);
        return;
      case "binary":
        this.#binary(reply.binary);
        return;
      case "null":
        this.#ascii(this.protocol === 2 ? "$-1\r\n" : "_\r\n");
        return;
      case "null-array":
        this.#ascii(this.protocol === 2 ? "*-1\r\n" : "_\r\n");
        return;
      case "array":
        this.#items(ARRAY, reply.items);
        return;
      case "set":
        this.#items(this.protocol === 2 ? ARRAY : SET, reply.items);
        return;
      case "push":
        this.#items(this.protocol === 2 ? ARRAY : PUSH, reply.items);
        return;
      case "map":
        this.#map(reply.entries);
        return;
      case "double":
        this.#numeral(DOUBLE, textFromDouble(reply.value));
        return;
      case "boolean":
        this.#boolean(reply.value);
        return;
      case "big-number":
        this.#numeral(BIG_NUMBER, String(reply.value));
        return;
      case "verbatim":
        this.#verbatim(reply.format, reply.bytes);
        return;
      default:
        unreachable(reply);
    }
  }

  #items(sign: number, items: readonly Reply[]): void {
    this.#count(sign, items.length);
    for (const item of items) this.write(item);
  }

  #map(entries: readonly (readonly [Reply, Reply])[]): void {
    if (this.protocol === 2) this.#count(ARRAY, 2 * entries.length);
    else this.#count(MAP, entries.length);
    for (const [key, value] of entries) {
      this.write(key);
      this.write(value);
    }
  }

  #boolean(value: boolean): void {
    if (this.protocol === 2) this.#ascii(value ? ":1\r\n" : ":0\r\n");
    else this.#ascii(value ? "#t\r\n" : "#f\r\n");
  }

  /** A number that version 2 has no kind for. */
  #numeral(sign: number, digits: string): void {
    if (this.protocol === 2) this.#binary(digits);
    else this.#line(sign, digits);
  }

  #verbatim(format: string, bytes: Uint8Array): void {
    assert(format.length === FORMAT_LENGTH, "a verbatim format is three characters");
    if (this.protocol === 2) {
      this.#bulk(bytes);
      return;
    }
    this.#count(VERBATIM, FORMAT_LENGTH + 1 + bytes.length);
    this.#ascii(`${format}:`);
    this.#bytes(bytes);
  }

  #integer(value: number | bigint): void {
    if (typeof value === "number") {
      assert(Number.isSafeInteger(value), "an integer reply is a safe integer");
      if (value >= 0 && value <= COUNT_MAX) this.#count(INTEGER, value);
      else this.#line(INTEGER, String(value));
      return;
    }
    assert(value >= INT64_MIN && value <= INT64_MAX, "an integer reply fits 64 bits");
    this.#line(INTEGER, String(value));
  }

  #bulk(bytes: Uint8Array): void {
    this.#count(BULK, bytes.length);
    this.#bytes(bytes);
  }

  #binary(binary: string): void {
    const { length } = binary;
    this.#count(BULK, length);
    this.#reserve(length + 2);
    if (length > LOOP_BYTES_MAX) {
      this.#buffer.write(binary, this.#at, "latin1");
      this.#at += length;
    } else {
      for (let index = 0; index < length; index += 1) {
        this.#buffer[this.#at + index] = binary.charCodeAt(index);
      }
      this.#at += length;
    }
    this.#end();
  }

  /** Bytes whose length has been said, and their end. */
  #bytes(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length > COPIED_BYTES_MAX) {
      this.#endPiece();
      this.#pieces.push(bytes);
      this.#pieceBytes += length;
      this.#reserve(2);
    } else {
      this.#reserve(length + 2);
      this.#copy(bytes);
    }
    this.#end();
  }

  #copy(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length > LOOP_BYTES_MAX) {
      this.#buffer.set(bytes, this.#at);
    } else {
      for (let index = 0; index < length; index += 1) {
        this.#buffer[this.#at + index] = bytes[index] as number;
      }
    }
    this.#at += length;
  }

  /** One line of text: what would end it, or is no byte, is replaced. */
  #line(sign: number, text: string): void {
    this.#reserve(text.length + SIGN_AND_END_BYTES);
    const buffer = this.#buffer;
    let at = this.#at;
    buffer[at] = sign;
    at += 1;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      buffer[at] = lineByte(code);
      at += 1;
    }
    this.#at = at;
    this.#end();
  }

  /** A line of `sign` and an integer up to `COUNT_MAX`. */
  #count(sign: number, value: number): void {
    assert(value <= COUNT_MAX, "a count fits 31 bits");
    this.#reserve(DIGITS_MAX + SIGN_AND_END_BYTES);
    const buffer = this.#buffer;
    buffer[this.#at] = sign;
    this.#at += 1;
    const first = this.#at;
    let last = first;
    for (let power = 10; power <= value; power *= 10) last += 1;
    let rest = value;
    for (let at = last; at >= first; at -= 1) {
      const tens = (rest / 10) | 0;
      buffer[at] = DIGIT_ZERO + rest - 10 * tens;
      rest = tens;
    }
    this.#at = last + 1;
    this.#end();
  }

  /** A constant, its CR LF included. */
  #ascii(text: string): void {
    this.#reserve(text.length);
    for (let index = 0; index < text.length; index += 1) {
      this.#buffer[this.#at + index] = text.charCodeAt(index);
    }
    this.#at += text.length;
  }

  /** For which whoever calls has made room. */
  #end(): void {
    this.#buffer[this.#at] = CARRIAGE_RETURN;
    this.#buffer[this.#at + 1] = LINE_FEED;
    this.#at += 2;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes > this.#buffer.length) this.#grow(bytes);
  }

  #grow(bytes: number): void {
    if (this.#at - this.#start >= PIECE_BYTES) this.#endPiece();
    const written = this.#buffer.subarray(this.#start, this.#at);
    const ahead = Math.min(this.#copiedBytes + 2 * written.length, PIECE_BYTES);
    const wanted = Math.max(this.#bytesExpected, ahead);
    const grown = Buffer.allocUnsafe(Math.max(wanted, written.length + bytes));
    grown.set(written);
    this.#buffer = grown;
    this.#start = 0;
    this.#at = written.length;
  }

  #endPiece(): void {
    if (this.#at === this.#start) return;
    this.#pieces.push(this.#buffer.subarray(this.#start, this.#at));
    this.#pieceBytes += this.#at - this.#start;
    this.#copiedBytes += this.#at - this.#start;
    this.#start = this.#at;
  }
}

function lineByte(code: number): number {
  if (code === CARRIAGE_RETURN || code === LINE_FEED) return SPACE;
  return code > 0xff ? QUESTION_MARK : code;
}
