/**
 * The two things the Redis protocol is made of, lines and runs of announced length, out of chunks cut anywhere.
 *
 * What lies whole in one chunk is a view of it; what spans chunks is put together once. What has arrived of an incomplete
 * part is taken off the chunks at once, so nothing is looked at twice and the work is linear in the bytes, however they
 * are cut. A part that was begun must be asked for again in the same words until it is there.
 *
 * Invariant: memory is what was pushed and not yet taken, and at most twice what has arrived of one part.
 */
import { assert } from "../../base/assert.ts";
import { asBuffer } from "../../base/binary.ts";
import { PartialBytes } from "./partial-bytes.ts";

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const DIGIT_ZERO = 0x30;
/** Digits that `takeCount` looks at: any such number is exact. */
const DIGITS_MAX = 15;
const NOTHING = Buffer.alloc(0);

export class ChunkReader {
  #chunk: Buffer = NOTHING;
  #at = 0;
  /** What was pushed after `#chunk`; those before `#waitingIndex` are done with. */
  #waiting: Buffer[] = [];
  #waitingIndex = 0;
  #waitingBytes = 0;
  /** The line or run that has begun and whose end has not arrived. */
  #partial: PartialBytes | undefined;

  /** Bytes in memory: pushed and not yet taken, and what an incomplete part takes. */
  get heldBytes(): number {
    const rest = this.#chunk.length - this.#at;
    return rest + this.#waitingBytes + (this.#partial?.capacity ?? 0);
  }

  /** Takes the next bytes of the stream. They are kept, and handed out as views: nobody may write to them again. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#at === this.#chunk.length && this.#waitingBytes === 0) {
      this.#chunk = asBuffer(chunk);
      this.#at = 0;
      return;
    }
    this.#waiting.push(asBuffer(chunk));
    this.#waitingBytes += chunk.length;
  }

  /** Drops all that is held. */
  forget(): void {
    this.#chunk = NOTHING;
    this.#at = 0;
    this.#waiting = [];
    this.#waitingIndex = 0;
    this.#waitingBytes = 0;
    this.#partial = undefined;
  }

  /** The first byte of the next part, which may have begun; `undefined` when it has not arrived. */
  peek(): number | undefined {
    if (this.#partial !== undefined) return this.#partial.first;
    return this.#hasBytes() ? this.#chunk[this.#at] : undefined;
  }

  /**
   * The short way through a line of `sign`, digits, CR, LF: its number, or -1 when the line is anything else, or not whole in
   * one chunk; then nothing is taken, and `takeLine` has the answer.
   */
  takeCount(sign: number): number {
    const chunk = this.#chunk;
    const start = this.#at + 1;
    if (this.#partial !== undefined || start >= chunk.length || chunk[start - 1] !== sign)
      return -1;
    const end = Math.min(chunk.length - 1, start + DIGITS_MAX);
    let at = start;
    let count = 0;
    while (at < end) {
      const digit = (chunk[at] as number) - DIGIT_ZERO;
      if (digit < 0 || digit > 9) break;
      count = count * 10 + digit;
      at += 1;
    }
    if (at === start || at >= chunk.length - 1) return -1;
    if (chunk[at] !== CARRIAGE_RETURN || chunk[at + 1] !== LINE_FEED) return -1;
    // A number has one spelling: without zeros before it.
    if (chunk[start] === DIGIT_ZERO && at > start + 1) return -1;
    this.#at = at + 2;
    return count;
  }

  /** The next line without its LF; `undefined` until that has arrived. Longer than `bytesMax` is told at once. */
  takeLine(bytesMax: number): Buffer | "too-long" | undefined {
    while (this.#hasBytes()) {
      const chunk = this.#chunk;
      const start = this.#at;
      const found = chunk.indexOf(LINE_FEED, start);
      const end = found < 0 ? chunk.length : found;
      if ((this.#partial?.length ?? 0) + end - start > bytesMax) return "too-long";
      this.#at = found < 0 ? end : end + 1;
      if (found >= 0 && this.#partial === undefined) return chunk.subarray(start, end);
      const line = this.#append(start, end, bytesMax);
      if (found >= 0) return this.#finish(line);
    }
    return undefined;
  }

  /** The next `length` bytes, which CR LF must follow; `undefined` until that has arrived. */
  takeRun(length: number): Buffer | "unterminated" | undefined {
    const end = this.#at + length;
    if (this.#partial === undefined && end + 2 <= this.#chunk.length) {
      const chunk = this.#chunk;
      if (chunk[end] !== CARRIAGE_RETURN || chunk[end + 1] !== LINE_FEED) return "unterminated";
      const run = chunk.subarray(this.#at, end);
      this.#at = end + 2;
      return run;
    }
    return this.#takePieces(length + 2);
  }

  /** Takes the next run if it is these bytes, whole in one chunk; false: nothing is taken. */
  takeSame(bytes: Buffer): boolean {
    const chunk = this.#chunk;
    const start = this.#at;
    const end = start + bytes.length;
    if (this.#partial !== undefined || end + 2 > chunk.length) return false;
    if (chunk[end] !== CARRIAGE_RETURN || chunk[end + 1] !== LINE_FEED) return false;
    for (let index = 0; index < bytes.length; index += 1) {
      if (chunk[start + index] !== bytes[index]) return false;
    }
    this.#at = end + 2;
    return true;
  }

  /** A run that spans chunks: its CR LF is put together with it. */
  #takePieces(length: number): Buffer | "unterminated" | undefined {
    while (this.#hasBytes()) {
      const start = this.#at;
      const missing = length - (this.#partial?.length ?? 0);
      const end = Math.min(this.#chunk.length, start + missing);
      this.#at = end;
      const partial = this.#append(start, end, length);
      if (end - start < missing) continue;
      const run = this.#finish(partial);
      if (run[length - 2] !== CARRIAGE_RETURN || run[length - 1] !== LINE_FEED) {
        return "unterminated";
      }
      return run.subarray(0, length - 2);
    }
    return undefined;
  }

  #append(start: number, end: number, lengthMax: number): PartialBytes {
    this.#partial ??= new PartialBytes(lengthMax);
    this.#partial.append(this.#chunk, start, end);
    return this.#partial;
  }

  #finish(partial: PartialBytes): Buffer {
    this.#partial = undefined;
    return partial.finish();
  }

  /** Whether there is a byte at `#at`, going on to the next chunk where this one is done with. */
  #hasBytes(): boolean {
    if (this.#at < this.#chunk.length) return true;
    const next = this.#waiting[this.#waitingIndex];
    if (next === undefined) {
      // Not kept until more arrives: a connection may be silent for long.
      this.#chunk = NOTHING;
      this.#at = 0;
      return false;
    }
    assert(next.length > 0, "no empty chunk waits");
    this.#chunk = next;
    this.#at = 0;
    this.#waitingBytes -= next.length;
    this.#waitingIndex += 1;
    if (this.#waitingIndex === this.#waiting.length) {
      this.#waiting = [];
      this.#waitingIndex = 0;
    }
    return true;
  }
}
