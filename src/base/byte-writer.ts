/**
 * A growing buffer that codecs write into: big-endian integers, bytes, and text with a length before it.
 *
 * Invariant: a value outside the range of its field is our own mistake and stops the process; nothing is ever
 * truncated silently. Counterpart: `byte-reader.ts`.
 */
import { assert } from "./assert.ts";
import { asBuffer } from "./binary.ts";
import { Buffer } from "./buffer.ts";

const BYTES_INITIAL = 256;
const U16_MAX = 0xffff;
const U32_MAX = 0xffff_ffff;
const U48_MAX = 2 ** 48 - 1;
const TWO_POW_32 = 0x1_0000_0000;

export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  /** `bytesExpected` saves growing; it is no limit. */
  constructor(bytesExpected: number = BYTES_INITIAL) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(bytesExpected, 16));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xff, "value fits 8 bits");
    const at = this.#advance(1);
    this.#buffer[at] = value;
  }

  u16(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= U16_MAX, "value fits 16 bits");
    const at = this.#advance(2);
    this.#buffer.writeUInt16BE(value, at);
  }

  u32(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= U32_MAX, "value fits 32 bits");
    const at = this.#advance(4);
    this.#buffer.writeUInt32BE(value, at);
  }

  u48(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= U48_MAX, "value fits 48 bits");
    const at = this.#advance(6);
    this.#buffer.writeUIntBE(value, at, 6);
  }

  /** A safe integer that is not negative, in 8 bytes. */
  u53(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "value fits 53 bits");
    const at = this.#advance(8);
    this.#buffer.writeUInt32BE(Math.floor(value / TWO_POW_32), at);
    this.#buffer.writeUInt32BE(value % TWO_POW_32, at + 4);
  }

  f64(value: number): void {
    const at = this.#advance(8);
    this.#buffer.writeDoubleBE(value, at);
  }

  /** The bytes alone; the reader must know how many. Copied. */
  bytes(value: Uint8Array): void {
    const at = this.#advance(value.length);
    this.#buffer.set(value, at);
  }

  /** A length of 8 bits, then the bytes. */
  bytes8(value: Uint8Array): void {
    this.u8(value.length);
    this.bytes(value);
  }

  /** A length of 16 bits, then the bytes. */
  bytes16(value: Uint8Array): void {
    this.u16(value.length);
    this.bytes(value);
  }

  /** A length of 32 bits, then the bytes. */
  bytes32(value: Uint8Array): void {
    this.u32(value.length);
    this.bytes(value);
  }

  /** A binary string (one byte a character) alone; the reader must know how long it is. */
  binary(value: string): void {
    const at = this.#advance(value.length);
    this.#buffer.write(value, at, "latin1");
  }

  /** A length of 8 bits, then a binary string. */
  binary8(value: string): void {
    this.u8(value.length);
    this.binary(value);
  }

  /** A length of 16 bits, then a binary string. */
  binary16(value: string): void {
    this.u16(value.length);
    this.binary(value);
  }

  /** A length of 32 bits, then a binary string. */
  binary32(value: string): void {
    this.u32(value.length);
    this.binary(value);
  }

  /** Overwrites two bytes at `offset`, which must have been written: for counts known only afterwards. */
  setU16(offset: number, value: number): void {
    assert(offset >= 0 && offset + 2 <= this.#length, "only what was written is overwritten");
    assert(Number.isInteger(value) && value >= 0 && value <= U16_MAX, "value fits 16 bits");
    this.#buffer.writeUInt16BE(value, offset);
  }

  /** Overwrites four bytes at `offset`, which must have been written. */
  setU32(offset: number, value: number): void {
    assert(offset >= 0 && offset + 4 <= this.#length, "only what was written is overwritten");
    assert(Number.isInteger(value) && value >= 0 && value <= U32_MAX, "value fits 32 bits");
    this.#buffer.writeUInt32BE(value, offset);
  }

  /** Forgets everything written at or after `length`: for what turned out not to fit. */
  truncate(length: number): void {
    assert(length >= 0 && length <= this.#length, "truncation only shortens");
    this.#length = length;
  }

  /** What was written, without a copy. The writer must not be used afterwards. */
  finish(): Uint8Array {
    return asBuffer(this.#buffer.subarray(0, this.#length));
  }

  /** Makes room for `bytes` more and returns where they begin. */
  #advance(bytes: number): number {
    const at = this.#length;
    const needed = at + bytes;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, at));
      this.#buffer = grown;
    }
    this.#length = needed;
    return at;
  }
}
