/**
 * Bytes of a known bound that arrive in pieces, put together in one buffer.
 *
 * Invariant: the buffer is at most twice what has arrived (or 1 KiB), whatever was announced, and never longer than the
 * bound; so an announcement costs nothing, and each byte is copied a constant number of times, however small the pieces.
 */
import { assert } from "../../base/assert.ts";

const NOTHING = Buffer.alloc(0);
const CAPACITY_MIN = 1_024;

export class PartialBytes {
  readonly #lengthMax: number;
  #buffer: Buffer = NOTHING;
  #length = 0;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  /** Bytes that have arrived. */
  get length(): number {
    return this.#length;
  }

  /** Memory taken for them. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** The first byte that arrived; `undefined` before it did. */
  get first(): number | undefined {
    return this.#length === 0 ? undefined : this.#buffer[0];
  }

  /** Copies `source` from `start` up to `end`. The bound must not be exceeded: the caller has compared. */
  append(source: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    assert(length <= this.#lengthMax, "no more arrives than the bound");
    if (length > this.#buffer.length) this.#grow(length);
    source.copy(this.#buffer, this.#length, start, end);
    this.#length = length;
  }

  /** What has arrived, without a copy; nothing may be appended afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #grow(length: number): void {
    const capacity = Math.min(this.#lengthMax, Math.max(CAPACITY_MIN, 2 * length));
    // The last growth is to the bound itself, so bytes whose number was announced end in a buffer of just that length.
    const grown = Buffer.allocUnsafe(capacity);
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
