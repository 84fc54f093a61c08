/**
 * Read-modify-writes and what became of them, as bytes. An operation is the code of its kind (u8) and then its parts in
 * the order of `OPERATIONS`; a result likewise, by `RESULTS`. Codes are never re-used.
 *
 *   bytes       length u32, bytes             integer    u64, two's complement
 *   text        length u16, UTF-8             offset     u53
 *   time        u48                           expiry     u8: 0 a time, then it; 1 keep
 *   name        length u16, bytes             names      count u32, names
 *   entries     count u32, then a name and bytes each
 *   outcome     u8: 0 applied: result, optional stamp, quorum
 *                   1 failed: `shared-parts.ts`
 */
import { assert } from "../../base/assert.ts";
import type { ByteReader } from "../../base/byte-reader.ts";
import type { ByteWriter } from "../../base/byte-writer.ts";
import type { Condition } from "../../model/condition.ts";
import { NAME_BYTES_MAX } from "../../model/limits.ts";
import type {
  ExpireWhen,
  Expiry,
  HashEntry,
  Operation,
  OperationFault,
  OperationOutcome,
  OperationResult,
} from "../../model/operation.ts";
import type { Stamp } from "../../model/stamp.ts";
import { Choice, readFlag, readText, writeFlag, writeText } from "./message-parts.ts";
import {
  readCondition,
  readFailure,
  readOptionalStamp,
  readQuorum,
  writeCondition,
  writeFailure,
  writeOptionalStamp,
  writeQuorum,
} from "./shared-parts.ts";

/** The length of nothing. */
const NAME_PART_BYTES_MIN = 2;

/** How one part of an operation is written, read, and how many bytes it may take. */
interface Part<Value> {
  readonly size: (value: Value) => number;
  readonly write: (writer: ByteWriter, value: Value) => void;
  readonly read: (reader: ByteReader) => Value;
}

/** The compiler asks for each property of each kind, and nothing else. */
type Schema<Union extends { readonly kind: string }> = {
  readonly [Kind in Union["kind"]]: {
    readonly code: number;
    readonly parts: {
      readonly [Name in Exclude<keyof Extract<Union, { kind: Kind }>, "kind">]: Part<
        Extract<Union, { kind: Kind }>[Name]
      >;
    };
  };
};

const bytes: Part<Uint8Array> = {
  size: (value) => 4 + value.length,
  write: (writer, value) => writer.bytes32(value),
  read: (reader) => reader.bytes32(),
};
const text: Part<string> = {
  size: (value) => 2 + 3 * value.length,
  write: writeText,
  read: readText,
};
const flag: Part<boolean> = { size: () => 1, write: writeFlag, read: readFlag };
const time: Part<number> = {
  size: () => 6,
  write: (writer, value) => writer.u48(value),
  read: (reader) => reader.u48(),
};
const offset: Part<number> = {
  size: () => 8,
  write: (writer, value) => writer.u53(value),
  read: (reader) => reader.u53(),
};
const integer: Part<bigint> = {
  size: () => 8,
  write: (writer, value) => {
    const unsigned = BigInt.asUintN(64, value);
    writer.u32(Number(unsigned >> 32n));
    writer.u32(Number(unsigned & 0xffff_ffffn));
  },
  read: (reader) => {
    const high = BigInt(reader.u32());
    return BigInt.asIntN(64, (high << 32n) | BigInt(reader.u32()));
  },
};
const expiry: Part<Expiry> = {
  size: () => 7,
  write: (writer, value) => {
    writeFlag(writer, value === "keep");
    if (value !== "keep") writer.u48(value);
  },
  read: (reader) => (readFlag(reader) ? "keep" : reader.u48()),
};
const condition: Part<Condition> = { size: () => 17, write: writeCondition, read: readCondition };
const optionalStamp: Part<Stamp | undefined> = {
  size: () => 17,
  write: writeOptionalStamp,
  read: readOptionalStamp,
};

