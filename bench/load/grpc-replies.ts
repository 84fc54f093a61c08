/**
 * Replies of unary calls over gRPC, in whatever order they end. A call that is answered has a message before its stream ends; one that
 * failed has trailers alone. Also keeps the connection as HTTP/2 wants it: acknowledges settings and pings.
 */
import { FLAG, FRAME, FRAME_HEAD_BYTES, frame, greeting } from "./grpc-frames.ts";
import { ABSENT, type ReaderContext, type ReplyReader } from "./reply-reader.ts";

const EMPTY = Buffer.alloc(0);
const GRPC_PREFIX_BYTES = 5;
const TYPE_AT = 3;
const FLAGS_AT = 4;
const STREAM_AT = 5;
/** Received bytes after which the connection's window is opened again; it holds 2^31. */
const WINDOW_STEP = 1 << 28;
/** In etcd's answer to a read: the header is the first field, what was found the second. */
const HEADER_TAG = 0x0a;
const FOUND_TAG = 0x12;

export class GrpcReplies implements ReplyReader {
  readonly greeting: Buffer = greeting();
  readonly #context: ReaderContext;
  readonly #mustFind: boolean;
  #rest: Buffer = EMPTY;
  #received = 0;
  /** What the streams under way have said so far: whether it is an answer as it should be. */
  readonly #problems = new Map<number, string | undefined>();

  /** `mustFind`: an answer in which nothing was found is one about a key that is not there. */
  constructor(context: ReaderContext, mustFind: boolean) {
    this.#context = context;
    this.#mustFind = mustFind;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= FRAME_HEAD_BYTES) {
      const bodyStart = at + FRAME_HEAD_BYTES;
      const bodyEnd = bodyStart + bytes.readUIntBE(at, 3);
      if (bytes.length < bodyEnd) break;
      const stream = bytes.readUInt32BE(at + STREAM_AT) & 0x7fffffff;
      const flags = bytes[at + FLAGS_AT] ?? 0;
      this.#onFrame(bytes[at + TYPE_AT] ?? 0, flags, stream, bytes.subarray(bodyStart, bodyEnd));
      at = bodyEnd;
    }
    this.#rest = at < bytes.length ? bytes.subarray(at) : EMPTY;
  }

  #onFrame(type: number, flags: number, stream: number, body: Buffer): void {
    switch (type) {
      case FRAME.data:
        this.#countReceived(body.length);
        if (!this.#problems.has(stream)) this.#problems.set(stream, this.#problemOf(body));
        break;
      case FRAME.settings:
        if ((flags & FLAG.ack) === 0) this.#context.send(frame(type, FLAG.ack, 0, EMPTY));
        return;
      case FRAME.ping:
        if ((flags & FLAG.ack) === 0) this.#context.send(frame(type, FLAG.ack, 0, body));
        return;
      case FRAME.reset:
        this.#onEnd(stream, "the call was reset");
        return;
      case FRAME.goAway:
        throw new Error(`the connection is given up: ${body.toString("latin1", 8)}`);
      default:
        break;
    }
    const canEnd = type === FRAME.data || type === FRAME.headers;
    if (!canEnd || (flags & FLAG.endStream) === 0) return;
    const isAnswered = this.#problems.has(stream);
    this.#onEnd(stream, isAnswered ? this.#problems.get(stream) : "the call failed");
  }

  #onEnd(stream: number, problem: string | undefined): void {
    this.#problems.delete(stream);
    this.#context.onReply(problem, -1);
  }

  /** Of a message's first bytes: what was found follows the header. */
  #problemOf(body: Buffer): string | undefined {
    if (!this.#mustFind) return undefined;
    const isHeader = body[GRPC_PREFIX_BYTES] === HEADER_TAG;
    const headerBytes = body[GRPC_PREFIX_BYTES + 1] ?? 0;
    const next = body[GRPC_PREFIX_BYTES + 2 + headerBytes];
    return isHeader && next === FOUND_TAG ? undefined : ABSENT;
  }

  #countReceived(bytes: number): void {
    this.#received += bytes;
    if (this.#received < WINDOW_STEP) return;
    const step = Buffer.alloc(4);
    step.writeUInt32BE(this.#received);
    this.#context.send(frame(FRAME.window, 0, 0, step));
    this.#received = 0;
  }
}
