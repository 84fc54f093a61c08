/** What calls take beside their keys and values, and what they say of how they went. */
import type { QuorumReport } from "../model/outcome.ts";

/** Text stands for its UTF-8 bytes. 1..32 768 bytes, or less where the cluster is set lower. */
export type KeyInput = string | Uint8Array;
/** Text stands for its UTF-8 bytes. 0..16 777 216 bytes, or less where the cluster is set lower. */
export type ValueInput = string | Uint8Array;
/** A field of a hash or a member of a set. Text stands for its UTF-8 bytes. 0..32 736 bytes. */
export type NameInput = string | Uint8Array;

/** Of whom a call is done, where the node keeps traces (docs/traces.md). */
export interface TraceOptions {
  /**
   * The span that calls, as W3C Trace Context writes it: `00-<trace id>-<span id>-01`. Ignored if
   * it is malformed. Default: as many calls begin a trace of their own as `tracesRatio` says.
   */
  readonly traceparent?: string;
  /** What goes along with it. */
  readonly tracestate?: string;
}

export interface ReadOptions extends TraceOptions {
  /**
   * Replicas that must answer, 1..N. Default: the majority, or what can be reached, as `quorum`
   * says.
   */
  readonly r?: number;
  /**
   * A stamp the answer must not be older than: pass that of your last write to read it back at any
   * node.
   */
  readonly after?: string;
  /** Milliseconds the call may take: 1..60 000, default 5 000. */
  readonly deadlineMs?: number;
}

export interface ChangeOptions extends TraceOptions {
  /**
   * Replicas that must acknowledge, 1..N. Default: the majority, met by fewer where no more can be
   * reached.
   */
  readonly w?: number;
  /** Milliseconds the call may take: 1..60 000, default 5 000. */
  readonly deadlineMs?: number;
}

export interface WriteOptions extends ChangeOptions {
  /** Only if the key holds the value of this very stamp. */
  readonly ifStamp?: string;
  /** `true`: only if the key exists. `false`: only if it does not. */
  readonly ifExists?: boolean;
}

export interface PutOptions extends WriteOptions {
  /**
   * Media type kept with the value, at most 255 bytes of ASCII. Default: text for strings, else
   * bytes.
   */
  readonly contentType?: string;
  /**
   * Time to live in milliseconds from now, at least 1. Default: never expires, also if an earlier
   * value did.
   */
  readonly ttlMs?: number;
}

export interface ReplaceOptions extends ChangeOptions {
  /**
   * Time to live in milliseconds from now, at least 1. Default: never expires, also if the former
   * value did.
   */
  readonly ttlMs?: number;
}

/** Of a hash, set or counter: for all that is asked through it. */
export interface ContainerOptions extends ReadOptions, ChangeOptions {}

export interface ExpireOptions extends ChangeOptions {
  /**
   * Only if the key has no expiry (`none`), has one (`some`), or the new one is later or earlier
   * than it; no expiry counts as infinitely late. Default: always.
   */
  readonly when?: "none" | "some" | "later" | "earlier";
}

export interface ListOptions extends TraceOptions {
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

/**
 * What a change came to that depends on what the key holds. Where there was nothing to change,
 * `stamp` is `undefined` and the copies are those that said so.
 */
export interface ChangeReceipt extends QuorumReport {
  readonly stamp: string | undefined;
}

/** A time to live in milliseconds from now, or a moment. */
export type ExpiryInput = number | Date;