const name: Part<string> = {
  size: (value) => 2 + value.length,
  write: (writer, value) => {
    assert(value.length <= NAME_BYTES_MAX, "a name fits its address");
    writer.binary16(value);
  },
  read: readName,
};
const names: Part<readonly string[]> = {
  size: (value) => value.reduce((bytes, one) => bytes + 2 + one.length, 4),
  write: (writer, value) => {
    writer.u32(value.length);
    for (const one of value) name.write(writer, one);
  },
  read: (reader) => {
    const all: string[] = [];
    for (let left = reader.count32(NAME_PART_BYTES_MIN); left > 0; left -= 1) {
      all.push(readName(reader));
    }
    return all;
  },
};
const entries: Part<readonly HashEntry[]> = {
  size: (value) => value.reduce((total, [key, one]) => total + 6 + key.length + one.length, 4),
  write: (writer, value) => {
    writer.u32(value.length);
    for (const [key, one] of value) {
      name.write(writer, key);
      writer.bytes32(one);
    }
  },
  read: (reader) => {
    const all: HashEntry[] = [];
    for (let left = reader.count32(NAME_PART_BYTES_MIN + 4); left > 0; left -= 1) {
      const key = readName(reader);
      all.push([key, reader.bytes32()]);
    }
    return all;
  },
};

function readName(reader: ByteReader): string {
  const read = reader.binary16();
  return read.length <= NAME_BYTES_MAX ? read : reader.reject("a name too long for its address");
}

function choice<Name extends string>(what: string, codes: Readonly<Record<Name, number>>) {
  const names = new Choice<Name>(what, codes);
  return {
    size: () => 1,
    write: (writer, value) => names.write(writer, value),
    read: (reader) => names.read(reader),
  } satisfies Part<Name>;
}

const bit: Part<0 | 1> = {
  size: () => 1,
  write: (writer, value) => writer.u8(value),
  read: (reader) => (readFlag(reader) ? 1 : 0),
};

const replaces = choice("condition of a replacement", { always: 0, absent: 1 });

const OPERATIONS: Schema<Operation> = {
  "put-if": { code: 0, parts: { value: bytes, contentType: text, expiresAtMs: time, condition } },
  "delete-if": { code: 1, parts: { condition } },
  set: {
    code: 2,
    parts: {
      value: bytes,
      expiry,
      when: choice("condition of a set", { always: 0, exists: 1, absent: 2 }),
      wantsOld: flag,
    },
  },
  take: { code: 3, parts: {} },
  "get-expire": { code: 4, parts: { expiry } },
  append: { code: 5, parts: { bytes } },
  "set-range": { code: 6, parts: { offset, bytes } },
  "set-bit": { code: 7, parts: { offset, bit } },
  add: { code: 8, parts: { delta: integer } },
  "add-float": { code: 9, parts: { delta: text } },
  expire: {
    code: 10,
    parts: {
      expiresAtMs: time,
      when: choice<ExpireWhen>("condition of an expiry", {
        always: 0,
        none: 1,
        some: 2,
        later: 3,
        earlier: 4,
        "some-earlier": 5,
      }),
    },
  },
  persist: { code: 11, parts: {} },
  "hash-set": {
    code: 12,
    parts: { entries, when: choice("condition of a field", { always: 0, absent: 1 }) },
  },
  "hash-delete": { code: 13, parts: { names } },
  "hash-add": { code: 14, parts: { name, delta: integer } },
  "hash-add-float": { code: 15, parts: { name, delta: text } },
  "hash-replace": { code: 16, parts: { entries, expiresAtMs: time, when: replaces } },
  "set-add": { code: 17, parts: { members: names } },
  "set-remove": { code: 18, parts: { members: names } },
  "set-pop": { code: 19, parts: { count: offset } },
  "set-replace": { code: 20, parts: { members: names, expiresAtMs: time, when: replaces } },
};

