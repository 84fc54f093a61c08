/**
 * Frames in a stream of bytes: how one TCP connection between nodes is divided.
 *
 * Each direction begins with a greeting, then come chunks. A chunk is a word of 32 bits (tag in the upper 4, length in the
 * lower 28, big-endian) and bytes:
 *
 *   greeting  d7 64 6e 64 0d 0a, stream version u16
 *   tag 1     a whole frame: `length` bytes, 1..CHUNK_BYTES_MAX
 *   tag 2     a large frame begins: `length` is that of the frame, CHUNK_BYTES_MAX+1..FRAME_BYTES_MAX; its first
 *             CHUNK_BYTES_MAX bytes follow
 *   tag 3     the large frame goes on: `length` more bytes, CHUNK_BYTES_MAX or the rest of it
 *
 * Whole frames may stand between the pieces of a large one, so a value of 16 MiB holds up small frames by one piece. Large
 * frames follow one another. Whoever wants an order between large and small ones sends them in that order (`send-queue.ts`).
 *
 * Invariant: at most one large and one whole frame are incomplete at a time, so memory is bounded by what was announced
 * within limits; the work is linear in the bytes, however they are cut. The greeting's first byte begins no ASCII text and no
 * TLS record, and its line end shows whoever rewrites line ends.
 */
import { asBuffer, binaryFromBytes } from "../../base/binary.ts";
import { Buffer } from "../../base/buffer.ts";
import { CHUNK_BYTES_MAX, FRAME_BYTES_MAX } from "../../model/limits.ts";

/** Raised when chunks or the header of frames change; messages have WIRE_VERSION. */
export const STREAM_VERSION = 1;

/** The first bytes of each direction. */
export const GREETING: Uint8Array = Uint8Array.from([
  0xd7,
  ...Buffer.from("dnd\r\n", "latin1"),
  STREAM_VERSION >> 8,
  STREAM_VERSION & 0xff,
]);

/** Bytes of a chunk before its content. */
export const WORD_BYTES = 4;
export const TAG_WHOLE = 1;
export const TAG_LARGE = 2;
export const TAG_MORE = 3;

const VERSION_OFFSET = 6;
const LENGTH_BITS = 28;
const LENGTH_MASK = 0x0fff_ffff;
/** Bytes of a stranger's greeting that a reason looks at. */
const STRANGER_BYTES = 8;

/** The word before a chunk's content. */
export function chunkWord(tag: number, length: number): number {
  return tag * (LENGTH_MASK + 1) + length;
}

/** Takes a stream as it comes and gives the frames in it. One for each direction of each connection. */
export class StreamDecoder {
  #greeted = 0;
  #word = 0;
  #wordBytes = 0;
  /** What is being filled: a whole frame or the large one. */
  #target: Buffer | undefined;
  #filled = 0;
  /** Where in `#target` this chunk ends. */
  #end = 0;
  /** The large frame that is on its way, and how much of it is here. */
  #large: Buffer | undefined;
  #largeFilled = 0;
  #failure: string | undefined;

  /** Whether the other end has shown itself to be a node of this stream version. */
  get isGreeted(): boolean {
    return this.#greeted === GREETING.length;
  }

  /**
   * Takes the next bytes of the stream and appends the frames they complete to `frames`, in order.
   *
   * Frames that lie whole in `bytes` are views of it, so `bytes` must not be used again by the caller.
   * @returns `undefined`, or why this stream can no longer be understood: then and ever after, nothing is taken.
   */
  push(bytes: Uint8Array, frames: Uint8Array[]): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    const buffer = asBuffer(bytes);
    let at = this.isGreeted ? 0 : this.#takeGreeting(buffer);
    while (at < buffer.length && this.#failure === undefined) {
      at =
        this.#target === undefined
          ? this.#takeWord(buffer, at, frames)
          : this.#takeContent(buffer, at, frames);
    }
    if (this.#failure !== undefined) this.#forget();
    return this.#failure;
  }

  #takeGreeting(buffer: Buffer): number {
    let at = 0;
    while (at < buffer.length && this.#greeted < GREETING.length) {
      if (buffer[at] !== GREETING[this.#greeted]) {
        this.#failure = strangerReason(buffer, at, this.#greeted);
        return at;
      }
      at += 1;
      this.#greeted += 1;
    }
    return at;
  }

