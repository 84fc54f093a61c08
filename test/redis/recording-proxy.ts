/**
 * Stands between Redis's test suite and a server: notes which commands each test sends, and can send others in their
 * place, as if the server did not have them.
 *
 * A test begins with `DEBUG LOG "### Starting test NAME in FILE"` on a connection of its own, which the suite sends to
 * any server, whatever that answers. A block of tests begins with `FLUSHALL` and `FUNCTION FLUSH`. Bytes that are no
 * request are passed on as they are, and so is all that follows on that connection. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { encodeRequest } from "./resp-client.ts";

/** What each test asked for: `CONFIG SET` with the parameter, anything else with its first two words. */
export type Recorded = ReadonlyMap<string, readonly (readonly string[])[]>;

type Words = readonly string[];

export interface ProxyOptions {
  readonly host: string;
  readonly port: number;
  /** What to ask in place of a request, if not that itself. */
  readonly replaced: (request: Words) => Words | undefined;
}

/** Between blocks nothing belongs to a test. */
const NOWHERE = "";
const WORDS_KEPT = 3;
/** Redis takes longer lines and more words for broken as well. */
const LINE_BYTES_MAX = 65_536;
const WORDS_MAX = 1_048_576;
const WORD_BYTES_MAX = 536_870_912;
const STARTING = /^### Starting test ([\s\S]*) in tests\/[\w/-]+\.tcl$/;

export class RecordingProxy {
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #requests = new Map<string, Map<string, readonly string[]>>();
  #test = NOWHERE;
  requestCount = 0;

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#onConnection(socket));
  }

  static async open(options: ProxyOptions): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(options);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The test that runs; empty between blocks of tests. */
  get test(): string {
    return this.#test;
  }

  get recorded(): Recorded {
    return new Map([...this.#requests].map(([test, requests]) => [test, [...requests.values()]]));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #onConnection(client: Socket): void {
    const { host, port } = this.#options;
    const upstream = connect({ host, port });
    const requests = new RequestSplitter((words, bytes) => this.#pass(words, bytes));
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("close", () => this.#sockets.delete(socket));
    }
    // A write to a server that has closed would end the connection before its last reply is read: reading goes first.
    client.on("data", (chunk: Buffer) => {
      const bytes = requests.push(chunk);
      setImmediate(() => upstream.write(bytes));
    });
    client.on("end", () => setImmediate(() => upstream.end(requests.rest())));
    client.on("error", () => upstream.destroy());
    upstream.on("data", (chunk: Buffer) => client.write(chunk));
    upstream.on("end", () => client.end());
    upstream.on("error", () => client.destroySoon());
    upstream.on("close", () => client.destroySoon());
    client.on("close", () => upstream.destroySoon());
  }

  /** The bytes to send on in place of this request. */
  #pass(words: readonly string[], bytes: Buffer): Buffer {
    this.requestCount += 1;
    const [first = "", second = "", third = ""] = words;
    const command = first.toLowerCase();
    if (command === "debug" && second.toLowerCase() === "log") {
      const starting = STARTING.exec(third);
      if (starting !== null) {
        this.#test = starting[1] ?? NOWHERE;
        return bytes;
      }
    }
    if (command === "function" && second.toLowerCase() === "flush") {
      this.#test = NOWHERE;
      return bytes;
    }
    this.#note(words);
    const other = this.#options.replaced(words);
    return other === undefined ? bytes : Buffer.from(encodeRequest(other), "latin1");
  }

  #note(words: readonly string[]): void {
    const isSetting = words[0]?.toLowerCase() === "config" && words[1]?.toLowerCase() === "set";
    const kept = words.slice(0, isSetting ? WORDS_KEPT : 2);
    const requests = this.#requests.get(this.#test) ?? new Map<string, readonly string[]>();
    this.#requests.set(this.#test, requests);
    requests.set(JSON.stringify(kept), kept);
  }
}

/** Cuts what a client sends into requests, and holds an unfinished one back. */
class RequestSplitter {
  readonly #onRequest: (words: readonly string[], bytes: Buffer) => Buffer;
  #bytes: Buffer = Buffer.alloc(0);
  #isBroken = false;

  constructor(onRequest: (words: readonly string[], bytes: Buffer) => Buffer) {
    this.#onRequest = onRequest;
  }

  push(chunk: Buffer): Buffer {
    if (this.#isBroken) return chunk;
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const passed: Buffer[] = [];
    for (;;) {
      const request = readRequest(this.#bytes);
      if (request === undefined) break;
      if (request === "broken") {
        this.#isBroken = true;
        passed.push(this.rest());
        break;
      }
      const bytes = this.#bytes.subarray(0, request.end);
      passed.push(request.words.length === 0 ? bytes : this.#onRequest(request.words, bytes));
      this.#bytes = this.#bytes.subarray(request.end);
    }
    return Buffer.concat(passed);
  }

  rest(): Buffer {
    const bytes = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return bytes;
  }
}

interface ReadRequest {
  readonly words: readonly string[];
  readonly end: number;
}

function readRequest(bytes: Buffer): ReadRequest | "broken" | undefined {
  if (bytes.length === 0) return undefined;
  const head = readLine(bytes, 0);
  if (head === undefined || head === "broken") return head;
  if (!head.text.startsWith("*")) return { words: head.text.match(/\S+/g) ?? [], end: head.end };
  const count = Number(head.text.slice(1));
  if (!Number.isInteger(count) || count > WORDS_MAX) return "broken";

  const words: string[] = [];
  let offset = head.end;
  while (words.length < count) {
    const line = readLine(bytes, offset);
    if (line === undefined || line === "broken") return line;
    const length = Number(line.text.slice(1));
    const isLength = line.text.startsWith("$") && /^\d+$/.test(line.text.slice(1));
    if (!isLength || length > WORD_BYTES_MAX) return "broken";
    const end = line.end + length;
    if (bytes.length < end + 2) return undefined;
    words.push(bytes.toString("latin1", line.end, end));
    offset = end + 2;
  }
  return { words, end: offset };
}

function readLine(
  bytes: Buffer,
  start: number,
): { readonly text: string; readonly end: number } | "broken" | undefined {
  const newline = bytes.indexOf("\n", start, "latin1");
  if (newline === -1) return bytes.length - start > LINE_BYTES_MAX ? "broken" : undefined;
  const text = bytes.toString("latin1", start, newline);
  return { text: text.endsWith("\r") ? text.slice(0, -1) : text, end: newline + 1 };
}
