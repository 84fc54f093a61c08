/** A collector of traces as OpenTelemetry's protocol has it (OTLP in JSON over HTTP), that keeps what it was sent for a test to look at. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface CollectedSpan {
  /** What its resource says of who made it. */
  readonly resource: Readonly<Record<string, unknown>>;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where there is none. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly facts: Readonly<Record<string, unknown>>;
  /** 2 is an error. */
  readonly status: number;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code?: number };
}

interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

export class OtlpCollector {
  readonly spans: CollectedSpan[] = [];
  /** Of all requests: where they went, and with which headers. */
  readonly asked: { readonly path: string; readonly headers: IncomingMessage["headers"] }[] = [];
  /** All that came, as it came. */
  text = "";
  /** Takes what is sent and does not answer. */
  isHanging = false;
  status = 200;
  readonly #server: Server;
  readonly #port: number;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
    server.on("request", (request, response) => this.#onRequest(request, response));
  }

  static async open(): Promise<OtlpCollector> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new OtlpCollector(server, (server.address() as AddressInfo).port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    this.asked.push({ path: request.url ?? "", headers: request.headers });
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (this.isHanging) return;
      if (this.status === 200) this.#take(Buffer.concat(chunks).toString());
      response.writeHead(this.status, { "content-type": "application/json" }).end("{}");
    });
  }

  #take(text: string): void {
    this.text += text;
    for (const { resource, scopeSpans } of (JSON.parse(text) as Sent).resourceSpans) {
      const own = record(resource.attributes);
      for (const { spans } of scopeSpans) {
        for (const span of spans) this.spans.push(collected(span, own));
      }
    }
  }
}

function collected(span: SentSpan, resource: CollectedSpan["resource"]): CollectedSpan {
  return {
    resource,
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? "",
    traceState: span.traceState ?? "",
    name: span.name,
    kind: span.kind,
    startNs: BigInt(span.startTimeUnixNano),
    endNs: BigInt(span.endTimeUnixNano),
    facts: record(span.attributes),
    status: span.status.code ?? 0,
  };
}

function record(attributes: readonly Attribute[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