  #takeWord(buffer: Buffer, start: number, frames: Uint8Array[]): number {
    let at = start;
    if (this.#wordBytes === 0 && buffer.length - at >= WORD_BYTES) {
      const word = buffer.readUInt32BE(at);
      at += WORD_BYTES;
      const length = word & LENGTH_MASK;
      // By far the most frequent case: a small frame that is all there needs no state and no copy.
      if (word >>> LENGTH_BITS === TAG_WHOLE && length <= buffer.length - at) {
        if (length === 0 || length > CHUNK_BYTES_MAX) this.#failure = `frame of ${length} bytes`;
        else frames.push(buffer.subarray(at, at + length));
        return at + length;
      }
      this.#begin(word >>> LENGTH_BITS, length);
      return at;
    }
    while (at < buffer.length && this.#wordBytes < WORD_BYTES) {
      this.#word = this.#word * 256 + (buffer[at] as number);
      this.#wordBytes += 1;
      at += 1;
    }
    if (this.#wordBytes === WORD_BYTES) {
      const word = this.#word;
      this.#word = 0;
      this.#wordBytes = 0;
      this.#begin(word >>> LENGTH_BITS, word & LENGTH_MASK);
    }
    return at;
  }

  #begin(tag: number, length: number): void {
    switch (tag) {
      case TAG_WHOLE:
        if (length === 0 || length > CHUNK_BYTES_MAX) {
          this.#failure = `chunk of ${length} bytes, 1 to ${CHUNK_BYTES_MAX} allowed`;
          return;
        }
        this.#target = Buffer.allocUnsafe(length);
        this.#filled = 0;
        this.#end = length;
        return;
      case TAG_LARGE:
        if (this.#large !== undefined) {
          this.#failure = "a large frame begins within another";
          return;
        }
        if (length <= CHUNK_BYTES_MAX || length > FRAME_BYTES_MAX) {
          this.#failure = `large frame of ${length} bytes, max ${FRAME_BYTES_MAX}`;
          return;
        }
        // Not from the pool and not cleared: the system gives the pages as they are filled, so an announcement alone
        // costs nothing.
        this.#large = Buffer.allocUnsafeSlow(length);
        this.#target = this.#large;
        this.#filled = 0;
        this.#end = CHUNK_BYTES_MAX;
        return;
      case TAG_MORE:
        this.#beginMore(length);
        return;
      default:
        this.#failure = `unknown tag ${tag}`;
    }
  }

  #beginMore(length: number): void {
    if (this.#large === undefined) {
      this.#failure = "a piece of no large frame";
      return;
    }
    const rest = this.#large.length - this.#largeFilled;
    if (length !== Math.min(rest, CHUNK_BYTES_MAX)) {
      this.#failure = `piece of ${length} bytes where ${Math.min(rest, CHUNK_BYTES_MAX)} are due`;
      return;
    }
    this.#target = this.#large;
    this.#filled = this.#largeFilled;
    this.#end = this.#filled + length;
  }

  #takeContent(buffer: Buffer, start: number, frames: Uint8Array[]): number {
    const target = this.#target;
    if (target === undefined) return start;
    const taken = Math.min(this.#end - this.#filled, buffer.length - start);
    buffer.copy(target, this.#filled, start, start + taken);
    this.#filled += taken;
    if (this.#filled === this.#end) {
      this.#target = undefined;
      if (this.#filled === target.length) {
        if (target === this.#large) this.#large = undefined;
        frames.push(target);
      } else {
        this.#largeFilled = this.#filled;
      }
    }
    return start + taken;
  }

  #forget(): void {
    this.#target = undefined;
    this.#large = undefined;
  }
}

/** Says in words what came instead of the greeting: it stands in the log of whoever pointed a client at the wrong port. */
function strangerReason(buffer: Buffer, at: number, matched: number): string {
  if (matched >= VERSION_OFFSET) {
    return `stream version is not ${STREAM_VERSION}: byte ${buffer[at]} at ${matched}`;
  }
  if (matched > 0) return "the greeting was altered on the way";
  const text = binaryFromBytes(buffer, at, Math.min(buffer.length, at + STRANGER_BYTES));
  if (/^(GET|PUT|POST|HEAD|PATCH|DELETE|OPTIONS|CONNECT|TRACE|PRI)\b/.test(text)) {
    return "an HTTP request on the peer port";
  }
  if (text.startsWith("\u0016\u0003")) return "a TLS handshake on the peer port, which is plain";
  if (text.startsWith("*") || text.startsWith("PING")) return "a Redis command on the peer port";
  return `not a node: begins with bytes ${buffer.subarray(at, at + STRANGER_BYTES).toString("hex")}`;
}
