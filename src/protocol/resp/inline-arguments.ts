/**
 * The arguments of an inline command: what a person types who has no client at hand.
 *
 * Blanks separate arguments. Quotes may begin anywhere in one, and end it: after the closing quote comes a blank or the end.
 * Within "double quotes" \n \r \t \b \a stand for control characters, \xHH for any byte, and a backslash before anything
 * else for that; within 'single quotes' only \' is special. A NUL is a byte like any other.
 * Source: what Redis 7.0 accepts.
 */

const SPACE = 0x20;
const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
const LETTER_X = 0x78;

/** What the letter after a backslash stands for, between double quotes. */
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x62, 0x08],
  [0x61, 0x07],
]);

/** The arguments on `line`, none for a blank one; `undefined` if a quote is not closed, or not closed at an end. Copies. */
export function parseInline(line: Uint8Array): Uint8Array[] | undefined {
  const split = new LineSplit(line);
  const all: Uint8Array[] = [];
  while (split.skipBlanks()) {
    const argument = split.takeArgument();
    if (argument === undefined) return undefined;
    all.push(argument);
  }
  return all;
}

class LineSplit {
  readonly #line: Uint8Array;
  #at = 0;
  /** No argument is longer than its spelling: all of them fit in as many bytes as the line has. */
  readonly #out: Buffer;
  #outLength = 0;

  constructor(line: Uint8Array) {
    this.#line = line;
    this.#out = Buffer.allocUnsafe(line.length);
  }

  /** Goes to the next argument; false when there is none. */
  skipBlanks(): boolean {
    while (isBlank(this.#line[this.#at])) this.#at += 1;
    return this.#at < this.#line.length;
  }

  takeArgument(): Uint8Array | undefined {
    const start = this.#outLength;
    for (;;) {
      const byte = this.#line[this.#at];
      if (byte === undefined || endsBare(byte)) break;
      this.#at += 1;
      if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
        if (!this.#takeQuoted(byte)) return undefined;
        break;
      }
      this.#put(byte);
    }
    return this.#out.subarray(start, this.#outLength);
  }

  /** What stands between quotes, up to and with the closing one; false if that is missing or something adjoins it. */
  #takeQuoted(quote: number): boolean {
    for (;;) {
      const byte = this.#line[this.#at];
      if (byte === undefined) return false;
      this.#at += 1;
      if (byte === quote) {
        const next = this.#line[this.#at];
        return next === undefined || isBlank(next);
      }
      if (byte !== BACKSLASH) this.#put(byte);
      else if (quote === DOUBLE_QUOTE) this.#takeEscape();
      else this.#takeSingleEscape();
    }
  }

  /** What follows a backslash between double quotes. */
  #takeEscape(): void {
    const letter = this.#line[this.#at];
    if (letter === undefined) return;
    this.#at += 1;
    const high = hexDigit(this.#line[this.#at]);
    const low = hexDigit(this.#line[this.#at + 1]);
    if (letter === LETTER_X && high >= 0 && low >= 0) {
      this.#at += 2;
      this.#put(high * 16 + low);
      return;
    }
    this.#put(ESCAPES.get(letter) ?? letter);
  }

  #takeSingleEscape(): void {
    const isQuote = this.#line[this.#at] === SINGLE_QUOTE;
    if (isQuote) this.#at += 1;
    this.#put(isQuote ? SINGLE_QUOTE : BACKSLASH);
  }

  #put(byte: number): void {
    this.#out[this.#outLength] = byte;
    this.#outLength += 1;
  }
}

/** What may stand between arguments: also vertical tab and form feed, which do not end a bare one. */
function isBlank(byte: number | undefined): boolean {
  return byte !== undefined && (byte === SPACE || (byte >= TAB && byte <= CARRIAGE_RETURN));
}

function endsBare(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === LINE_FEED || byte === CARRIAGE_RETURN;
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
