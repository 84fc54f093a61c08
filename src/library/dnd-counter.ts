/** A counter: an integer of 64 bits to which every node adds on its own. */
import { binaryFromBytes } from "../base/binary.ts";
import type { Key } from "../model/key.ts";
import { deltaOf } from "./arguments.ts";
import { faultError } from "./errors.ts";
import { integerOf, type KeyCalls } from "./key-calls.ts";
import type { ChangeReceipt, ContainerOptions, KeyInput } from "./options.ts";

/**
 * What two sides of a partition have added may go beyond the 64 bits that each of them keeps to.
 */
const INTEGER = /^(?:0|-?[1-9]\d{0,39})$/;

/**
 * The counter at a key, 0 where there is none. What is added is kept whatever fails, also on two
 * sides of a partition, until the key is deleted or given a value. `put` of a number's text sets
 * it, and `get` of the node shows it as its text.
 *
 * Values are always `bigint`: a number would be wrong beyond 2^53, and a value that is sometimes
 * the one and sometimes the other works until the counter has grown. `Number(value)` is exact where
 * a counter is known to stay small.
 */
export class DndCounter {
  readonly #calls: KeyCalls;
  readonly #key: Key;
  readonly #options: ContainerOptions;

  /** Use `node.counter`. */
  constructor(calls: KeyCalls, key: KeyInput, options: ContainerOptions) {
    this.#calls = calls;
    this.#key = calls.key(key);
    this.#options = options;
  }

  /**
   * Adds, and tells what it came to as far as the replicas that were asked know. A call that is
   * rejected with `stored: "maybe"` may count, once; to send it again may count twice.
   *
   * @param delta A safe integer, or a `bigint` of 64 bits; may be negative.
   * @throws `DndError`: `not-a-number` when the key holds another text, `wrong-type` when it holds
   *         a hash or a set, `overflow` when the sum does not fit 64 bits; and as `put` of the
   *         node.
   */
  async add(delta: number | bigint = 1): Promise<ChangeReceipt & { readonly value: bigint }> {
    const operation = { kind: "add", delta: deltaOf(delta) } as const;
    const applied = await this.#calls.operate(this.#key, operation, this.#options, "counter");
    return { ...applied.receipt, value: integerOf(applied) };
  }

  /** @throws `DndError`: `not-a-number`, `wrong-type`; and as `get` of the node. */
  async value(): Promise<bigint> {
    const answer = await this.#calls.query(this.#key, { kind: "value" }, this.#options, "counter");
    if (answer.kind !== "bytes") return 0n;
    const text = binaryFromBytes(answer.bytes);
    if (!INTEGER.test(text)) throw faultError("not-an-integer", "counter");
    return BigInt(text);
  }
}
