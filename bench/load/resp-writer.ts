/** Requests of the Redis protocol: `SET`, `GET`, `INCR`, `HSET`, and `WAIT 1` after a batch that writes, where asked for. */
import { KEY_BYTES } from "./load.ts";
import {
  type Batch,
  type RequestWriter,
  WriterBase,
  type WriterOptions,
} from "./request-writer.ts";

const GET = Buffer.from(`*2\r\n$3\r\nGET\r\n$${KEY_BYTES}\r\n`);
const SET = Buffer.from(`*3\r\n$3\r\nSET\r\n$${KEY_BYTES}\r\n`);
const INCR = Buffer.from(`*2\r\n$4\r\nINCR\r\n$${KEY_BYTES}\r\n`);
const HSET = Buffer.from(`*4\r\n$4\r\nHSET\r\n$${KEY_BYTES}\r\n`);
/** A replica that has not got it within ten seconds is an error. */
const WAIT = Buffer.from("*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$5\r\n10000\r\n");
const END = Buffer.from("\r\n");
const FIELDS_PER_HASH = 10;
const FIELD_BYTES = 6;

export class RespWriter extends WriterBase implements RequestWriter {
  readonly #waits: boolean;
  #isWritten = false;

  constructor(options: WriterOptions & { readonly waits: boolean }) {
    super(options);
    this.#waits = options.waits;
  }

  read(key: number): void {
    this.#command(GET, key);
  }

  write(key: number): void {
    this.#command(SET, key);
    this.#value();
    this.bytesStored += KEY_BYTES;
    this.#isWritten = true;
  }

  increment(key: number): void {
    this.#command(INCR, key);
    this.bytesStored += KEY_BYTES;
    this.#isWritten = true;
  }

  setField(key: number): void {
    this.#command(HSET, Math.floor(key / FIELDS_PER_HASH));
    this.appendText(`$${FIELD_BYTES}\r\nfield${key % FIELDS_PER_HASH}\r\n`);
    this.#value();
    this.bytesStored += FIELD_BYTES;
    this.#isWritten = true;
  }

  take(): Batch {
    const waits = this.#waits && this.#isWritten;
    if (waits) this.append(WAIT);
    this.#isWritten = false;
    return this.takeBatch(waits);
  }

  #command(head: Buffer, key: number): void {
    this.requests += 1;
    this.append(head);
    this.appendKey(key);
    this.append(END);
  }

  #value(): void {
    const length = this.nextValueBytes();
    this.appendText(`$${length}\r\n`);
    this.appendValue(length);
    this.append(END);
    this.bytesStored += length;
  }
}
