/**
 * What clients ask over the Redis protocol, out of bytes that arrive cut anywhere.
 *
 *   *3\r\n $3\r\nSET\r\n $1\r\nk\r\n $5\r\nhello\r\n    an array of bulk strings: count, then length and bytes of each
 *   SET k "hello"\r\n                                    or one inline command: `inline-arguments.ts`
 *
 * Empty lines and counts of zero or less are passed over. Requests are pulled, one `next` after the other, because one may
 * change what holds for those behind it: after AUTH, larger ones are allowed.
 *
 * Invariant: a limit is compared before memory is taken, so what a connection holds is bounded by what has arrived and by
 * `requestBytesMax`. Work is linear in the bytes. A failure is a value, and final.
 *
 * Limits and words are those of Redis 7.0, which clients know. Two things are stricter, because what Redis does then is to go
 * on with bytes that nobody meant: a bulk string must be followed by CR LF, so one whose length was counted in characters is
 * refused, not stored without its end; and a count line that ends in LF alone is refused, not waited for.
 */
import { binaryFromBytes } from "../../base/binary.ts";
import { VALUE_BYTES_MAX } from "../../model/limits.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { parseInline } from "./inline-arguments.ts";
import { type ProtocolError, protocolError } from "./protocol-error.ts";

/** Arguments as sent, the command's name first; never empty. */
export type ParsedRequest = readonly Uint8Array[];

export interface RequestLimits {
  /** Arguments of one request. */
  readonly argumentsMax: number;
  /** Bytes of one argument. */
  readonly bulkBytesMax: number;
  /** Bytes of all arguments of one request, each with `ARGUMENT_BYTES` on top. */
  readonly requestBytesMax: number;
  /** Bytes of a line before its LF: an inline command, or a count. */
  readonly lineBytesMax: number;
}

/** What an argument takes in memory beside its bytes: a million empty ones are not small. */
export const ARGUMENT_BYTES = 128;

export const REQUEST_LIMITS: RequestLimits = {
  argumentsMax: 1024 * 1024,
  // Headroom over the longest value: one a little too long is refused by its command, which names the limit, and the
  // connection lives; beyond this it ends with the connection.
  bulkBytesMax: VALUE_BYTES_MAX + 1024 * 1024,
  // A value with all around it, or many that are smaller.
  requestBytesMax: 2 * VALUE_BYTES_MAX,
  lineBytesMax: 64 * 1024,
};

const UNAUTHENTICATED_ARGUMENTS_MAX = 10;
const UNAUTHENTICATED_BULK_BYTES_MAX = 16_384;
/** Counts up to which the list is made in one piece: beyond, it grows with what arrives. */
const ARGUMENTS_AHEAD_MAX = 64;
/** `#bulkBytes` while the next thing to come is a length. */
const LENGTH_DUE = -1;

const ASTERISK = 0x2a;
const DOLLAR = 0x24;
const CARRIAGE_RETURN = 0x0d;
/** A count line beyond this cannot hold a number within 53 bits. */
const COUNT_LINE_BYTES_MAX = 20;

/** Longer names of commands are not remembered, and of the others so many at most. */
const NAME_BYTES_MAX = 16;
const NAMES_MAX = 16;
/**
 * Names that came before, of whatever connection, by `nameIndex`: commands come again and again, and a view of each would be an object
 * more. Nothing depends on what is in it.
 */
const NAMES: (Buffer | undefined)[] = [];

/** One for each connection. */
export class RequestParser {
  /** Until the client has shown who it is, requests must be small. Holds from the next count or length that is read. */
  isAuthenticated: boolean;

  readonly #limits: RequestLimits;
  readonly #reader = new ChunkReader();
  /** Arguments announced, 0 between requests, and how many are in `#arguments`. */
  #announced = 0;
  #taken = 0;
  #arguments: Uint8Array[] = [];
  /** What `#arguments` takes. */
  #takenBytes = 0;
  /** Length of the argument under way. */
  #bulkBytes = LENGTH_DUE;
  #failure: ProtocolError | undefined;

  constructor(
    options: Partial<RequestLimits> & { readonly isAuthenticated?: boolean | undefined } = {},
  ) {
    const { isAuthenticated = false, ...limits } = options;
    this.isAuthenticated = isAuthenticated;
    this.#limits = { ...REQUEST_LIMITS, ...limits };
  }

  /** Bytes in memory: what was pushed and is in no request yet, and what the request under way takes. */
  get heldBytes(): number {
    return this.#reader.heldBytes + this.#takenBytes;
  }

