/**
 * Calls on single keys that hold values, and on when keys end: what a node offers beside hashes,
 * sets and counters.
 */
import type { Key } from "../model/key.ts";
import { DEADLINE_MS_MAX } from "../model/limits.ts";
import type { QueryResult } from "../model/operation.ts";
import {
  bytesOf,
  checkContentType,
  checked,
  checkedTtlMs,
  conditionOf,
  expiresAtMsOf,
  stampOf,
  whenOf,
} from "./arguments.ts";
import { type Entry, StoredValue } from "./entry.ts";
import { bytesOfResult, integerOf, type KeyCalls } from "./key-calls.ts";
import type {
  ChangeOptions,
  ChangeReceipt,
  ExpireOptions,
  ExpiryInput,
  KeyInput,
  PutOptions,
  ReadOptions,
  ReplaceOptions,
  ValueInput,
  WriteOptions,
  WriteReceipt,
} from "./options.ts";
import { settleRead, settleWrite } from "./settle.ts";

const CONTENT_TYPE = { text: "text/plain; charset=utf-8", bytes: "application/octet-stream" };

/** `get`, `put` and `delete` are the hot path: one promise and one closure. */
export class PlainKeys {
  readonly #calls: KeyCalls;

  constructor(calls: KeyCalls) {
    this.#calls = calls;
  }

  /**
   * Reads the value that a read quorum agrees on, and has stale replicas repaired.
   *
   * @returns `undefined` when the key does not exist.
   * @throws `DndError`: `bad-argument`, `wrong-type`, `quorum-unreachable`, `timed-out`, `too-new`,
   *         `damaged`, `overloaded`, `closed`, ...
   */
  get(key: KeyInput, options: ReadOptions = {}): Promise<Entry | undefined> {
    return new Promise((resolve, reject) => {
      const request = {
        key: this.#key(key),
        r: this.#calls.quorum("r", options.r),
        after: options.after === undefined ? undefined : stampOf("after", options.after),
        deadlineMs: checked("deadlineMs", options.deadlineMs, DEADLINE_MS_MAX),
        // A promise is settled later in any case.
        isAtOnce: true,
      };
      this.#calls
        .storeFor(options)
        .read(request, (outcome) => settleRead(outcome, resolve, reject));
    });
  }

