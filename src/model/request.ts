/** What clients ask of a node, whichever door they come through. Doors check limits before they build one. */
import type { Condition } from "./condition.ts";
import type { Key } from "./key.ts";
import type { Operation, Query } from "./operation.ts";
import type { Slot } from "./slot.ts";
import type { Stamp } from "./stamp.ts";
import type { Span } from "./trace.ts";

interface Traced {
  /** What it does belongs under this span; `undefined` where it is part of no trace. */
  readonly trace?: Span | undefined;
}

export interface WriteOptions extends Traced {
  /** Primaries that must acknowledge, 1..N; `undefined` is the majority, met sloppily unless the cluster is strict. */
  readonly w?: number | undefined;
  /** Milliseconds the request may take: 1..60 000. */
  readonly deadlineMs?: number | undefined;
  readonly condition?: Condition | undefined;
}

export interface PutRequest extends WriteOptions {
  readonly key: Key;
  readonly value: Uint8Array;
  readonly contentType: string;
  /** Time to live in milliseconds from now; `undefined` never expires and clears an earlier expiry. */
  readonly ttlMs?: number | undefined;
  /** Absolute expiry instead of `ttlMs`, wall-clock milliseconds (import of an export). */
  readonly expiresAtMs?: number | undefined;
}

export interface DeleteRequest extends WriteOptions {
  readonly key: Key;
}

/** A read-modify-write; `core/operations/` says what becomes of it. */
export interface OperateRequest extends Traced {
  readonly key: Key;
  readonly operation: Operation;
  /** As in `WriteOptions`. */
  readonly w?: number | undefined;
  readonly deadlineMs?: number | undefined;
}

/** Takes away all that some slots hold, each at one moment; what is written meanwhile may stay or go. */
export interface FlushRequest extends Traced {
  /** `undefined`: all that hold a key. */
  readonly slots?: readonly Slot[] | undefined;
  readonly deadlineMs?: number | undefined;
}

export interface ReadRequest extends Traced {
  readonly key: Key;
  /** Primaries that must answer, 1..N; `undefined` is the majority, or what is reachable, as the answer says. */
  readonly r?: number | undefined;
  /** The answer must not be older than this stamp: read-your-writes at any node. */
  readonly after?: Stamp | undefined;
  readonly deadlineMs?: number | undefined;
  /** The caller may be told within its call. */
  readonly isAtOnce?: boolean;
}

/** A question about a key; `core/operations/` says what the answer is. */
export interface QueryRequest extends ReadRequest {
  readonly query: Query;
}

export interface ListRequest extends Traced {
  /** Binary string that keys start with; empty for all. */
  readonly prefix: string;
  /** Entries a page at most: 1..1 000. */
  readonly limit: number;
  /** `next` of the page before, what `cursorAtSlot` gives, or `undefined` for the first. */
  readonly cursor?: string | undefined;
  /** Whether entries carry payloads; without, `root.payload` is empty. */
  readonly withValues: boolean;
  readonly deadlineMs?: number | undefined;
}
