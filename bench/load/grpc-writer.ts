/**
 * etcd's calls as its own clients make them: `KV/Put` and `KV/Range` (linearizable) over gRPC. One writer a connection, because the
 * calls of a connection are numbered.
 */
import { bytesField, callHeaders, FLAG, FRAME, frame, grpcMessage } from "./grpc-frames.ts";
import { KEY_BYTES } from "./load.ts";
import { type Batch, type RequestWriter, WriterBase } from "./request-writer.ts";

const PUT = callHeaders("/etcdserverpb.KV/Put");
const RANGE = callHeaders("/etcdserverpb.KV/Range");
const KEY_FIELD = 1;
const VALUE_FIELD = 2;

export class GrpcWriter extends WriterBase implements RequestWriter {
  /** A client's calls have odd numbers. */
  #stream = 1;

  read(key: number): void {
    this.#call(RANGE, bytesField(KEY_FIELD, this.#key(key)));
  }

  write(key: number): void {
    const length = this.nextValueBytes();
    const start = this.pool.start(length);
    const value = this.pool.bytes.subarray(start, start + length);
    const body = [bytesField(KEY_FIELD, this.#key(key)), bytesField(VALUE_FIELD, value)];
    this.#call(PUT, Buffer.concat(body));
    this.bytesStored += KEY_BYTES + length;
  }

  increment(): void {
    throw new Error("etcd does not count");
  }

  setField(): void {
    throw new Error("etcd has no hashes");
  }

  take(): Batch {
    return this.takeBatch(false);
  }

  #call(headers: Buffer, body: Buffer): void {
    this.requests += 1;
    this.append(frame(FRAME.headers, FLAG.endHeaders, this.#stream, headers));
    this.append(frame(FRAME.data, FLAG.endStream, this.#stream, grpcMessage(body)));
    this.#stream += 2;
  }

  #key(key: number): Buffer {
    const digits = String(key).padStart(KEY_BYTES - this.prefix.length, "0");
    return Buffer.concat([this.prefix, Buffer.from(digits, "latin1")]);
  }
}
