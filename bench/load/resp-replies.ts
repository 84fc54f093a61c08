/** Replies of the Redis protocol, version 2, as far as the loads here get them: no arrays. */
import { ABSENT, type OnReply, type ReplyReader } from "./reply-reader.ts";

const LINE_FEED = 0x0a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const COLON = 0x3a;
const DOLLAR = 0x24;
const END_BYTES = 2;
const EMPTY = Buffer.alloc(0);

export class RespReplies implements ReplyReader {
  readonly #onReply: OnReply;
  #rest: Buffer = EMPTY;
  /** What is still to come of a bulk and its end. */
  #bulkBytes = 0;

  constructor(onReply: OnReply) {
    this.#onReply = onReply;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at < bytes.length) {
      if (this.#bulkBytes > 0) {
        const step = Math.min(this.#bulkBytes, bytes.length - at);
        this.#bulkBytes -= step;
        at += step;
        if (this.#bulkBytes === 0) this.#onReply(undefined, -1);
        continue;
      }
      const end = bytes.indexOf(LINE_FEED, at);
      if (end < 0) break;
      this.#onLine(bytes, at, end + 1 - END_BYTES);
      at = end + 1;
    }
    this.#rest = at < bytes.length ? bytes.subarray(at) : EMPTY;
  }

  #onLine(bytes: Buffer, start: number, end: number): void {
    switch (bytes[start]) {
      case PLUS:
        return this.#onReply(undefined, -1);
      case COLON:
        return this.#onReply(undefined, Number(bytes.toString("latin1", start + 1, end)));
      case DOLLAR: {
        const length = Number(bytes.toString("latin1", start + 1, end));
        if (length < 0) return this.#onReply(ABSENT, -1);
        this.#bulkBytes = length + END_BYTES;
        return undefined;
      }
      case MINUS:
        return this.#onReply(bytes.toString("latin1", start + 1, end), -1);
      default:
        throw new Error(`a reply that is not understood: ${bytes.toString("latin1", start, end)}`);
    }
  }
}
