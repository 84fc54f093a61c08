/**
 * A client of the Redis protocol for tests: what is sent is up to the byte, what comes back is parsed.
 *
 * Invariant: replies are handed out in the order they came; one that is waited for after the connection has ended is told so.
 */
import { connect, type Socket } from "node:net";
import type { Reply } from "../../src/protocol/resp/reply.ts";
import { ReplyParser } from "../../src/protocol/resp/reply-parser.ts";

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class RespClient {
  readonly socket: Socket;
  readonly #parser = new ReplyParser();
  readonly #replies: Reply[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #ended: Promise<void>;
  #hasEnded = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => this.#onData(chunk));
    socket.on("error", () => undefined);
    this.#ended = new Promise((resolve) => {
      socket.on("close", () => {
        this.#hasEnded = true;
        for (const { reject } of this.#waiting.splice(0)) reject(new Error("the connection ended"));
        resolve();
      });
    });
  }

  static open(port: number, host = "127.0.0.1"): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new RespClient(socket));
      });
    });
  }

  /** Settles once the other end has closed, or this one. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Replies that have come and were not asked for yet. */
  get replies(): readonly Reply[] {
    return this.#replies;
  }

  /** The next reply, in the order of the requests; pushes are among them. */
  next(): Promise<Reply> {
    const reply = this.#replies.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.#hasEnded) return Promise.reject(new Error("the connection ended"));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  send(...args: readonly (string | Uint8Array)[]): void {
    this.write(requestBytes(args));
  }

  /** Sends a request and gives its reply in the shape of `plain`. */
  async ask(...args: readonly (string | Uint8Array)[]): Promise<unknown> {
    this.send(...args);
    return plain(await this.next());
  }

  close(): Promise<void> {
    this.socket.destroy();
    return this.#ended;
  }

  #onData(chunk: Buffer): void {
    this.#parser.push(chunk);
    for (;;) {
      const reply = this.#parser.next();
      if (reply === undefined) return;
      if (reply.kind === "protocol-error") {
        this.socket.destroy(new Error(reply.reason));
        return;
      }
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#replies.push(reply);
      else waiting.resolve(reply);
    }
  }
}

/** A request as clients send it: text one byte a character. */
export function requestBytes(args: readonly (string | Uint8Array)[]): Buffer {
  const parts = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === "string" ? Buffer.from(arg, "latin1") : arg;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), Buffer.from(bytes), Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

/**
 * A reply as a test writes it down: text as "text", an error as "-text", an integer as a number, arrays, sets and pushes as
 * arrays, a map as `{ map: [[key, value], ...] }`.
 */
export function plain(reply: Reply): unknown {
  switch (reply.kind) {
    case "simple":
      return reply.text;
    case "error":
      return `-${reply.text}`;
    case "bulk":
    case "verbatim":
      return Buffer.from(reply.bytes).toString("latin1");
    case "binary":
      return reply.binary;
    case "null":
    case "null-array":
      return null;
    case "array":
    case "set":
    case "push":
      return reply.items.map(plain);
    case "map":
      return { map: reply.entries.map(([key, value]) => [plain(key), plain(value)]) };
    default:
      return reply.value;
  }
}
