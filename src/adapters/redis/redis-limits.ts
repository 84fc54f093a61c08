/** Every bound of the Redis door, in one place. Sizes of requests are the parser's; those of keys and values the cluster's. */

export interface RedisLimits {
  /** Connections at once; more are told so and closed. Redis's own default. */
  readonly connectionsMax: number;
  /** Requests of one connection that are under way, or answered and waiting for one before them; no more are taken. */
  readonly windowMax: number;
  /** What a new connection begins with: nobody knows yet how large its replies are. */
  readonly windowStart: number;
  /** Bytes of replies that the window may come to, going by the last large one: it shrinks to that, and grows again. */
  readonly windowBytes: number;
  /** Arguments of one connection's requests under way; the next waits, unless it is the only one. */
  readonly connectionBytesMax: number;
  /** Requests under way over all connections: half of what a node takes, so that it sheds none of them. The next wait. */
  readonly requestsMax: number;
  /** Their arguments: half of what a node takes. */
  readonly requestBytesMax: number;
  /** What is read ahead of a request that waits; then the connection is not read from. One read of the system's. */
  readonly readAheadBytes: number;
  /**
   * Bytes of unfinished requests and transactions above `readAheadBytes` each, over all connections; who goes beyond it is
   * closed.
   */
  readonly arrivingBytesMax: number;
  /** Replies that wait to be sent to one client; beyond it none of its requests is taken up. */
  readonly outputBytesMax: number;
  /** The same with what it subscribed to, which nobody can hold back: beyond it the client is closed. As in Redis. */
  readonly pushBytesMax: number;
  /** A client to which not a byte could be sent for so long, while it has too much waiting, is closed. */
  readonly stalledMs: number;
  /** After the last reply of a connection that ends: time to read on, so that a client still sending gets to see it. */
  readonly lingerMs: number;
  /** Silence after which the system asks whether the other end is still there. */
  readonly keepAliveMs: number;
  /** Commands that a transaction queues, and the bytes of their arguments. */
  readonly queuedMax: number;
  readonly queuedBytesMax: number;
  /** Keys that a connection watches. */
  readonly watchedMax: number;
  /** Channels and patterns of one connection. */
  readonly subscriptionsMax: number;
  /** At close: time for requests under way to finish. */
  readonly drainMs: number;
}

export const REDIS_LIMITS: RedisLimits = {
  connectionsMax: 10_000,
  windowMax: 1_024,
  windowStart: 16,
  windowBytes: 8 * 1024 * 1024,
  connectionBytesMax: 32 * 1024 * 1024,
  requestsMax: 8_192,
  requestBytesMax: 128 * 1024 * 1024,
  readAheadBytes: 64 * 1024,
  arrivingBytesMax: 512 * 1024 * 1024,
  outputBytesMax: 1024 * 1024,
  pushBytesMax: 32 * 1024 * 1024,
  stalledMs: 60_000,
  lingerMs: 2_000,
  keepAliveMs: 60_000,
  queuedMax: 131_072,
  queuedBytesMax: 64 * 1024 * 1024,
  watchedMax: 16_384,
  subscriptionsMax: 65_536,
  drainMs: 10_000,
};
