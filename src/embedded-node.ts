/**
 * A node inside the calling process: the `Store` port as promises, with text or bytes for keys and values.
 *
 * One promise and one closure a call, no copy of a value, no HTTP in between: `bench/` measures this path.
 */
import { binaryFromBytes, binaryFromText, textFromBinary } from "./base/binary.ts";
import { DndError } from "./dnd-error.ts";
import type { RootCell } from "./model/cell.ts";
import type { Condition } from "./model/condition.ts";
import { parseNodeId } from "./model/ids.ts";
import { type Key, keyFault, keyFromBinary } from "./model/key.ts";
import { DEADLINE_MS_MAX } from "./model/limits.ts";
import type {
  Failure,
  ListEntry,
  QuorumReport,
  ReadOutcome,
  WriteOutcome,
} from "./model/outcome.ts";
import { formatStamp, parseStamp, type Stamp } from "./model/stamp.ts";
import type { Decided, KeyLocation, Store, StoreStatus } from "./node/store.ts";

/** Text stands for its UTF-8 bytes. 1..32 768 bytes, or less where the cluster is set lower. */
export type KeyInput = string | Uint8Array;
/** Text stands for its UTF-8 bytes. 0..16 777 216 bytes, or less where the cluster is set lower. */
export type ValueInput = string | Uint8Array;

export interface ReadOptions {
  /** Replicas that must answer, 1..N. Default: the majority, or what can be reached, as `quorum` says. */
  readonly r?: number;
  /** A stamp the answer must not be older than: pass that of your last write to read it back at any node. */
  readonly after?: string;
  /** Milliseconds the call may take: 1..60 000, default 5 000. */
  readonly deadlineMs?: number;
}

export interface WriteOptions {
  /** Replicas that must acknowledge, 1..N. Default: the majority, met by fewer where no more can be reached. */
  readonly w?: number;
  /** Milliseconds the call may take: 1..60 000, default 5 000. */
  readonly deadlineMs?: number;
  /** Only if the key holds the value of this very stamp. */
  readonly ifStamp?: string;
  /** `true`: only if the key exists. `false`: only if it does not. */
  readonly ifExists?: boolean;
}

export interface PutOptions extends WriteOptions {
  /** Media type kept with the value, at most 255 bytes of ASCII. Default: text for strings, else bytes. */
  readonly contentType?: string;
  /** Time to live in milliseconds from now, at least 1. Default: never expires, also if an earlier value did. */
  readonly ttlMs?: number;
}

export interface ListOptions {
  /** Keys that start with this. Default: all. */
  readonly prefix?: KeyInput;
  /** Whether values come along. Default: true. */
  readonly values?: boolean;
  /** Milliseconds each page may take: 1..60 000, default 5 000. */
  readonly deadlineMs?: number;
}

/** What a write came to. */
export interface WriteReceipt extends QuorumReport {
  /** When it was written: greater than every earlier stamp of the key, as text too. */
  readonly stamp: string;
}

/** A value as it was read. `value` is the caller's to keep and change. */
export class Entry {
  readonly value: Uint8Array;
  readonly stamp: string;
  /** Empty when unknown. */
  readonly contentType: string;
  /** Wall-clock milliseconds; `undefined` never expires. */
  readonly expiresAtMs: number | undefined;
  /** How many replicas answered; `undefined` in a listing. */
  readonly quorum: QuorumReport | undefined;

