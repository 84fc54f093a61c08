/** A hash: fields with values, each changed and merged by itself. */
import { assert } from "../base/assert.ts";
import { textFromBinary } from "../base/binary.ts";
import type { Key } from "../model/key.ts";
import type { HashEntry } from "../model/operation.ts";
import { bytesOf, deltaOf, floatOf, nameOf } from "./arguments.ts";
import { batchesOf, changeInBatches } from "./batches.ts";
import { HashField, StoredValue } from "./entry.ts";
import { notText } from "./errors.ts";
import { bytesOfResult, integerOf, type KeyCalls } from "./key-calls.ts";
import type {
  ChangeReceipt,
  ContainerOptions,
  KeyInput,
  NameInput,
  ValueInput,
} from "./options.ts";

/** Fields with their values: an object, a `Map`, or anything that gives pairs. */
export type FieldsInput =
  | Readonly<Record<string, ValueInput>>
  | Iterable<readonly [NameInput, ValueInput]>;

/**
 * The hash at a key, which need not exist: its first field creates it, and with its last it is
 * gone. Changes of different fields never disturb each other, also on two sides of a partition; of
 * one field the later wins, except that `add` counts on both sides.
 *
 * Rejections are `DndError`: `wrong-type` when the key holds something else, and as `get` and `put`
 * of the node have them.
 */
export class DndHash {
  readonly #calls: KeyCalls;
  readonly #key: Key;
  readonly #options: ContainerOptions;

  /** Use `node.hash`. */
  constructor(calls: KeyCalls, key: KeyInput, options: ContainerOptions) {
    this.#calls = calls;
    this.#key = calls.key(key);
    this.#options = options;
  }

