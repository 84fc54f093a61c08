/** Values as callers get them. */
import { textFromBinary } from "../base/binary.ts";
import { Buffer } from "../base/buffer.ts";
import type { RootCell } from "../model/cell.ts";
import type { HashEntry } from "../model/operation.ts";
import type { ListEntry, QuorumReport } from "../model/outcome.ts";
import { formatStamp, type Stamp } from "../model/stamp.ts";

/** Bytes that were read. `value` is the caller's to keep and change. */
export class StoredValue {
  readonly value: Uint8Array;

  constructor(value: Uint8Array) {
    // What was read may be what this node still looks at, or is about to send to a replica that is behind.
    this.value = new Uint8Array(value);
  }

  /** The value as UTF-8 text; bytes that are not UTF-8 become U+FFFD. */
  text(): string {
    const { buffer, byteOffset, byteLength } = this.value;
    return Buffer.from(buffer, byteOffset, byteLength).toString("utf8");
  }

  /** The value parsed as JSON. Throws `SyntaxError` if it is none. */
  json(): unknown {
    return JSON.parse(this.text());
  }
}

/** A value as it was read. */
export class Entry extends StoredValue {
  readonly #stamp: Stamp;
  /** Empty when unknown. */
  readonly contentType: string;
  /** Wall-clock milliseconds; `undefined` never expires. */
  readonly expiresAtMs: number | undefined;
  /** How many replicas answered; `undefined` in a listing. */
  readonly quorum: QuorumReport | undefined;

  constructor(root: RootCell, quorum: QuorumReport | undefined) {
    super(root.payload);
    this.#stamp = root.stamp;
    this.contentType = root.contentType;
    this.expiresAtMs = root.expiresAtMs === 0 ? undefined : root.expiresAtMs;
    this.quorum = quorum;
  }

  /** Names this very write: for conditions, and for reads that must not be older. */
  get stamp(): string {
    return formatStamp(this.#stamp);
  }
}

/** An entry of a listing. */
export class KeyedEntry extends Entry {
  readonly #binary: string;
  /** What the key holds. A counter is a `string`; of a hash or set the value is empty. */
  readonly type: "string" | "hash" | "set";

  constructor(entry: ListEntry) {
    super(entry.root, undefined);
    this.#binary = entry.key;
    this.type = entry.root.type === "counter" ? "string" : entry.root.type;
  }

  /** The key as text, `undefined` if it is not UTF-8. */
  get key(): string | undefined {
    return textFromBinary(this.#binary);
  }

  /** The key as bytes: a fresh copy. */
  get keyBytes(): Uint8Array {
    return Buffer.from(this.#binary, "latin1");
  }
}

/** A field of a hash, with its value. */
export class HashField extends StoredValue {
  readonly #binary: string;

  constructor([name, value]: HashEntry) {
    super(value);
    this.#binary = name;
  }

  /** The field as text, `undefined` if it is not UTF-8. */
  get field(): string | undefined {
    return textFromBinary(this.#binary);
  }

  /** The field as bytes: a fresh copy. */
  get fieldBytes(): Uint8Array {
    return Buffer.from(this.#binary, "latin1");
  }
}
