/** Requests as bytes, one implementation a protocol. */
import type { Prng } from "../../src/base/prng.ts";
import { KEY_BYTES } from "./load.ts";
import type { ValuePool } from "./value-pool.ts";

const DIGITS = KEY_BYTES - 4;
const ZERO = 0x30;
/** It grows with what is written. */
const SCRATCH_BYTES = 1_024;

/** Requests that go out together. */
export interface Batch {
  readonly bytes: Buffer;
  readonly requests: number;
  /** Bytes of keys and values that the batch writes. */
  readonly bytesStored: number;
  /** Whether one more reply follows those of the requests, which says how many replicas have what was written. */
  readonly waits: boolean;
}

export interface RequestWriter {
  read(key: number): void;
  write(key: number): void;
  increment(key: number): void;
  /** Ten keys are ten fields of one hash. */
  setField(key: number): void;
  /** What was written since the last time. The bytes are the caller's. */
  take(): Batch;
}

export interface WriterOptions {
  readonly prefix: string;
  readonly valueBytes: readonly number[];
  readonly random: Prng;
  /** Writers may share one. */
  readonly pool: ValuePool;
}

/** What writers have in common: a buffer that grows, a pool of values. */
export class WriterBase {
  protected readonly pool: ValuePool;
  protected readonly prefix: Buffer;
  protected requests = 0;
  protected bytesStored = 0;
  readonly #sizes: readonly number[];
  readonly #random: Prng;
  #scratch: Buffer = Buffer.allocUnsafe(SCRATCH_BYTES);
  #length = 0;

  constructor({ prefix, valueBytes, random, pool }: WriterOptions) {
    this.prefix = Buffer.from(prefix, "latin1");
    this.#sizes = valueBytes;
    this.#random = random;
    this.pool = pool;
  }

  protected nextValueBytes(): number {
    const [only = 0] = this.#sizes;
    if (this.#sizes.length === 1) return only;
    return this.#sizes[this.#random.next32() % this.#sizes.length] ?? only;
  }

  protected append(bytes: Buffer): void {
    this.#reserve(bytes.length);
    bytes.copy(this.#scratch, this.#length);
    this.#length += bytes.length;
  }

  protected appendText(text: string): void {
    this.#reserve(text.length);
    this.#length += this.#scratch.write(text, this.#length, "latin1");
  }

  /** Four characters, then the number in twelve digits. */
  protected appendKey(key: number): void {
    this.append(this.prefix);
    this.#reserve(DIGITS);
    let rest = key;
    for (let at = this.#length + DIGITS - 1; at >= this.#length; at -= 1) {
      const tenth = Math.floor(rest / 10);
      this.#scratch[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.#length += DIGITS;
  }

  protected appendValue(length: number): void {
    const start = this.pool.start(length);
    this.#reserve(length);
    this.pool.bytes.copy(this.#scratch, this.#length, start, start + length);
    this.#length += length;
  }

  protected takeBatch(waits: boolean): Batch {
    const { requests, bytesStored } = this;
    const bytes = Buffer.from(this.#scratch.subarray(0, this.#length));
    this.#length = 0;
    this.requests = 0;
    this.bytesStored = 0;
    return { bytes, requests, bytesStored, waits };
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#scratch.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#scratch.length, this.#length + bytes));
    this.#scratch.copy(larger, 0, 0, this.#length);
    this.#scratch = larger;
  }
}