  /**
   * Takes the next bytes of the stream; any number of times before `next`.
   *
   * The parser and then the requests own `chunk`: an argument that lies whole in it is a view of it, which keeps all of
   * it in memory, so copy what must stay. Nobody may write to it again.
   */
  push(chunk: Uint8Array): void {
    if (this.#failure === undefined) this.#reader.push(chunk);
  }

  /**
   * The next request; `undefined` when it has not arrived whole; why the stream cannot be understood, then and ever after.
   * The bytes of a request are the caller's to keep, and not to change.
   */
  next(): ParsedRequest | ProtocolError | undefined {
    while (this.#failure === undefined) {
      if (this.#announced > 0) return this.#takeArguments();
      const first = this.#reader.peek();
      if (first === undefined) return undefined;
      if (first !== ASTERISK) {
        const request = this.#takeInline();
        if (request === undefined || request.length > 0) return request ?? this.#failure;
      } else if (!this.#takeCount()) {
        return this.#failure;
      }
    }
    return this.#failure;
  }

  /** An inline command, empty for a blank line; `undefined` if its end is missing, or on failure. */
  #takeInline(): ParsedRequest | undefined {
    const line = this.#reader.takeLine(this.#limits.lineBytesMax);
    if (line === undefined) return undefined;
    const request = line === "too-long" ? undefined : parseInline(line);
    if (request === undefined) {
      this.#fail(line === "too-long" ? "too big inline request" : "unbalanced quotes in request");
    }
    return request;
  }

  /** Begins an array, if its count is above zero; false if the line's end is missing, or on failure. */
  #takeCount(): boolean {
    let count = this.#reader.takeCount(ASTERISK);
    if (count < 0) {
      const line = this.#reader.takeLine(this.#limits.lineBytesMax);
      if (line === undefined) return false;
      if (line === "too-long") return this.#fail("too big mbulk count string");
      count = parseCount(line);
    }
    const fault = this.#countFault(count);
    if (fault !== undefined) return this.#fail(fault);
    if (count <= 0) return true;
    this.#announced = count;
    this.#arguments = count <= ARGUMENTS_AHEAD_MAX ? Array<Uint8Array>(count) : [];
    return true;
  }

  #countFault(count: number): string | undefined {
    const { argumentsMax, requestBytesMax } = this.#limits;
    if (Number.isNaN(count) || count > argumentsMax) return "invalid multibulk length";
    if (count > UNAUTHENTICATED_ARGUMENTS_MAX && !this.isAuthenticated) {
      return "unauthenticated multibulk length";
    }
    return count * ARGUMENT_BYTES > requestBytesMax ? "too big request" : undefined;
  }

  #takeArguments(): ParsedRequest | ProtocolError | undefined {
    for (;;) {
      if (this.#bulkBytes === LENGTH_DUE && !this.#takeLength()) return this.#failure;
      const argument = this.#taken === 0 ? this.#takeName() : this.#reader.takeRun(this.#bulkBytes);
      if (argument === undefined) return undefined;
      if (argument === "unterminated") {
        this.#fail("invalid bulk length");
        return this.#failure;
      }
      this.#bulkBytes = LENGTH_DUE;
      this.#arguments[this.#taken] = argument;
      this.#taken += 1;
      if (this.#taken === this.#announced) return this.#finish();
      this.#takenBytes += argument.length + ARGUMENT_BYTES;
    }
  }

  /** The first argument: that of an earlier request where it is the same. */
  #takeName(): Buffer | "unterminated" | undefined {
    const length = this.#bulkBytes;
    if (length > NAME_BYTES_MAX) return this.#reader.takeRun(length);
    const index = nameIndex(length, this.#reader.peek() ?? 0);
    const known = NAMES[index];
    if (known?.length === length && this.#reader.takeSame(known)) return known;
    const name = this.#reader.takeRun(length);
    if (typeof name === "object") NAMES[index] = copyOf(name);
    return name;
  }

  /** Sets `#bulkBytes`; false if the line's end is missing, or on failure. */
  #takeLength(): boolean {
    let length = this.#reader.takeCount(DOLLAR);
    if (length < 0) {
      const line = this.#reader.takeLine(this.#limits.lineBytesMax);
      if (line === undefined) return false;
      if (line === "too-long") return this.#fail("too big bulk count string");
      if (line[0] !== DOLLAR) return this.#fail(`expected '$', got '${named(line)}'`);
      length = parseCount(line);
    }
    const fault = this.#lengthFault(length);
    if (fault !== undefined) return this.#fail(fault);
    this.#bulkBytes = length;
    return true;
  }

  #lengthFault(length: number): string | undefined {
    const { bulkBytesMax, requestBytesMax } = this.#limits;
    if (Number.isNaN(length) || length < 0 || length > bulkBytesMax) return "invalid bulk length";
    if (length > UNAUTHENTICATED_BULK_BYTES_MAX && !this.isAuthenticated) {
      return "unauthenticated bulk length";
    }
    const requestBytes = this.#takenBytes + length + ARGUMENT_BYTES;
    return requestBytes > requestBytesMax ? "too big request" : undefined;
  }

  #finish(): ParsedRequest {
    const request = this.#arguments;
    this.#arguments = [];
    this.#announced = 0;
    this.#taken = 0;
    this.#takenBytes = 0;
    return request;
  }

  #fail(reason: string): false {
    this.#failure = protocolError(reason);
    this.#reader.forget();
    this.#finish();
    return false;
  }
}

/** With memory of its own: a view would keep all that came with it. */
function copyOf(name: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(name.length);
  copy.set(name);
  return copy;
}

/** Where a name is remembered: those that are often mixed (GET and SET, HGET and HSET) apart. */
function nameIndex(length: number, firstByte: number): number {
  return (length + firstByte) % NAMES_MAX;
}

/** Whether parsing ended here. */
export function isProtocolError(parsed: ParsedRequest | ProtocolError): parsed is ProtocolError {
  return "reason" in parsed;
}

/** The integer of a count line, which begins with its sign and ends with CR; NaN for all but its one spelling. */
function parseCount(line: Buffer): number {
  if (line.length > COUNT_LINE_BYTES_MAX || line.at(-1) !== CARRIAGE_RETURN) return Number.NaN;
  const text = binaryFromBytes(line, 1, line.length - 1);
  return /^(0|-?[1-9][0-9]*)$/.test(text) ? Number(text) : Number.NaN;
}

/** The first character of a line, for a reason, which is a line itself. */
function named(line: Buffer): string {
  const [first] = line;
  return first === undefined || first === CARRIAGE_RETURN ? " " : String.fromCharCode(first);
}
