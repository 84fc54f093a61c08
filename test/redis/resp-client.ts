/** One connection to a server that speaks the Redis protocol: requests in, replies out, in order. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Reply, ReplyParser } from "./reply-parser.ts";

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** Words are text in Latin-1, one character a byte. */
export type Request = readonly string[];

const REPLY_MS_MAX = 30_000;

export class RespClient {
  readonly #socket: Socket;
  readonly #parser = new ReplyParser();
  readonly #waiting: Waiting[] = [];
  /** What came without being asked for. */
  readonly pushes: Reply[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    // A server that hangs must not hang its test; one that sends nothing for so long hangs.
    socket.setTimeout(REPLY_MS_MAX, () => {
      if (this.#waiting.length > 0) socket.destroy(new Error(`no reply in ${REPLY_MS_MAX} ms`));
    });
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  static async open(port: number, host = "127.0.0.1"): Promise<RespClient> {
    const socket = connect({ port, host });
    await once(socket, "connect");
    return new RespClient(socket);
  }

  /** Rejects when the connection ends before the reply. */
  async ask(request: Request): Promise<Reply> {
    const [reply] = await this.askEncoded([encodeRequest(request)]);
    if (reply === undefined) throw new Error("no reply to one request");
    return reply;
  }

  /** Requests as they go on the wire, all at once; as many replies. */
  askEncoded(requests: readonly string[]): Promise<Reply[]> {
    if (this.#socket.destroyed) return Promise.reject(new Error("the connection is closed"));
    const replies = requests.map(
      () =>
        new Promise<Reply>((resolve, reject) => {
          this.#waiting.push({ resolve, reject });
        }),
    );
    this.#socket.write(requests.join(""), "latin1");
    return Promise.all(replies);
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    try {
      for (const reply of this.#parser.push(chunk)) {
        if (reply.kind === "attribute") continue;
        if (reply.kind === "push") this.pushes.push(reply);
        else this.#waiting.shift()?.resolve(reply);
      }
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/** As a line, which takes a request as well: each word in quotes, with escapes. */
export function encodeInline(request: Request): string {
  const words = request.map((word) => {
    const escaped = word.replace(/[^\w:*.+-]/g, (char) => {
      return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
    });
    return `"${escaped}"`;
  });
  return `${words.join(" ")}\r\n`;
}

export function encodeRequest(request: Request): string {
  let text = `*${request.length}\r\n`;
  for (const word of request) text += `$${word.length}\r\n${word}\r\n`;
  return text;
}
