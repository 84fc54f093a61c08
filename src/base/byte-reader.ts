/**
 * Reads what `byte-writer.ts` wrote, from bytes that may be anything.
 *
 * Invariant: nothing outside the given bytes is ever read. A read beyond the end, and `reject`, throw `DecodeError`;
 * a codec's public function wraps its reading in `decodeAll`, which turns that into a reason, so no decoder throws.
 * Lengths are checked against what is there before memory is taken: a forged count must not cost more than its bytes.
 */
import { asBuffer } from "./binary.ts";

const TWO_POW_32 = 0x1_0000_0000;

/** Malformed input. Never leaves the codec: see `decodeAll`. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/** What became of untrusted bytes. */
export type Decoded<Value> =
  | { readonly kind: "decoded"; readonly value: Value }
  | { readonly kind: "malformed"; readonly reason: string };

/** Runs `read` over all of `bytes`; malformed or left-over bytes become a reason. */
export function decodeAll<Value>(
  bytes: Uint8Array,
  read: (reader: ByteReader) => Value,
): Decoded<Value> {
  try {
    const reader = new ByteReader(bytes);
    const value = read(reader);
    if (reader.remaining > 0) reader.reject(`${reader.remaining} bytes left over`);
    return { kind: "decoded", value };
  } catch (error) {
    // Anything else is a bug of ours and must stop the process.
    if (error instanceof DecodeError) return { kind: "malformed", reason: error.message };
    throw error;
  }
}

export class ByteReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = asBuffer(bytes);
  }

  /** Where the next read begins. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  /** Gives up on these bytes. */
  reject(reason: string): never {
    throw new DecodeError(`${reason}, at byte ${this.#offset}`);
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#advance(1));
  }

  u16(): number {
    return this.#buffer.readUInt16BE(this.#advance(2));
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#advance(4));
  }

  u48(): number {
    return this.#buffer.readUIntBE(this.#advance(6), 6);
  }

  /** A safe integer that is not negative, from 8 bytes. */
  u53(): number {
    const at = this.#advance(8);
    const high = this.#buffer.readUInt32BE(at);
    if (high > 0x1f_ffff) this.reject("an integer above 53 bits");
    return high * TWO_POW_32 + this.#buffer.readUInt32BE(at + 4);
  }

  f64(): number {
    return this.#buffer.readDoubleBE(this.#advance(8));
  }

  /** `length` bytes as a view of the input: copy what must outlive it. */
  bytes(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#buffer.subarray(at, at + length);
  }

  /** Bytes after a length of 8 bits; a view. */
  bytes8(): Uint8Array {
    return this.bytes(this.u8());
  }

  /** Bytes after a length of 16 bits; a view. */
  bytes16(): Uint8Array {
    return this.bytes(this.u16());
  }

  /** Bytes after a length of 32 bits; a view. */
  bytes32(): Uint8Array {
    return this.bytes(this.u32());
  }

  /** `length` bytes as a binary string. */
  binary(length: number): string {
    const at = this.#advance(length);
    return this.#buffer.toString("latin1", at, at + length);
  }

  /** A binary string after a length of 8 bits. */
  binary8(): string {
    return this.binary(this.u8());
  }

  /** A binary string after a length of 16 bits. */
  binary16(): string {
    return this.binary(this.u16());
  }

  /** A binary string after a length of 32 bits. */
  binary32(): string {
    return this.binary(this.u32());
  }

  /** A count of 16 bits of items that take at least `itemBytesMin` each; refused when they cannot all be there. */
  count16(itemBytesMin: number): number {
    return this.#plausible(this.u16(), itemBytesMin);
  }

  /** As `count16`, of 32 bits. */
  count32(itemBytesMin: number): number {
    return this.#plausible(this.u32(), itemBytesMin);
  }

  #plausible(count: number, itemBytesMin: number): number {
    if (count * itemBytesMin > this.remaining) this.reject(`${count} items announced`);
    return count;
  }

  #advance(bytes: number): number {
    const at = this.#offset;
    if (bytes > this.remaining) this.reject(`${bytes} bytes wanted, ${this.remaining} left`);
    this.#offset = at + bytes;
    return at;
  }
}
