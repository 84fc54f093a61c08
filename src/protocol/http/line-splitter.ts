/**
 * A stream of bytes as lines, whatever pieces it arrives in. Linear; keeps at most one line.
 *
 * A line longer than the bound is reported once and skipped to its end: one bad line does not stop the others.
 */

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export interface LineListener {
  /** A line without its end. The bytes may be part of a fed chunk. */
  onLine(line: Uint8Array): void;
  /** A line beyond the bound has begun; its bytes are dropped. */
  onLongLine(): void;
}

export class LineSplitter {
  readonly #listener: LineListener;
  readonly #lineBytesMax: number;
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  #isSkipping = false;

  constructor(listener: LineListener, lineBytesMax: number) {
    this.#listener = listener;
    this.#lineBytesMax = lineBytesMax;
  }

  /** Bytes kept of a line that has not ended. */
  get keptBytes(): number {
    return this.#partBytes;
  }

  /** Takes the next piece; lines that end in it are told before this returns. */
  feed(chunk: Uint8Array): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      if (end < 0) break;
      this.#take(chunk.subarray(start, end));
      this.#finish();
      start = end + 1;
    }
    if (start < chunk.length) this.#take(chunk.subarray(start));
  }

  /** The stream has ended: a last line needs no line feed. */
  end(): void {
    if (this.#partBytes > 0 || this.#isSkipping) this.#finish();
  }

  #take(part: Uint8Array): void {
    if (this.#isSkipping || part.length === 0) return;
    if (this.#partBytes + part.length > this.#lineBytesMax) {
      this.#parts = [];
      this.#partBytes = 0;
      this.#isSkipping = true;
      this.#listener.onLongLine();
      return;
    }
    this.#parts.push(part);
    this.#partBytes += part.length;
  }

  #finish(): void {
    if (this.#isSkipping) {
      this.#isSkipping = false;
      return;
    }
    const [first] = this.#parts;
    let line = this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#partBytes = 0;
    if (line[line.length - 1] === CARRIAGE_RETURN) line = line.subarray(0, -1);
    this.#listener.onLine(line);
  }
}
