/**
 * A node inside the calling process: the `Store` port as promises, with text or bytes for keys and values.
 *
 * One promise and one closure a call, no copy of a value, no HTTP in between: `bench/` measures this path.
 */
import { DndError } from "./dnd-error.ts";
import {
  binaryOf,
  bytesOf,
  checkContentType,
  checked,
  checkedOptions,
  checkedTtlMs,
  conditionOf,
  expiresAtMsOf,
  stampOf,
  whenOf,
} from "./library/arguments.ts";
import { DndCounter } from "./library/dnd-counter.ts";
import { DndHash } from "./library/dnd-hash.ts";
import { DndSet } from "./library/dnd-set.ts";
import { type Entry, KeyedEntry, StoredValue } from "./library/entry.ts";
import { badArgument, errorOf } from "./library/errors.ts";
import { bytesOfResult, integerOf, KeyCalls } from "./library/key-calls.ts";
import { type MessageHandler, Messages } from "./library/messages.ts";
import type {
  ChangeOptions,
  ChangeReceipt,
  ChannelInput,
  ContainerOptions,
  ExpireOptions,
  ExpiryInput,
  KeyInput,
  ListOptions,
  PatternInput,
  PutOptions,
  ReadOptions,
  ReplaceOptions,
  ValueInput,
  WriteOptions,
  WriteReceipt,
} from "./library/options.ts";
import { settleRead, settleWrite } from "./library/settle.ts";
import { parseNodeId } from "./model/ids.ts";
import type { Key } from "./model/key.ts";
import { DEADLINE_MS_MAX } from "./model/limits.ts";
import type { QueryResult } from "./model/operation.ts";
import type { ListEntry } from "./model/outcome.ts";
import type { Decided, KeyLocation, Store, StoreStatus } from "./node/store.ts";

/** Entries a page when listing with values: 16 MiB each at most, so not many. */
const PAGE_ENTRIES_WITH_VALUES = 100;
const PAGE_ENTRIES = 1_000;
const CONTENT_TYPE = { text: "text/plain; charset=utf-8", bytes: "application/octet-stream" };

/**
 * A node of this process. Every promise settles by its deadline; calls after `close` are rejected with `closed`.
 * Rejections are `DndError`; `stored` says whether a failed write may have left something behind.
 */
export class EmbeddedNode {
  readonly #store: Store;
  readonly #calls: KeyCalls;
  readonly #messages: Messages;
  readonly #end: () => Promise<void>;
  readonly #left: Promise<void>;
  #closing: Promise<void> | undefined;
  /** Where peers reach this node, `host:port`. */
  readonly address: string;
  /** Where HTTP clients reach this node, `host:port`; `undefined` when it has no HTTP. */
  readonly httpAddress: string | undefined;
  /** Where Redis clients reach this node, `host:port`; `undefined` when it has no Redis door. */
  readonly redisAddress: string | undefined;

  /** Use `openNode`. */
  constructor(options: {
    readonly store: Store;
    readonly address: string;
    readonly httpAddress: string | undefined;
    readonly redisAddress: string | undefined;
    readonly end: () => Promise<void>;
    readonly left: Promise<void>;
  }) {
    this.#store = options.store;
    this.#calls = new KeyCalls(options.store);
    this.#messages = new Messages(options.store);
    this.address = options.address;
    this.httpAddress = options.httpAddress;
    this.redisAddress = options.redisAddress;
    this.#end = options.end;
    this.#left = options.left;
  }

  /**
   * Reads the value that a read quorum agrees on, and has stale replicas repaired.
   *
   * @returns `undefined` when the key does not exist.
   * @throws `DndError`: `bad-argument`, `wrong-type`, `quorum-unreachable`, `timed-out`, `too-new`, `damaged`,
   *         `overloaded`, `closed`, ...
   */
  get(key: KeyInput, options: ReadOptions = {}): Promise<Entry | undefined> {
    return new Promise((resolve, reject) => {
      const request = {
        key: this.#key(key),
        r: this.#calls.quorum("r", options.r),
        after: options.after === undefined ? undefined : stampOf("after", options.after),
        deadlineMs: checked("deadlineMs", options.deadlineMs, DEADLINE_MS_MAX),
      };
      this.#store.read(request, (outcome) => settleRead(outcome, resolve, reject));
    });
  }

