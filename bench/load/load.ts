/** What a load is: which requests, over which keys, sent how. The nouns of this folder. */

/**
 * - `fill`: every key once, in order, to its end.
 * - `half`: half reads, half writes.
 * - `ycsb-*`: the mixes of Cooper et al., "Benchmarking Cloud Serving Systems with YCSB" (SoCC 2010), table 2: A half
 *   updates, B 5 % updates, C reads, D reads of the latest with 5 % inserts, F half read-modify-writes. E scans, which
 *   is not offered everywhere.
 */
export type Operation =
  | "fill"
  | "set"
  | "get"
  | "half"
  | "incr"
  | "hset"
  | "ycsb-a"
  | "ycsb-b"
  | "ycsb-c"
  | "ycsb-d"
  | "ycsb-f";

/**
 * - `resp-wait`: each batch that writes ends with `WAIT 1`, and what it wrote counts as answered with that.
 * - `http-one`: reads ask for one replica (`?r=1`).
 * - `etcd`: its JSON gateway, over all members in turn; `etcd-leader`: to the leader alone, which spares a hop.
 * - `etcd-grpc-leader`: what its own clients speak, to the leader.
 */
export type Protocol =
  | "resp"
  | "resp-wait"
  | "http"
  | "http-one"
  | "etcd"
  | "etcd-leader"
  | "etcd-grpc-leader";

/** Keys by themselves: `one` is the first of them, every time. */
export type KeyChoice = "uniform" | "zipf" | "one";

export interface Load {
  readonly operation: Operation;
  /** Four characters before the number of a key, so that values of other sizes or types have keys of their own. */
  readonly prefix: string;
  /** Sizes of values; each write takes one of them at random. */
  readonly valueBytes: readonly number[];
  readonly keyCount: number;
  readonly keys: KeyChoice;
  /** Over all generators. */
  readonly connections: number;
  /** Requests sent together on a connection, which then waits for all their replies. 1 is no pipelining. */
  readonly inFlight: number;
  /** Requests a second over all generators; absent for a closed loop. */
  readonly ratePerSecond?: number;
}

/** One generator's part of a load. */
export interface LoadShare extends Load {
  readonly protocol: Protocol;
  /** On this machine; connections are spread over them in turn. */
  readonly ports: readonly number[];
  readonly ms: number;
  /** Which generator of how many, from 0. */
  readonly index: number;
  readonly of: number;
  readonly seed: number;
}

/** What a generator measured. */
export interface LoadResult {
  /** Answered as they should be. */
  readonly requests: number;
  readonly failed: number;
  /** What the first failure said, where something did. */
  readonly problem: string | undefined;
  /** From the first request to the last answer. */
  readonly seconds: number;
  /** Of the generator's process, over those seconds. */
  readonly cpuSeconds: number;
  /** Bytes of keys and values in writes that were answered well. */
  readonly bytesStored: number;
  /** An HDR histogram of microseconds, encoded. */
  readonly latencies: string;
}

export const KEY_BYTES = 16;