  /**
   * Sets a field, or many. Up to 500 fields and a mebibyte are one write, of which each copy has all
   * or nothing; what is more, is several.
   *
   * @returns with `added`, how many of the fields are new.
   */
  set(field: NameInput, value: ValueInput): Promise<ChangeReceipt & { readonly added: number }>;
  set(fields: FieldsInput): Promise<ChangeReceipt & { readonly added: number }>;
  async set(
    first: NameInput | FieldsInput,
    value?: ValueInput,
  ): Promise<ChangeReceipt & { readonly added: number }> {
    const entries = [...pairsOf(first, value)].map((pair) => this.#entry(...pair));
    const { count, receipt } = await changeInBatches(entries, sizeOf, (batch) =>
      this.#operate({ kind: "hash-set", entries: batch, when: "always" }),
    );
    return { ...receipt, added: count };
  }

  /**
   * Sets a field that does not exist. Exact while the nodes agree who is the key's first live
   * primary.
   *
   * @returns with `isChanged`, whether it was set.
   */
  async setIfAbsent(
    field: NameInput,
    value: ValueInput,
  ): Promise<ChangeReceipt & { readonly isChanged: boolean }> {
    const entries = [this.#entry(field, value)];
    const applied = await this.#operate({ kind: "hash-set", entries, when: "absent" });
    return { ...applied.receipt, isChanged: integerOf(applied) === 1n };
  }

  /** The value of a field; `undefined` if there is none. A number that was added up is its text. */
  async get(field: NameInput): Promise<StoredValue | undefined> {
    const [value] = await this.getMany([field]);
    return value;
  }

  /** The values of many fields, in their order. */
  async getMany(fields: readonly NameInput[]): Promise<(StoredValue | undefined)[]> {
    const names = fields.map((field) => nameOf("field", field));
    const found: (StoredValue | undefined)[] = [];
    for (const batch of batchesOf(names, (name) => name.length)) {
      const query = { kind: "hash-get", names: batch } as const;
      for (const value of await this.#calls.values(this.#key, query, this.#options)) {
        found.push(value === undefined ? undefined : new StoredValue(value));
      }
    }
    return found;
  }

  async has(field: NameInput): Promise<boolean> {
    return (await this.get(field)) !== undefined;
  }

  /**
   * Every field in byte order, read page by page. Of fields that are changed meanwhile, as some
   * moment has them; every other one is there, once.
   */
  async *entries(): AsyncGenerator<HashField> {
    for await (const page of this.#calls.pages(this.#key, "hash", this.#options)) {
      for (const entry of page) yield new HashField(entry);
    }
  }

  /**
   * All fields and their values; empty where there is no hash.
   *
   * @throws `DndError` `too-many` beyond 1 000 000 fields or 256 MiB, and `not-text` where a field
   *         is not UTF-8: `entries` shows both.
   */
  async all(): Promise<Map<string, StoredValue>> {
    const all = new Map<string, StoredValue>();
    for (const [name, value] of await this.#calls.whole(this.#key, "hash", this.#options)) {
      const field = textFromBinary(name);
      if (field === undefined) throw notText("a field", "entries()");
      all.set(field, new StoredValue(value));
    }
    return all;
  }

  /** How many fields there are. Reads every one of them. */
  size(): Promise<number> {
    return this.#calls.count(this.#key, "hash", this.#options);
  }

  /** @returns with `deleted`, how many of the fields there were. */
  async delete(...fields: NameInput[]): Promise<ChangeReceipt & { readonly deleted: number }> {
    const names = fields.map((field) => nameOf("field", field));
    const { count, receipt } = await changeInBatches(
      names,
      (name) => name.length,
      (batch) => this.#operate({ kind: "hash-delete", names: batch }),
    );
    return { ...receipt, deleted: count };
  }

  /**
   * Adds to the integer in a field; nothing counts as 0. What is added on two sides of a partition
   * is kept on both.
   *
   * @param delta A safe integer, or a `bigint` of 64 bits; may be negative.
   * @returns with `value`, what it came to.
   * @throws `DndError`: `not-a-number` when the field holds something else, `overflow` when the sum
   *         does not fit 64 bits.
   */
  async add(
    field: NameInput,
    delta: number | bigint = 1,
  ): Promise<ChangeReceipt & { readonly value: bigint }> {
    const name = nameOf("field", field);
    const applied = await this.#operate({ kind: "hash-add", name, delta: deltaOf(delta) });
    return { ...applied.receipt, value: integerOf(applied) };
  }

  /**
   * Adds to the decimal number in a field, in up to 17 decimals: 1 and -1.1 make -0.1. Unlike what
   * `add` counts, of two such additions on two sides of a partition the later wins.
   *
   * @returns with `value`, the double nearest to what it came to; the field holds its digits.
   * @throws `DndError`: `not-a-number` when the field holds something else, `overflow`.
   */
  async addFloat(
    field: NameInput,
    delta: number,
  ): Promise<ChangeReceipt & { readonly value: number }> {
    const name = nameOf("field", field);
    const applied = await this.#operate({ kind: "hash-add-float", name, delta: floatOf(delta) });
    const sum = bytesOfResult(applied);
    assert(sum !== undefined, "a sum is answered");
    return { ...applied.receipt, value: Number(new StoredValue(sum).text()) };
  }

  #operate(operation: Parameters<KeyCalls["operate"]>[1]): ReturnType<KeyCalls["operate"]> {
    return this.#calls.operate(this.#key, operation, this.#options, "hash");
  }

  #entry(field: NameInput, value: ValueInput): HashEntry {
    return [nameOf("field", field), bytesOf(value, this.#calls.valueBytesMax)];
  }
}

function sizeOf([name, value]: HashEntry): number {
  return name.length + value.length;
}

function pairsOf(
  first: NameInput | FieldsInput,
  value: ValueInput | undefined,
): Iterable<readonly [NameInput, ValueInput]> {
  // Without a value it is no value: the check of values says so.
  if (typeof first === "string" || first instanceof Uint8Array) {
    return [[first, value as ValueInput]];
  }
  return Symbol.iterator in first ? first : Object.entries(first);
}
