/**
 * A lean HTTP/1.1 client for load: one keep-alive connection, prepared bytes out, status and body back.
 *
 * No `fetch`, no agent, no promise per request: what is measured is the node, not its client. Requests may be sent
 * ahead (pipelined); answers come in order. Invariant: every request is answered exactly once, with `LOST` when the
 * connection ended before its answer. Answers must be framed by Content-Length (or have no body): the node's `/kv` are.
 */
import { connect, type Socket } from "node:net";

/** Instead of a status: the connection broke before the answer came; the body says why. */
export const LOST = 0;

/** `body` is only valid during the call. */
export type OnAnswer = (status: number, body: Buffer) => void;

const EMPTY = Buffer.alloc(0);
const HEAD_END = Buffer.from("\r\n\r\n");
/** "HTTP/1.1 " stands before the status. */
const STATUS_AT = 9;

export class KeepAliveConnection {
  readonly #socket: Socket;
  readonly #waiting: OnAnswer[] = [];
  #rest: Buffer = EMPTY;
  #isClosed = false;
  #problem = "closed by the node";

  constructor(port: number, host = "127.0.0.1") {
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.on("data", (chunk) => this.#onData(chunk));
    this.#socket.on("error", (error) => {
      // "close" follows and tells the requests that wait.
      this.#problem = error.message;
    });
    this.#socket.on("close", () => this.#onClose());
  }

  /** Requests sent and not yet answered. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** `request`: the whole request, head and body. */
  send(request: Buffer | string, onAnswer: OnAnswer): void {
    if (this.#isClosed) {
      onAnswer(LOST, EMPTY);
      return;
    }
    this.#waiting.push(onAnswer);
    this.#socket.write(request, "latin1");
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const headEnd = bytes.indexOf(HEAD_END);
      if (headEnd < 0) break;
      const bodyStart = headEnd + HEAD_END.length;
      const status = Number(bytes.toString("latin1", STATUS_AT, STATUS_AT + 3));
      const bodyEnd = bodyStart + bodyLength(status, bytes.toString("latin1", 0, headEnd));
      if (bytes.length < bodyEnd) break;
      const onAnswer = this.#waiting.shift();
      if (onAnswer === undefined) throw new Error("an answer that nobody asked for");
      onAnswer(status, bytes.subarray(bodyStart, bodyEnd));
      bytes = bytes.subarray(bodyEnd);
    }
    this.#rest = bytes;
  }

  #onClose(): void {
    this.#isClosed = true;
    for (const onAnswer of this.#waiting.splice(0)) onAnswer(LOST, Buffer.from(this.#problem));
  }
}

function bodyLength(status: number, head: string): number {
  if (status === 204 || status === 304) return 0;
  const found = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (found === null) throw new Error(`an answer without Content-Length: ${head}`);
  return Number(found[1]);
}

/** One request, as a promise. */
export function ask(
  connection: KeepAliveConnection,
  request: Buffer | string,
): Promise<{ readonly status: number; readonly body: Buffer }> {
  return new Promise((resolve) => {
    connection.send(request, (status, body) => resolve({ status, body: Buffer.from(body) }));
  });
}

/** Keys and values of load are ASCII: text is bytes. */
export function getRequest(port: number, target: string): string {
  return `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
}

export function deleteRequest(port: number, target: string): string {
  return `DELETE ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
}

export function putRequest(port: number, target: string, value: string): string {
  return (
    `PUT ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: text/plain\r\n` +
    `Content-Length: ${value.length}\r\n\r\n${value}`
  );
}
