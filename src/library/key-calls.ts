/**
 * Questions about a key and changes to it as promises: what hashes, sets, counters and plain keys
 * have in common.
 */
import { assert } from "../base/assert.ts";
import { type Key, keyFault, keyFromBinary } from "../model/key.ts";
import { DEADLINE_MS_MAX } from "../model/limits.ts";
import type {
  HashEntry,
  Operation,
  OperationResult,
  Query,
  QueryResult,
} from "../model/operation.ts";
import { formatStamp } from "../model/stamp.ts";
import type { Store } from "../node/store.ts";
import { TracedStore } from "../node/traced-store.ts";
import type { Tracer } from "../ports/tracer.ts";
import { parseTraceContext } from "../protocol/http/trace-context.ts";
import { binaryOf, checked, stampOf } from "./arguments.ts";
import { badArgument, closedError, errorOf, faultError, type Wanted } from "./errors.ts";
import type {
  ChangeOptions,
  ChangeReceipt,
  KeyInput,
  ReadOptions,
  TraceOptions,
} from "./options.ts";

/** Fields a page: it ends earlier where its cells have a megabyte. */
const PAGE_FIELDS = 1_000;

/** An operation that took place, or found that there was nothing to do. */
export interface Applied {
  readonly result: Exclude<OperationResult, { kind: "fault" }>;
  readonly receipt: ChangeReceipt;
}

type Answer = Exclude<QueryResult, { kind: "fault" }>;

export class KeyCalls {
  readonly #store: Store;
  readonly #tracer: Tracer | undefined;
  readonly #keyBytesMax: number;
  readonly #replicas: number;
  readonly valueBytesMax: number;
  #isClosed = false;

  /** @param tracer where calls are traced, if they are. */
  constructor(store: Store, tracer: Tracer | undefined) {
    this.#store = store;
    this.#tracer = tracer;
    // What the cluster shares is fixed once the node has started.
    const { keyBytesMax, valueBytesMax, replicas } = store.status().shared;
    this.#keyBytesMax = keyBytesMax;
    this.#replicas = replicas;
    this.valueBytesMax = valueBytesMax;
  }

  /** From now on every call is rejected. */
  close(): void {
    this.#isClosed = true;
  }

  checkOpen(): void {
    if (this.#isClosed) throw closedError();
  }

  key(raw: KeyInput): Key {
    const binary = binaryOf("key", raw);
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

  /** The store as one call sees it. */
  storeFor(options: TraceOptions): Store {
    const tracer = this.#tracer;
    if (tracer === undefined) return this.#store;
    const parent = parseTraceContext(options.traceparent, options.tracestate);
    return new TracedStore(this.#store, {
      begin: (name, kind, facts) => tracer.begin(name, kind, parent, facts),
    });
  }

  /** How many must answer or acknowledge. */
  quorum(name: "r" | "w", value: number | undefined): number | undefined {
    return checked(name, value, this.#replicas);
  }

  operate(
    key: Key,
    operation: Operation,
    options: ChangeOptions,
    wanted: Wanted,
  ): Promise<Applied> {
    return new Promise((resolve, reject) => {
      this.checkOpen();
      const request = {
        key,
        operation,
        w: this.quorum("w", options.w),
        deadlineMs: checked("deadlineMs", options.deadlineMs, DEADLINE_MS_MAX),
      };
      this.storeFor(options).operate(request, (outcome) => {
        if (outcome.kind === "failed") return reject(errorOf(outcome));
        const { result, quorum } = outcome;
        if (result.kind === "fault") return reject(faultError(result.fault, wanted));
        const { acks, of, hinted } = quorum;
        const stamp = outcome.stamp === undefined ? undefined : formatStamp(outcome.stamp);
        resolve({ result, receipt: { stamp, acks, of, hinted } });
      });
    });
  }

  query(key: Key, query: Query, options: ReadOptions, wanted: Wanted): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.checkOpen();
      const request = {
        key,
        query,
        r: this.quorum("r", options.r),
        after: options.after === undefined ? undefined : stampOf("after", options.after),
        deadlineMs: checked("deadlineMs", options.deadlineMs, DEADLINE_MS_MAX),
      };
      this.storeFor(options).query(request, (outcome) => {
        if (outcome.kind === "failed") return reject(errorOf(outcome));
        const { result } = outcome;
        if (result.kind === "fault") reject(faultError(result.fault, wanted));
        else resolve(result);
      });
    });
  }

  /** What `query` says of each of its names. */
  async values(
    key: Key,
    query: Extract<Query, { kind: "hash-get" | "set-has" }>,
    options: ReadOptions,
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const answer = await this.query(key, query, options, query.kind === "set-has" ? "set" : "hash");
    assert(answer.kind === "values", "names are answered by values");
    return answer.values;
  }

  /** All fields, or members, at once, in byte order. */
  async whole(key: Key, type: "hash" | "set", options: ReadOptions): Promise<readonly HashEntry[]> {
    const answer = await this.query(key, { kind: "whole", type }, options, type);
    assert(answer.kind === "page", "a whole is answered by a page");
    return answer.entries;
  }

  /** All fields, or members, page by page, in byte order; a page may be empty. */
  async *pages(
    key: Key,
    type: "hash" | "set",
    options: ReadOptions,
  ): AsyncGenerator<readonly HashEntry[]> {
    let after: string | undefined;
    do {
      const query = { kind: "page", type, after, limit: PAGE_FIELDS } as const;
      const answer = await this.query(key, query, options, type);
      assert(answer.kind === "page", "a page is answered by a page");
      yield answer.entries;
      after = answer.next;
    } while (after !== undefined);
  }

  /** How many fields, or members, there are: looks at each of them. */
  async count(key: Key, type: "hash" | "set", options: ReadOptions): Promise<number> {
    let count = 0;
    for await (const page of this.pages(key, type, options)) count += page.length;
    return count;
  }
}

/** The number that an operation came to. */
export function integerOf({ result }: Applied): bigint {
  assert(result.kind === "integer", "an operation that counts or adds answers a number");
  return result.value;
}

/** The bytes that an operation answered; `undefined` where there were none. */
export function bytesOfResult({ result }: Applied): Uint8Array | undefined {
  assert(result.kind === "bytes" || result.kind === "none", "an operation answers bytes or none");
  return result.kind === "bytes" ? result.bytes : undefined;
}
