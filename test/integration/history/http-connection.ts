/**
 * One HTTP/1.1 connection, one request at a time, no retries: it tells apart what was never sent, what was answered,
 * and what was cut off, which an agent with a pool does not.
 */
import { connect, type Socket } from "node:net";

export interface HttpReply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

export interface HttpAsk {
  readonly method: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}

const HEAD_END = "\r\n\r\n";
const NOTHING = Buffer.alloc(0);

export class HttpConnection {
  readonly #socket: Socket;
  readonly #host: string;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  /** Bytes of the whole answer, once its head is here. */
  #wantedBytes: number | undefined;
  #answered: ((reply: HttpReply | undefined) => void) | undefined;
  #isOpen = true;

  /** `undefined`: nobody listens. */
  static open(port: number): Promise<HttpConnection | undefined> {
    return new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      socket.once("error", () => resolve(undefined));
      socket.once("connect", () => {
        socket.removeAllListeners("error");
        resolve(new HttpConnection(socket, port));
      });
    });
  }

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#host = `127.0.0.1:${port}`;
    socket.on("data", (bytes) => this.#onData(bytes));
    // Whatever ends a connection is followed by "close".
    socket.on("error", () => undefined);
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      this.#isOpen = false;
      this.#settle(undefined);
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Settles with the answer, or with `undefined` when the connection ended before it was whole. */
  ask({ method, target, headers = {}, body }: HttpAsk): Promise<HttpReply | undefined> {
    let head = `${method} ${target} HTTP/1.1\r\nHost: ${this.#host}\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    if (body !== undefined) head += `Content-Length: ${body.length}\r\n`;
    return new Promise((resolve) => {
      if (!this.#isOpen) return resolve(undefined);
      this.#answered = resolve;
      const bytes = Buffer.from(`${head}\r\n`, "latin1");
      this.#socket.write(body === undefined ? bytes : Buffer.concat([bytes, body]));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(bytes: Buffer): void {
    this.#received.push(bytes);
    this.#receivedBytes += bytes.length;
    if (this.#wantedBytes !== undefined && this.#receivedBytes < this.#wantedBytes) return;
    const all = this.#received.length === 1 ? bytes : Buffer.concat(this.#received);
    this.#received = [all];
    const headEnd = all.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const reply = parseHead(all.toString("latin1", 0, headEnd));
    const bodyStart = headEnd + HEAD_END.length;
    this.#wantedBytes = bodyStart + Number(reply.headers.get("content-length") ?? 0);
    if (all.length < this.#wantedBytes) return;
    const body = all.subarray(bodyStart, this.#wantedBytes);
    this.#received = [];
    this.#receivedBytes = 0;
    this.#wantedBytes = undefined;
    if (reply.headers.get("connection") === "close") this.close();
    this.#settle({ ...reply, body: body.length === 0 ? NOTHING : body });
  }

  #settle(reply: HttpReply | undefined): void {
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(reply);
  }
}

function parseHead(head: string): Pick<HttpReply, "status" | "headers"> {
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  // A body without its length would be taken for none: this node never sends one.
  const isChunked = headers.has("transfer-encoding");
  return { status: isChunked ? 0 : Number(statusLine.split(" ")[1]), headers };
}
