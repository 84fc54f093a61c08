/**
 * Requests over HTTP/1.1 on kept connections: to dnd's `/kv`, and to etcd's JSON gateway, where keys and values are base64 in
 * JSON bodies and reads are linearizable unless asked otherwise (which this does not).
 */
import { KEY_BYTES } from "./load.ts";
import {
  type Batch,
  type RequestWriter,
  WriterBase,
  type WriterOptions,
} from "./request-writer.ts";

const HOST = "Host: 127.0.0.1\r\n";

/** An operation that a protocol does not have: the plan of rows must not ask for it. */
function notOffered(operation: string): never {
  throw new Error(`${operation} is not offered over this protocol`);
}

export class KvWriter extends WriterBase implements RequestWriter {
  readonly #readEnd: Buffer;

  constructor(options: WriterOptions & { readonly readsOne: boolean }) {
    super(options);
    this.#readEnd = Buffer.from(`${options.readsOne ? "?r=1" : ""} HTTP/1.1\r\n${HOST}\r\n`);
  }

  read(key: number): void {
    this.requests += 1;
    this.appendText("GET /kv/");
    this.appendKey(key);
    this.append(this.#readEnd);
  }

  write(key: number): void {
    const length = this.nextValueBytes();
    this.requests += 1;
    this.appendText("PUT /kv/");
    this.appendKey(key);
    this.appendText(
      ` HTTP/1.1\r\n${HOST}Content-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n`,
    );
    this.appendValue(length);
    this.bytesStored += KEY_BYTES + length;
  }

  increment(): void {
    notOffered("counting");
  }

  setField(): void {
    notOffered("setting a field");
  }

  take(): Batch {
    return this.takeBatch(false);
  }
}

export class EtcdWriter extends WriterBase implements RequestWriter {
  read(key: number): void {
    this.#post("range", `{"key":"${this.#key64(key)}"}`);
  }

  write(key: number): void {
    const length = this.nextValueBytes();
    const start = this.pool.start(length);
    const value = this.pool.bytes.toString("base64", start, start + length);
    this.#post("put", `{"key":"${this.#key64(key)}","value":"${value}"}`);
    this.bytesStored += KEY_BYTES + length;
  }

  increment(): void {
    notOffered("counting");
  }

  setField(): void {
    notOffered("setting a field");
  }

  take(): Batch {
    return this.takeBatch(false);
  }

  #post(method: "range" | "put", body: string): void {
    this.requests += 1;
    this.appendText(
      `POST /v3/kv/${method} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
  }

  #key64(key: number): string {
    const text = `${this.prefix.toString("latin1")}${String(key).padStart(KEY_BYTES - 4, "0")}`;
    return Buffer.from(text, "latin1").toString("base64");
  }
}
