/**
 * A node inside the calling process: the `Store` port as promises, with text or bytes for keys and
 * values, no HTTP in between.
 */
import { DndError } from "./dnd-error.ts";
import { binaryOf, bytesOf, channelOf, checked, checkedOptions } from "./library/arguments.ts";
import { DndCounter } from "./library/dnd-counter.ts";
import { DndHash } from "./library/dnd-hash.ts";
import { DndSet } from "./library/dnd-set.ts";
import { KeyedEntry } from "./library/entry.ts";
import { badArgument, errorOf } from "./library/errors.ts";
import { KeyCalls } from "./library/key-calls.ts";
import type {
  ContainerOptions,
  KeyInput,
  ListOptions,
  NameInput,
  ValueInput,
} from "./library/options.ts";
import { PlainKeys } from "./library/plain-keys.ts";
import { type Message, Subscription } from "./library/subscription.ts";
import { parseNodeId } from "./model/ids.ts";
import { DEADLINE_MS_MAX, MESSAGE_BYTES_MAX } from "./model/limits.ts";
import type { ListEntry } from "./model/outcome.ts";
import type { Decided, KeyLocation, Store, StoreStatus } from "./node/store.ts";
import type { Tracer } from "./ports/tracer.ts";

/** Entries a page when listing with values: 16 MiB each at most, so not many. */
const PAGE_ENTRIES_WITH_VALUES = 100;
const PAGE_ENTRIES = 1_000;

/**
 * A node of this process. Every promise settles by its deadline; calls after `close` are rejected
 * with `closed`. Rejections are `DndError`; `stored` says whether a failed write may have left
 * something behind.
 */
export class EmbeddedNode extends PlainKeys {
  readonly #store: Store;
  readonly #calls: KeyCalls;
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
    readonly tracer?: Tracer | undefined;
  }) {
    const calls = new KeyCalls(options.store, options.tracer);
    super(calls);
    this.#store = options.store;
    this.#calls = calls;
    this.address = options.address;
    this.httpAddress = options.httpAddress;
    this.redisAddress = options.redisAddress;
    this.#end = options.end;
    this.#left = options.left;
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
   * Every key of the cluster, in slot order (not in key order). Keys written or deleted meanwhile
   * may or may not be among them; every other key is, once.
   *
   * @throws `DndError` while iterating, as `get`.
   */
  async *list(options: ListOptions = {}): AsyncGenerator<KeyedEntry> {
    const withValues = options.values ?? true;
    const prefix = options.prefix === undefined ? "" : binaryOf("prefix", options.prefix);
    let cursor: string | undefined;
    do {
      const page = await this.#page(prefix, withValues, cursor, options);
      for (const entry of page.entries) yield new KeyedEntry(entry);
      cursor = page.next;
    } while (cursor !== undefined);
  }

  /**
   * Says something to all who listen to a channel at this moment, at any node, here or through the
   * Redis protocol. Nothing is kept: who does not listen, or cannot be reached, does not hear it.
   *
   * @returns how many have it, as far as is known within a second.
   * @throws `DndError`: `bad-argument`, `closed`.
   */
  publish(channel: NameInput, message: ValueInput): Promise<number> {
    return new Promise((resolve) => {
      this.#calls.checkOpen();
      const publication = {
        channel: channelOf("channel", channel),
        // The node keeps it until the others have it.
        message: Uint8Array.from(bytesOf(message, MESSAGE_BYTES_MAX)),
        isSharded: false,
      };
      this.#store.publish(publication, resolve);
    });
  }

  /**
   * Listens to a channel until the subscription, or the node, is closed: each message at most once,
   * those of one node in their order. What the listener throws is an uncaught exception.
   *
   * @throws `DndError`, at once: `bad-argument`, `closed`.
   */
  subscribe(channel: NameInput, listener: (message: Message) => void): Subscription {
    return this.#subscribe("channel", channelOf("channel", channel), listener);
  }

  /**
   * Listens to all channels that match a pattern of the Redis protocol: `*` is any text, `?` any
   * byte, `[a-z]` one of several; a backslash takes the next one as it is. Else as `subscribe`.
   */
  subscribePattern(pattern: NameInput, listener: (message: Message) => void): Subscription {
    return this.#subscribe("pattern", channelOf("pattern", pattern), listener);
  }

  #subscribe(
    kind: "channel" | "pattern",
    name: string,
    listener: (message: Message) => void,
  ): Subscription {
    this.#calls.checkOpen();
    return new Subscription(this.#store.subscriptions, { kind, name }, listener);
  }

  /** The cluster as this node sees it, now. Costs in proportion to the members. */
  status(): StoreStatus {
    return this.#store.status();
  }

  /** Which nodes hold a key, by id; whether it exists is not looked at. */
  locate(key: KeyInput): KeyLocation {
    this.#calls.checkOpen();
    return this.#store.locate(this.#calls.key(key));
  }

  /**
   * Finishes what was begun, tells the others, and lets go of ports and disk. May be called twice.
   */
  close(): Promise<void> {
    this.#calls.close();
    this.#closing ??= this.#end();
    return this.#closing;
  }

  /**
   * Takes this node out of its cluster for good: others copy its data first, while it serves on,
   * then it closes. Settles when that is done, which takes as long as the data takes, or as a
   * member that is away stays away; `status()` shows how far it is. The data directory cannot be
   * started from again.
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
   * Begins the removal of a dead member that will not come back: its slots are copied from the
   * others, then it is out for good. What only it held is given up. Settles when the decision is on
   * this node's disk; `status()` shows when the member is `removed`.
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

  /**
   * Settles when the node has left its cluster, by whoever's command, and serves no more; it is
   * still to be closed.
   */
  get left(): Promise<void> {
    return this.#left;
  }

  /** `await using node = await openNode(...)` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #page(
    prefix: string,
    withValues: boolean,
    cursor: string | undefined,
    options: ListOptions,
  ): Promise<{ readonly entries: readonly ListEntry[]; readonly next: string | undefined }> {
    const limit = withValues ? PAGE_ENTRIES_WITH_VALUES : PAGE_ENTRIES;
    const { deadlineMs } = options;
    return new Promise((resolve, reject) => {
      this.#calls.checkOpen();
      checked("deadlineMs", deadlineMs, DEADLINE_MS_MAX);
      const request = { prefix, limit, cursor, withValues, deadlineMs };
      this.#calls.storeFor(options).list(request, (outcome) => {
        if (outcome.kind === "page") resolve(outcome);
        else reject(errorOf(outcome));
      });
    });
  }
}
