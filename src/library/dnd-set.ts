/** A set: members without an order, each added, removed and merged by itself. */
import { assert } from "../base/assert.ts";
import { bytesFromBinary, textFromBinary } from "../base/binary.ts";
import type { Key } from "../model/key.ts";
import { checked, nameOf } from "./arguments.ts";
import { BATCH_FIELDS_MAX, batchesOf, changeInBatches } from "./batches.ts";
import { StoredValue } from "./entry.ts";
import { notText } from "./errors.ts";
import type { KeyCalls } from "./key-calls.ts";
import type { ChangeReceipt, ContainerOptions, KeyInput, NameInput } from "./options.ts";

/**
 * The set at a key, which need not exist: its first member creates it, and with its last it is
 * gone. Members added or removed at the same time never disturb each other, also on two sides of a
 * partition; of one member the later change wins.
 *
 * Rejections are `DndError`: `wrong-type` when the key holds something else, and as `get` and `put`
 * of the node have them.
 */
export class DndSet {
  readonly #calls: KeyCalls;
  readonly #key: Key;
  readonly #options: ContainerOptions;

  /** Use `node.set`. */
  constructor(calls: KeyCalls, key: KeyInput, options: ContainerOptions) {
    this.#calls = calls;
    this.#key = calls.key(key);
    this.#options = options;
  }

  /** @returns with `added`, how many of the members are new. */
  async add(...members: NameInput[]): Promise<ChangeReceipt & { readonly added: number }> {
    const { count, receipt } = await changeInBatches(namesOf(members), lengthOf, (batch) =>
      this.#operate({ kind: "set-add", members: batch }),
    );
    return { ...receipt, added: count };
  }

  /** @returns with `deleted`, how many of the members there were. */
  async delete(...members: NameInput[]): Promise<ChangeReceipt & { readonly deleted: number }> {
    const { count, receipt } = await changeInBatches(namesOf(members), lengthOf, (batch) =>
      this.#operate({ kind: "set-remove", members: batch }),
    );
    return { ...receipt, deleted: count };
  }

  async has(member: NameInput): Promise<boolean> {
    const [isMember] = await this.hasMany([member]);
    return isMember === true;
  }

  /** Whether each of them is a member, in their order. */
  async hasMany(members: readonly NameInput[]): Promise<boolean[]> {
    const found: boolean[] = [];
    for (const batch of batchesOf(namesOf(members), lengthOf)) {
      const query = { kind: "set-has", members: batch } as const;
      const values = await this.#calls.values(this.#key, query, this.#options);
      for (const value of values) found.push(value !== undefined);
    }
    return found;
  }

  /**
   * Every member in byte order, read page by page. Members added or removed meanwhile may or may
   * not be among them; every other one is, once.
   */
  async *values(): AsyncGenerator<StoredValue> {
    for await (const page of this.#calls.pages(this.#key, "set", this.#options)) {
      for (const [name] of page) yield new StoredValue(bytesFromBinary(name));
    }
  }

  /**
   * All members; empty where there is no set.
   *
   * @throws `DndError` `too-many` beyond 1 000 000 members or 256 MiB, and `not-text` where a
   *         member is not UTF-8: `values` shows both.
   */
  async all(): Promise<Set<string>> {
    const all = new Set<string>();
    for (const [name] of await this.#calls.whole(this.#key, "set", this.#options)) {
      const member = textFromBinary(name);
      if (member === undefined) throw notText("a member", "values()");
      all.add(member);
    }
    return all;
  }

  /**
   * Takes members out, chosen by chance: fewer than `count`, 1..500, if there are no more, or if
   * they have 8 MiB. Exact while the nodes agree who is the key's first live primary.
   *
   * @returns with `members`, those that were taken.
   */
  async pop(count = 1): Promise<ChangeReceipt & { readonly members: readonly StoredValue[] }> {
    checked("count", count, BATCH_FIELDS_MAX);
    const { result, receipt } = await this.#operate({ kind: "set-pop", count });
    assert(result.kind === "names", "a pop is answered by names");
    const members = result.names.map((name) => new StoredValue(bytesFromBinary(name)));
    return { ...receipt, members };
  }

  /** How many members there are. Reads every one of them. */
  size(): Promise<number> {
    return this.#calls.count(this.#key, "set", this.#options);
  }

  #operate(operation: Parameters<KeyCalls["operate"]>[1]): ReturnType<KeyCalls["operate"]> {
    return this.#calls.operate(this.#key, operation, this.#options, "set");
  }
}

function namesOf(members: readonly NameInput[]): string[] {
  return members.map((member) => nameOf("member", member));
}

function lengthOf(name: string): number {
  return name.length;
}
