/** Replies over HTTP/1.1: framed by Content-Length, or in chunks as etcd sends what is larger. */
import { ABSENT, type OnReply, type ReplyReader } from "./reply-reader.ts";

const EMPTY = Buffer.alloc(0);
const HEAD_END = "\r\n\r\n";
const LINE_END = "\r\n";
/** "HTTP/1.1 " stands before the status. */
const STATUS_AT = 9;
const PROBLEM_CHARACTERS_MAX = 200;

/** Where a body ends, and where it lies in parts. */
interface Body {
  readonly end: number;
  readonly parts: readonly Buffer[];
}

export class HttpReplies implements ReplyReader {
  readonly #onReply: OnReply;
  readonly #mustHold: string | undefined;
  #rest: Buffer = EMPTY;

  /** `mustHold`: a reply without this text is one about a key that is not there. */
  constructor(onReply: OnReply, mustHold?: string) {
    this.#onReply = onReply;
    this.#mustHold = mustHold;
  }

  push(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const headEnd = bytes.indexOf(HEAD_END);
      if (headEnd < 0) break;
      const head = bytes.toString("latin1", 0, headEnd);
      const status = Number(head.slice(STATUS_AT, STATUS_AT + 3));
      const body = bodyOf(bytes, headEnd + HEAD_END.length, head, status);
      if (body === undefined) break;
      this.#onReply(this.#problemOf(status, body), -1);
      bytes = bytes.subarray(body.end);
    }
    this.#rest = bytes;
  }

  #problemOf(status: number, { parts }: Body): string | undefined {
    if (status < 200 || status > 299) {
      const text = parts.map((part) => part.toString("latin1")).join("");
      return `${status} ${text.slice(0, PROBLEM_CHARACTERS_MAX)}`;
    }
    const mustHold = this.#mustHold;
    if (mustHold === undefined || parts.some((part) => part.includes(mustHold))) return undefined;
    return ABSENT;
  }
}

/** `undefined` while it has not all come. */
function bodyOf(bytes: Buffer, start: number, head: string, status: number): Body | undefined {
  if (status === 204 || status === 304) return { end: start, parts: [] };
  const length = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (length !== null) {
    const end = start + Number(length[1]);
    return bytes.length < end ? undefined : { end, parts: [bytes.subarray(start, end)] };
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error(`no length: ${head}`);
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf(LINE_END, at);
    if (lineEnd < 0) return undefined;
    const chunkBytes = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const chunkStart = lineEnd + LINE_END.length;
    at = chunkStart + chunkBytes + LINE_END.length;
    if (bytes.length < at) return undefined;
    if (chunkBytes === 0) return { end: at, parts };
    parts.push(bytes.subarray(chunkStart, chunkStart + chunkBytes));
  }
}