const RESULTS: Schema<OperationResult> = {
  done: { code: 0, parts: {} },
  none: { code: 1, parts: {} },
  bytes: { code: 2, parts: { bytes } },
  integer: { code: 3, parts: { value: integer } },
  "condition-failed": { code: 4, parts: { current: optionalStamp } },
  names: { code: 6, parts: { names } },
  fault: {
    code: 5,
    parts: {
      fault: choice<OperationFault>("fault", {
        "wrong-type": 0,
        "not-an-integer": 1,
        overflow: 2,
        "not-a-float": 3,
        "not-finite": 4,
        "too-long": 5,
        "field-not-an-integer": 6,
        "field-not-a-float": 7,
        "too-many": 8,
      }),
    },
  },
};

/** Reads and writes one union by its schema. */
class UnionCodec<Union extends { readonly kind: string }> {
  readonly #what: string;
  readonly #byKind = new Map<
    string,
    { readonly code: number; readonly parts: [string, Part<unknown>][] }
  >();
  readonly #byCode: (string | undefined)[] = [];

  constructor(what: string, schema: Schema<Union>) {
    this.#what = what;
    for (const [kind, { code, parts }] of Object.entries<{ code: number; parts: object }>(schema)) {
      assert(this.#byCode[code] === undefined, "a code stands for one kind");
      this.#byCode[code] = kind;
      this.#byKind.set(kind, { code, parts: Object.entries(parts) as [string, Part<unknown>][] });
    }
  }

  size(value: Union): number {
    let size = 1;
    for (const [name, part] of this.#of(value.kind).parts) size += part.size(partOf(value, name));
    return size;
  }

  write(writer: ByteWriter, value: Union): void {
    const { code, parts } = this.#of(value.kind);
    writer.u8(code);
    for (const [name, part] of parts) part.write(writer, partOf(value, name));
  }

  read(reader: ByteReader): Union {
    const kind = this.#byCode[reader.u8()];
    if (kind === undefined) return reader.reject(`unknown ${this.#what}`);
    const value: Record<string, unknown> = { kind };
    for (const [name, part] of this.#of(kind).parts) value[name] = part.read(reader);
    return value as Union;
  }

  #of(kind: string): { readonly code: number; readonly parts: [string, Part<unknown>][] } {
    const schema = this.#byKind.get(kind);
    assert(schema !== undefined, `${this.#what} has a schema`);
    return schema;
  }
}

function partOf(value: object, name: string): unknown {
  return (value as Record<string, unknown>)[name];
}

const operations = new UnionCodec<Operation>("operation", OPERATIONS);
const results = new UnionCodec<OperationResult>("result", RESULTS);
const outcomeKinds = new Choice<OperationOutcome["kind"]>("outcome", { applied: 0, failed: 1 });

/** Bytes that an operation takes at most. */
export function sizeOfOperation(operation: Operation): number {
  return operations.size(operation);
}

export function writeOperation(writer: ByteWriter, operation: Operation): void {
  operations.write(writer, operation);
}

/** Bytes are views of the frame. */
export function readOperation(reader: ByteReader): Operation {
  return operations.read(reader);
}

/** Bytes that an outcome takes at most, but for the text of a failure. */
export function sizeOfOutcome(outcome: OperationOutcome): number {
  return 64 + (outcome.kind === "applied" ? results.size(outcome.result) : 256);
}

export function writeOutcome(writer: ByteWriter, outcome: OperationOutcome): void {
  outcomeKinds.write(writer, outcome.kind);
  if (outcome.kind === "failed") return writeFailure(writer, outcome);
  results.write(writer, outcome.result);
  writeOptionalStamp(writer, outcome.stamp);
  writeQuorum(writer, outcome.quorum);
}

export function readOutcome(reader: ByteReader): OperationOutcome {
  if (outcomeKinds.read(reader) === "failed") return readFailure(reader);
  const result = results.read(reader);
  const stamp = readOptionalStamp(reader);
  return { kind: "applied", result, stamp, quorum: readQuorum(reader) };
}
