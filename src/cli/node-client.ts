/**
 * A node over HTTP, for the client commands. `node:http` and not `fetch`, which refuses port 6000.
 *
 * Invariant: every answer that is not a success becomes a `CliError` with the node's own code and sentence.
 */
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { encodeBase64 } from "../protocol/http/percent.ts";
import { CliError, EXIT, failure, usageError } from "./cli-error.ts";

const PORT_DEFAULT = 6_000;
/** Cursors hold a key, and perhaps the name of a field: Node's own bound is less. */
const HEAD_BYTES_MAX = 128 * 1024;
/** A node answers within its own deadline of 60 s at most; silence longer than this is a dead connection. */
const SILENCE_MS_MAX = 90_000;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Question {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Path and query, encoded. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}

export class NodeClient {
  readonly #host: string;
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true });

  readonly #silenceMs: number;

  /**
   * @param where     `http://host:port`, `host:port` or `host`.
   * @param silenceMs silence after which a connection counts as dead.
   */
  constructor(where: string, silenceMs: number = SILENCE_MS_MAX) {
    this.#silenceMs = silenceMs;
    const { host, port } = parseNodeUrl(where);
    this.#host = host;
    this.#port = port;
  }

  get url(): string {
    return `http://${this.#host.includes(":") ? `[${this.#host}]` : this.#host}:${this.#port}`;
  }

  /** Lets go of the connection; without it the process would wait for it to idle out. */
  close(): void {
    this.#agent.destroy();
  }

  /** The answer if it is a success (2xx, 304). Throws `CliError`. */
  async ask(question: Question): Promise<Answer> {
    const answer = await this.#send(question);
    if (answer.status < 300 || answer.status === 304) return answer;
    throw problemError(answer);
  }

  async askJson<Value>(target: string): Promise<Value> {
    const { body } = await this.ask({ method: "GET", target });
    return JSON.parse(body.toString("utf8")) as Value;
  }

  #send({ method, target, headers = {}, body }: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { "Content-Length": String(body.length) };
      const outgoing = request(
        {
          host: this.#host,
          port: this.#port,
          agent: this.#agent,
          method,
          path: target,
          headers: { ...headers, ...length },
          timeout: this.#silenceMs,
          maxHeaderSize: HEAD_BYTES_MAX,
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("error", (error) => reject(this.#lost(error)));
          incoming.on("end", () =>
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              body: Buffer.concat(chunks),
            }),
          );
        },
      );
      outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
      outgoing.on("error", (error) => reject(this.#lost(error)));
      outgoing.end(body);
    });
  }

  #lost(error: Error): CliError {
    const { code = error.message } = error as NodeJS.ErrnoException;
    if (code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "EAI_AGAIN") {
      return failure(
        "no-node",
        `no node answers at ${this.url} (${code})`,
        "start one with `dnd up`, or name one with --node URL or DND_NODE",
      );
    }
    return failure("no-answer", `the connection to ${this.url} was lost (${code})`);
  }
}

/** The target of one key: in base64url, so that no byte of it needs care on the way. */
export function keyTarget(
  binaryKey: string,
  parameters: Readonly<Record<string, string | undefined>> = {},
): string {
  return `/kv?${query({ key64: encodeBase64(binaryKey), ...parameters })}`;
}

/** Parameters as a query; undefined ones are left out. */
export function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter(
    (pair): pair is [string, string] => pair[1] !== undefined,
  );
  return given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
}

export function parseNodeUrl(where: string): { readonly host: string; readonly port: number } {
  const match = /^(?:http:\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^/:[\]@?#]+))(?::(\d{1,5}))?\/?$/.exec(
    where,
  );
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? PORT_DEFAULT : Number(match[3]);
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port };
  throw usageError(
    `"${where}" is not a node: must be http://HOST:PORT`,
    "for example --node http://127.0.0.1:6000",
  );
}

function problemError(answer: Answer): CliError {
  const problem = parseProblem(answer);
  const { code = "http", detail = `the node answered ${answer.status}`, ...facts } = problem;
  const { type: _type, title: _title, status: _status, ...rest } = facts;
  const exit =
    code === "key-not-found" ? EXIT.notFound : isUsage(answer.status) ? EXIT.usage : EXIT.failed;
  return new CliError(String(detail), { exit, code: String(code), facts: rest });
}

/** What the node refuses because of how it was asked: a bad key or parameter. */
function isUsage(status: number): boolean {
  return status === 400 || status === 414;
}

function parseProblem(answer: Answer): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(answer.body.toString("utf8"));
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    // Not one of our nodes, or a proxy in between: the status is all there is.
    return {};
  }
}
