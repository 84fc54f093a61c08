/**
 * Frames waiting to leave on one connection, and the bytes of the next write. Layout:
 * `chunking.ts`.
 *
 * A write takes small frames first, then one piece of a large one: small frames overtake large
 * ones, and neither waits for all of the other. Small frames keep their order among each other, so
 * do large ones.
 *
 * Frames in line keep their order whatever their size: a large one begins when the small ones
 * before it have been taken, and those after it wait until all of it has been. Nothing else waits
 * for them.
 *
 * Invariant: every byte pushed is taken exactly once; `bytes` is what was pushed and not yet taken.
 * Of the frames in line either small ones are among `#small`, all of them before the one that is
 * among `#large`, or they wait in `#behind`.
 */
import { assert } from "../../base/assert.ts";
import { Buffer } from "../../base/buffer.ts";
import { CHUNK_BYTES_MAX, FRAME_BYTES_MAX } from "../../model/limits.ts";
import { chunkWord, TAG_LARGE, TAG_MORE, TAG_WHOLE, WORD_BYTES } from "./chunking.ts";

/** Small frames of one write. As much again may follow as a piece of a large one. */
const WRITE_BYTES_MAX = 256 * 1024;
/** Frames up to this size are copied together; larger ones are handed on as they are. */
const COPY_BYTES_MAX = 16 * 1024;
/** Taken items are cut off the front of a list once this many have gathered. */
const COMPACT_COUNT = 4_096;

export class SendQueue {
  readonly #small = new Fifo();
  readonly #large = new Fifo();
  /** The one large frame in line that is among `#large`, and those in line after it. */
  #largeInLine: Uint8Array | undefined;
  readonly #behind = new Fifo();
  /**
   * Small frames that were pushed, those that were taken, and those that were pushed up to the last
   * one in line.
   */
  #smallPushed = 0;
  #smallTaken = 0;
  #lastInLine = 0;
  /** Bytes of the first large frame that were taken. */
  #largeTaken = 0;
  #bytes = 0;

  /** Bytes of frames not yet taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a frame of 1..FRAME_BYTES_MAX bytes, which must not change any more. */
  push(frame: Uint8Array, isInLine = false): void {
    assert(frame.length >= 1, "a frame is not empty");
    assert(frame.length <= FRAME_BYTES_MAX, "a frame is at most FRAME_BYTES_MAX bytes");
    this.#bytes += frame.length;
    if (isInLine && this.#largeInLine !== undefined) this.#behind.push(frame);
    else this.#enqueue(frame, isInLine);
  }

  #enqueue(frame: Uint8Array, isInLine: boolean): void {
    if (frame.length <= CHUNK_BYTES_MAX) {
      this.#small.push(frame);
      this.#smallPushed += 1;
      if (isInLine) this.#lastInLine = this.#smallPushed;
    } else {
      this.#large.push(frame);
      if (isInLine) this.#largeInLine = frame;
    }
  }

  /**
   * Takes the next write, appended to `parts` in order: at most about 512 KiB. Nothing when nothing
   * waits.
   */
  take(parts: Uint8Array[]): void {
    if (this.#bytes === 0) return;
    const smallCount = this.#countSmall();
    this.#smallTaken += smallCount;
    const large = this.#nextLarge();
    const gathered = Buffer.allocUnsafe(this.#gatheredBytes(smallCount) + (large ? WORD_BYTES : 0));
    let at = 0;
    let start = 0;
    for (let index = 0; index < smallCount; index += 1) {
      const frame = this.#small.shift();
      at = gathered.writeUInt32BE(chunkWord(TAG_WHOLE, frame.length), at);
      this.#bytes -= frame.length;
      if (frame.length <= COPY_BYTES_MAX) {
        gathered.set(frame, at);
        at += frame.length;
      } else {
        parts.push(gathered.subarray(start, at), frame);
        start = at;
      }
    }
    if (large === undefined) {
      if (at > start) parts.push(start === 0 ? gathered : gathered.subarray(start, at));
      return;
    }
    const isFirst = this.#largeTaken === 0;
    const piece = this.#takePiece(large);
    const word = isFirst ? chunkWord(TAG_LARGE, large.length) : chunkWord(TAG_MORE, piece.length);
    gathered.writeUInt32BE(word, at);
    parts.push(gathered.subarray(start), piece);
  }

  /** Small frames that fit one write; at least one when one waits. */
  #countSmall(): number {
    let count = 0;
    let bytes = 0;
    for (; count < this.#small.size && bytes < WRITE_BYTES_MAX; count += 1) {
      bytes += WORD_BYTES + this.#small.at(count).length;
    }
    return count;
  }

  #gatheredBytes(smallCount: number): number {
    let bytes = 0;
    for (let index = 0; index < smallCount; index += 1) {
      const { length } = this.#small.at(index);
      bytes += length <= COPY_BYTES_MAX ? WORD_BYTES + length : WORD_BYTES;
    }
    return bytes;
  }

  /** The large frame of which a piece may leave after the small frames that are taken by now. */
  #nextLarge(): Uint8Array | undefined {
    const { first } = this.#large;
    const mustWait = first === this.#largeInLine && this.#lastInLine > this.#smallTaken;
    return mustWait ? undefined : first;
  }

  #takePiece(large: Uint8Array): Uint8Array {
    const start = this.#largeTaken;
    const end = Math.min(start + CHUNK_BYTES_MAX, large.length);
    this.#bytes -= end - start;
    this.#largeTaken = end;
    if (end === large.length) {
      this.#large.shift();
      this.#largeTaken = 0;
      if (large === this.#largeInLine) this.#letFollow();
    }
    return large.subarray(start, end);
  }

  /** A large frame in line is taken: those after it may follow, up to the next large one. */
  #letFollow(): void {
    this.#largeInLine = undefined;
    while (this.#largeInLine === undefined && this.#behind.size > 0) {
      this.#enqueue(this.#behind.shift(), true);
    }
  }
}

/** A list taken from the front in constant time on average. */
class Fifo {
  #items: (Uint8Array | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  get first(): Uint8Array | undefined {
    return this.#items[this.#head];
  }

  at(index: number): Uint8Array {
    const item = this.#items[this.#head + index];
    assert(item !== undefined, "an item that is there");
    return item;
  }

  push(item: Uint8Array): void {
    this.#items.push(item);
  }

  shift(): Uint8Array {
    const item = this.at(0);
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= COMPACT_COUNT && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