  constructor(root: RootCell, quorum: QuorumReport | undefined) {
    this.value = root.payload;
    this.stamp = formatStamp(root.stamp);
    this.contentType = root.contentType;
    this.expiresAtMs = root.expiresAtMs === 0 ? undefined : root.expiresAtMs;
    this.quorum = quorum;
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

/** An entry of a listing. */
export class KeyedEntry extends Entry {
  readonly #binary: string;

  constructor(entry: ListEntry) {
    super(entry.root, undefined);
    this.#binary = entry.key;
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

/** Entries a page when listing with values: 16 MiB each at most, so not many. */
const PAGE_ENTRIES_WITH_VALUES = 100;
const PAGE_ENTRIES = 1_000;
/** About 3 168 years: the expiry still fits 48 bits of milliseconds. */
const TTL_MS_MAX = 100_000_000_000_000;
const CONTENT_TYPE = { text: "text/plain; charset=utf-8", bytes: "application/octet-stream" };

/**
 * A node of this process. Every promise settles by its deadline; calls after `close` are rejected with `closed`.
 * Rejections are `DndError`; `stored` says whether a failed write may have left something behind.
 */
export class EmbeddedNode {
  readonly #store: Store;
  readonly #keyBytesMax: number;
  readonly #valueBytesMax: number;
  readonly #replicas: number;
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
    // What the cluster shares is fixed once the node has started.
    const { keyBytesMax, valueBytesMax, replicas } = options.store.status().shared;
    this.#replicas = replicas;
    this.#keyBytesMax = keyBytesMax;
    this.#valueBytesMax = valueBytesMax;
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
        key: this.#parseKey(key),
        r: checked("r", options.r, this.#replicas),
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
      const bytes = isText ? Buffer.from(value, "utf8") : value;
      const max = this.#valueBytesMax;
      if (bytes.length > max) throw badArgument(`value ${bytes.length} bytes, max ${max}`);
      const request = {
        key: this.#parseKey(key),
        value: bytes,
        contentType: options.contentType ?? (isText ? CONTENT_TYPE.text : CONTENT_TYPE.bytes),
        ttlMs: checked("ttlMs", options.ttlMs, TTL_MS_MAX),
        w: checked("w", options.w, this.#replicas),
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
        key: this.#parseKey(key),
        w: checked("w", options.w, this.#replicas),
        deadlineMs: checked("deadlineMs", options.deadlineMs, DEADLINE_MS_MAX),
        condition: conditionOf(options),
      };
      this.#store.delete(request, (outcome) => settleWrite(outcome, resolve, reject));
    });
  }

  /**
   * Every key of the cluster, in slot order (not in key order). Keys written or deleted meanwhile may or may not be
   * among them; every other key is, once.
   *
   * @throws `DndError` while iterating, as `get`.
   */
  async *list(options: ListOptions = {}): AsyncGenerator<KeyedEntry> {
    const withValues = options.values ?? true;
    const prefix = options.prefix === undefined ? "" : binaryOf(options.prefix);
    let cursor: string | undefined;
    do {
      const page = await this.#page(prefix, withValues, cursor, options.deadlineMs);
      for (const entry of page.entries) yield new KeyedEntry(entry);
      cursor = page.next;
    } while (cursor !== undefined);
  }

  /** The cluster as this node sees it, now. Costs in proportion to the members. */
  status(): StoreStatus {
    return this.#store.status();
  }

  /** Which nodes hold a key, by id; whether it exists is not looked at. */
  locate(key: KeyInput): KeyLocation {
    return this.#store.locate(this.#parseKey(key));
  }

  /** Finishes what was begun, tells the others, and lets go of ports and disk. May be called twice. */
  close(): Promise<void> {
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
    if (this.#closing !== undefined) throw closedError();
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
    if (this.#closing !== undefined) throw closedError();
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

  #page(
    prefix: string,
    withValues: boolean,
    cursor: string | undefined,
    deadlineMs: number | undefined,
  ): Promise<{ readonly entries: readonly ListEntry[]; readonly next: string | undefined }> {
    const limit = withValues ? PAGE_ENTRIES_WITH_VALUES : PAGE_ENTRIES;
    return new Promise((resolve, reject) => {
      if (this.#closing !== undefined) throw closedError();
      checked("deadlineMs", deadlineMs, DEADLINE_MS_MAX);
      this.#store.list({ prefix, limit, cursor, withValues, deadlineMs }, (outcome) => {
        if (outcome.kind === "page") resolve(outcome);
        else reject(errorOf(outcome));
      });
    });
  }

  #parseKey(raw: KeyInput): Key {
    if (this.#closing !== undefined) throw closedError();
    const binary = binaryOf(raw);
    const fault = keyFault(binary, this.#keyBytesMax);
    if (fault === "empty") throw badArgument("key 0 bytes, min 1");
    if (fault === "too-long") {
      throw badArgument(`key ${binary.length} bytes, max ${this.#keyBytesMax}`);
    }
    if (fault === "reserved") {
      throw badArgument("keys that begin with two zero bytes and dnd: are the store's own");
    }
    return keyFromBinary(binary);
  }
}

function binaryOf(raw: KeyInput): string {
  if (typeof raw === "string") return binaryFromText(raw);
  if (raw instanceof Uint8Array) return binaryFromBytes(raw);
  throw badArgument("a key is a string or a Uint8Array");
}

/** A bound is checked here, where a mistake can still be blamed on its argument. */
function checked(name: string, value: number | undefined, max: number): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= max)) return value;
  throw badArgument(`${name} is ${value}: must be an integer from 1 to ${max}`);
}

function conditionOf(options: WriteOptions): Condition | undefined {
  const { ifStamp, ifExists } = options;
  if (ifStamp === undefined && ifExists === undefined) return undefined;
  if (ifStamp === undefined) return { kind: ifExists === true ? "exists" : "absent" };
  if (ifExists === false)
    throw badArgument("ifStamp asks for a value and ifExists: false for none");
  return { kind: "stamp-is", stamp: stampOf("ifStamp", ifStamp) };
}

function stampOf(name: string, text: string): Stamp {
  const stamp = parseStamp(text);
  if (stamp === undefined) throw badArgument(`${name} is not a stamp: ${JSON.stringify(text)}`);
  return stamp;
}

function checkContentType(contentType: string): void {
  // Kept as a header's value: a line break in it would write headers of its own.
  if (contentType.length <= 255 && /^[\x20-\x7e]*$/.test(contentType)) return;
  throw badArgument("contentType is at most 255 printable ASCII characters");
}

function settleRead(
  outcome: ReadOutcome,
  resolve: (entry: Entry | undefined) => void,
  reject: (error: DndError) => void,
): void {
  if (outcome.kind === "absent") resolve(undefined);
  else if (outcome.kind === "failed") reject(errorOf(outcome));
  else if (outcome.root.kind === "value") resolve(new Entry(outcome.root, outcome.quorum));
  else reject(new DndError("wrong-type", `the key holds a ${outcome.root.type}`));
}

function settleWrite(
  outcome: WriteOutcome,
  resolve: (receipt: WriteReceipt) => void,
  reject: (error: DndError) => void,
): void {
  if (outcome.kind === "written") {
    const { acks, of, hinted } = outcome.quorum;
    resolve({ stamp: formatStamp(outcome.stamp), acks, of, hinted });
  } else if (outcome.kind === "failed") {
    reject(errorOf(outcome));
  } else {
    const { current } = outcome;
    reject(
      current === undefined
        ? new DndError("condition-failed", "the condition does not hold: the key does not exist")
        : new DndError("condition-failed", `the key holds ${formatStamp(current)}`, {
            current: formatStamp(current),
          }),
    );
  }
}

function errorOf(failure: Failure): DndError {
  const { code, detail, stored, quorum, newest } = failure;
  const current = newest === undefined ? {} : { current: formatStamp(newest) };
  return new DndError(code, detail, { stored, quorum, ...current });
}

function badArgument(message: string): DndError {
  return new DndError("bad-argument", message);
}

function closedError(): DndError {
  return new DndError("closed", "the node is closed");
}
