/** HTTP by hand: requests to the byte, for what well-behaved clients cannot send. */
import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Everything that came back before the other side closed the connection. */
export function exchange(port: number, bytes: string | Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = open(port);
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(chunks)));
    socket.write(bytes);
  });
}

export function open(port: number): Socket {
  return connect({ host: "127.0.0.1", port });
}

/** The first answer in `bytes`, framed by its Content-Length. */
export function parseAnswer(bytes: Buffer): RawAnswer {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0)
    throw new Error(`no answer in ${JSON.stringify(bytes.toString("latin1").slice(0, 200))}`);
  const [statusLine = "", ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const colonIndex = line.indexOf(":");
      return [line.slice(0, colonIndex).toLowerCase(), line.slice(colonIndex + 1).trim()];
    }),
  );
  const length = Number(headers.get("content-length") ?? 0);
  return {
    status: Number(statusLine.split(" ")[1]),
    headers,
    body: bytes.subarray(headEnd + 4, headEnd + 4 + length),
  };
}

/** One request on a connection of its own, written and read as it is. */
export async function request(
  port: number,
  method: string,
  target: string,
  options: { readonly headers?: readonly string[]; readonly body?: string | Uint8Array } = {},
): Promise<RawAnswer> {
  const body = Buffer.from(options.body ?? "");
  const hasBody = options.body !== undefined;
  const head = [
    `${method} ${target} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Connection: close",
    ...(hasBody ? [`Content-Length: ${body.length}`] : []),
    ...(options.headers ?? []),
  ].join("\r\n");
  return parseAnswer(
    await exchange(port, Buffer.concat([Buffer.from(`${head}\r\n\r\n`, "latin1"), body])),
  );
}