  /**
   * Stores a value. Acknowledged means on the disks of as many replicas as `acks` says (with
   * durability `fsync`).
   *
   * @param value Must not be changed before the promise settles.
   * @throws `DndError`: `bad-argument`, `condition-failed` (nothing was stored),
   *         `quorum-unreachable`, `timed-out`, `overloaded`, `storage-failed`, `closed`, ...;
   *         `stored` says whether the value may be there.
   */
  put(key: KeyInput, value: ValueInput, options: PutOptions = {}): Promise<WriteReceipt> {
    return new Promise((resolve, reject) => {
      const isText = typeof value === "string";
      const bytes = bytesOf(value, this.#calls.valueBytesMax);
      const request = {
        key: this.#key(key),
        value: bytes,
        contentType: options.contentType ?? (isText ? CONTENT_TYPE.text : CONTENT_TYPE.bytes),
        ttlMs: checkedTtlMs(options.ttlMs),
        w: this.#calls.quorum("w", options.w),
        deadlineMs: checked("deadlineMs", options.deadlineMs, DEADLINE_MS_MAX),
        condition: conditionOf(options),
      };
      checkContentType(request.contentType);
      this.#calls
        .storeFor(options)
        .put(request, (outcome) => settleWrite(outcome, resolve, reject));
    });
  }

  /**
   * Deletes a key, whether or not it exists. A deleted key never comes back by itself.
   *
   * @throws as `put`.
   */
  delete(key: KeyInput, options: WriteOptions = {}): Promise<WriteReceipt> {
    return new Promise((resolve, reject) => {
      const request = {
        key: this.#key(key),
        w: this.#calls.quorum("w", options.w),
        deadlineMs: checked("deadlineMs", options.deadlineMs, DEADLINE_MS_MAX),
        condition: conditionOf(options),
      };
      this.#calls
        .storeFor(options)
        .delete(request, (outcome) => settleWrite(outcome, resolve, reject));
    });
  }

  /**
   * What a key holds; `undefined` if it does not exist. A counter is a `string`.
   *
   * @throws as `get`.
   */
  async type(
    key: KeyInput,
    options: ReadOptions = {},
  ): Promise<"string" | "hash" | "set" | undefined> {
    return (await this.#summary(key, options))?.type;
  }

  /**
   * Milliseconds a key has to live, by this machine's clock; `Infinity` if it never expires,
   * `undefined` if it does not exist.
   *
   * @throws as `get`.
   */
  async ttl(key: KeyInput, options: ReadOptions = {}): Promise<number | undefined> {
    const summary = await this.#summary(key, options);
    if (summary === undefined) return undefined;
    if (summary.expiresAtMs === 0) return Number.POSITIVE_INFINITY;
    return Math.max(0, summary.expiresAtMs - Date.now());
  }

  /**
   * Sets when a key ends, whatever it holds. A moment that has passed deletes it.
   *
   * @param expiry Milliseconds from now, at least 1; or a `Date`.
   * @returns with `isChanged`, whether it was set: not where the key does not exist, or `when`
   *          forbids it.
   * @throws as `put`.
   */
  async expire(
    key: KeyInput,
    expiry: ExpiryInput,
    options: ExpireOptions = {},
  ): Promise<ChangeReceipt & { readonly isChanged: boolean }> {
    const expiresAtMs = expiresAtMsOf(expiry, Date.now());
    const operation = { kind: "expire", expiresAtMs, when: whenOf(options) } as const;
    const applied = await this.#calls.operate(this.#key(key), operation, options, "value");
    return { ...applied.receipt, isChanged: integerOf(applied) === 1n };
  }

  /**
   * Takes away the expiry of a key, whatever it holds.
   *
   * @returns with `isChanged`, whether there was one.
   * @throws as `put`.
   */
  async persist(
    key: KeyInput,
    options: ChangeOptions = {},
  ): Promise<ChangeReceipt & { readonly isChanged: boolean }> {
    const operation = { kind: "persist" } as const;
    const applied = await this.#calls.operate(this.#key(key), operation, options, "value");
    return { ...applied.receipt, isChanged: integerOf(applied) === 1n };
  }

  /**
   * Gives a value and deletes its key.
   *
   * @returns with `value`, which is gone then; `undefined` where there was none.
   * @throws `DndError` `wrong-type` when the key holds a hash or a set; and as `put`.
   */
  async getAndDelete(
    key: KeyInput,
    options: ChangeOptions = {},
  ): Promise<ChangeReceipt & { readonly value: StoredValue | undefined }> {
    const applied = await this.#calls.operate(this.#key(key), { kind: "take" }, options, "value");
    return { ...applied.receipt, value: valueOf(bytesOfResult(applied)) };
  }

  /**
   * Stores a value and gives the former one. No content type is kept with it.
   *
   * @returns with `value`, the former one; `undefined` where there was none.
   * @throws as `getAndDelete`.
   */
  async getAndPut(
    key: KeyInput,
    value: ValueInput,
    options: ReplaceOptions = {},
  ): Promise<ChangeReceipt & { readonly value: StoredValue | undefined }> {
    const bytes = bytesOf(value, this.#calls.valueBytesMax);
    const { ttlMs } = options;
    const expiry = ttlMs === undefined ? 0 : expiresAtMsOf(ttlMs, Date.now());
    const operation = {
      kind: "set",
      value: bytes,
      expiry,
      when: "always",
      wantsOld: true,
    } as const;
    const applied = await this.#calls.operate(this.#key(key), operation, options, "value");
    return { ...applied.receipt, value: valueOf(bytesOfResult(applied)) };
  }

  /**
   * Gives a value and sets when its key ends: a session that lives as long as it is used.
   *
   * @param expiry Milliseconds from now, at least 1; or a `Date`.
   * @returns with `value`; `undefined` where there is none.
   * @throws as `getAndDelete`.
   */
  async getAndExpire(
    key: KeyInput,
    expiry: ExpiryInput,
    options: ChangeOptions = {},
  ): Promise<ChangeReceipt & { readonly value: StoredValue | undefined }> {
    const operation = { kind: "get-expire", expiry: expiresAtMsOf(expiry, Date.now()) } as const;
    const applied = await this.#calls.operate(this.#key(key), operation, options, "value");
    return { ...applied.receipt, value: valueOf(bytesOfResult(applied)) };
  }

  /**
   * Adds to the end of a value, or begins one. Of two such changes on two sides of a partition the
   * later wins.
   *
   * @returns with `length`, the bytes it has then.
   * @throws `DndError`: `wrong-type`, `too-long` when the whole would be longer than a value may
   *         be; and as `put`.
   */
  async append(
    key: KeyInput,
    value: ValueInput,
    options: ChangeOptions = {},
  ): Promise<ChangeReceipt & { readonly length: number }> {
    const operation = { kind: "append", bytes: bytesOf(value, this.#calls.valueBytesMax) } as const;
    const applied = await this.#calls.operate(this.#key(key), operation, options, "value");
    return { ...applied.receipt, length: Number(integerOf(applied)) };
  }

  async #summary(
    key: KeyInput,
    options: ReadOptions,
  ): Promise<Extract<QueryResult, { kind: "summary" }> | undefined> {
    const answer = await this.#calls.query(this.#key(key), { kind: "summary" }, options, "value");
    return answer.kind === "summary" ? answer : undefined;
  }

  #key(raw: KeyInput): Key {
    this.#calls.checkOpen();
    return this.#calls.key(raw);
  }
}

function valueOf(bytes: Uint8Array | undefined): StoredValue | undefined {
  return bytes === undefined ? undefined : new StoredValue(bytes);
}