  /**
   * Stores a value. Acknowledged means on the disks of as many replicas as `acks` says (with durability `fsync`).
   *
   * @param value Must not be changed before the promise settles.
   * @throws `DndError`: `bad-argument`, `condition-failed` (nothing was stored), `quorum-unreachable`, `timed-out`,
   *         `overloaded`, `storage-failed`, `closed`, ...; `stored` says whether the value may be there.
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
      this.#store.put(request, (outcome) => settleWrite(outcome, resolve, reject));
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
      this.#store.delete(request, (outcome) => settleWrite(outcome, resolve, reject));
    });
  }

  /** The hash at a key: fields with values of their own. Throws `bad-argument` at once. */
  hash(key: KeyInput, options: ContainerOptions = {}): DndHash {
    return new DndHash(this.#calls, key, checkedOptions(options));
  }

  /** The set at a key. Throws `bad-argument` at once. */
  set(key: KeyInput, options: ContainerOptions = {}): DndSet {
    return new DndSet(this.#calls, key, checkedOptions(options));
  }

  /** The counter at a key. Throws `bad-argument` at once. */
  counter(key: KeyInput, options: ContainerOptions = {}): DndCounter {
    return new DndCounter(this.#calls, key, checkedOptions(options));
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
   * Milliseconds a key has to live, by this machine's clock; `Infinity` if it never expires, `undefined` if it does not exist.
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
   * @returns with `isChanged`, whether it was set: not where the key does not exist, or `when` forbids it.
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
   * Adds to the end of a value, or begins one. Of two such changes on two sides of a partition the later wins.
   *
   * @returns with `length`, the bytes it has then.
   * @throws `DndError`: `wrong-type`, `too-long` when the whole would be longer than a value may be; and as `put`.
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

  /**
   * Every key of the cluster, in slot order (not in key order). Keys written or deleted meanwhile may or may not be
   * among them; every other key is, once.
   *
   * @throws `DndError` while iterating, as `get`.
   */
  async *list(options: ListOptions = {}): AsyncGenerator<KeyedEntry> {
    const withValues = options.values ?? true;
    const prefix = options.prefix === undefined ? "" : binaryOf("prefix", options.prefix);
    let cursor: string | undefined;
    do {
      const page = await this.#page(prefix, withValues, cursor, options.deadlineMs);
      for (const entry of page.entries) yield new KeyedEntry(entry);
      cursor = page.next;
    } while (cursor !== undefined);
  }

  /**
   * Tells all who listen to `channel` at this moment, at any node: handlers and Redis clients. Each gets it at most once, and
   * those of one node in the order of the calls; nothing is kept for who is away.
   *
   * @param message 0..16 777 216 bytes.
   * @returns how many have it, as far as is known within a second.
   * @throws `DndError`: `bad-argument`, `closed`.
   */
  async publish(channel: ChannelInput, message: ValueInput): Promise<number> {
    this.#calls.checkOpen();
    return await this.#messages.publish(channel, message);
  }

  /**
   * Has `handler` called with each message on a channel, or on all that match a pattern, whoever publishes it at whichever node.
   * It is called in a turn of its own; what it throws is an uncaught exception. Ends with `close()`.
   *
   * @returns what ends it: `handler` is not called any more. May be called twice.
   * @throws `DndError`: `bad-argument`, `closed`.
   */
  subscribe(channel: ChannelInput | PatternInput, handler: MessageHandler): () => void {
    this.#calls.checkOpen();
    return this.#messages.subscribe(channel, handler);
  }

  /** The cluster as this node sees it, now. Costs in proportion to the members. */
  status(): StoreStatus {
    return this.#store.status();
  }

  /** Which nodes hold a key, by id; whether it exists is not looked at. */
  locate(key: KeyInput): KeyLocation {
    return this.#store.locate(this.#key(key));
  }

  /** Finishes what was begun, tells the others, and lets go of ports and disk. May be called twice. */
  close(): Promise<void> {
    this.#calls.close();
    this.#messages.close();
    this.#closing ??= this.#end();
    return this.#closing;
  }

  /**
   * Takes this node out of its cluster for good: others copy its data first, while it serves on, then it closes.
   * Settles when that is done, which takes as long as the data takes, or as a member that is away stays away; `status()`
   * shows how far it is. The data directory cannot be started from again.
   *
   * @throws `DndError`: `cannot-leave` (no other active member would hold the data, ...), `closed`.
   */
  async leave(): Promise<void> {
    this.#calls.checkOpen();
    await this.#decided((done) => this.#store.leave(done));
    await this.#left;
    await this.close();
  }

  /**
   * Begins the removal of a dead member that will not come back: its slots are copied from the others, then it is out
   * for good. What only it held is given up. Settles when the decision is on this node's disk; `status()` shows when the
   * member is `removed`.
   *
   * @throws `DndError`: `bad-argument`, `cannot-leave` (the member is alive, ...), `closed`.
   */
  async remove(node: string): Promise<void> {
    this.#calls.checkOpen();
    const id = parseNodeId(node);
    if (id === undefined) throw badArgument("a node id is 16 hexadecimal digits");
    await this.#decided((done) => this.#store.remove(id, done));
  }

  #decided(decide: (done: Decided) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      decide((obstacle) => {
        if (obstacle === undefined) resolve();
        else reject(new DndError("cannot-leave", obstacle));
      });
    });
  }

  /** Settles when the node has left its cluster, by whoever's command, and serves no more; it is still to be closed. */
  get left(): Promise<void> {
    return this.#left;
  }

  /** `await using node = await openNode(...)` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
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

  #page(
    prefix: string,
    withValues: boolean,
    cursor: string | undefined,
    deadlineMs: number | undefined,
  ): Promise<{ readonly entries: readonly ListEntry[]; readonly next: string | undefined }> {
    const limit = withValues ? PAGE_ENTRIES_WITH_VALUES : PAGE_ENTRIES;
    return new Promise((resolve, reject) => {
      this.#calls.checkOpen();
      checked("deadlineMs", deadlineMs, DEADLINE_MS_MAX);
      this.#store.list({ prefix, limit, cursor, withValues, deadlineMs }, (outcome) => {
        if (outcome.kind === "page") resolve(outcome);
        else reject(errorOf(outcome));
      });
    });
  }
}

function valueOf(bytes: Uint8Array | undefined): StoredValue | undefined {
  return bytes === undefined ? undefined : new StoredValue(bytes);
}
