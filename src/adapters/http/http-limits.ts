/** Every bound of the HTTP door, in one place. What a cluster shares (key and value sizes) comes from the store. */

export interface HttpLimits {
  /** Request line and headers: room for a 32 KiB key with every byte escaped. */
  readonly headBytesMax: number;
  /** Connections at once, a port; more are closed as they come. */
  readonly connectionsMax: number;
  /** Bytes of values that are arriving or waiting to be taken, over all requests; beyond it new ones get 503. */
  readonly bufferedBytesMax: number;
  /** Time for a request's line and headers. */
  readonly headMs: number;
  /** Time for the body of one value. */
  readonly bodyMs: number;
  /** Time for a whole bulk request, and for anything else that a request may drag out. */
  readonly requestMs: number;
  /** Silence in the middle of a bulk request. */
  readonly bulkIdleMs: number;
  /** Bulk requests at once; more get 503. */
  readonly bulkRequestsMax: number;
  /** Writes of one bulk request under way at once. */
  readonly bulkWritesMax: number;
  /** Bytes of those writes; the next line waits. */
  readonly bulkBytesMax: number;
  /** Errors that a bulk summary repeats. */
  readonly bulkErrorsMax: number;
  /** Silence between requests of a connection. Above what load balancers use, so that they close first. */
  readonly keepAliveMs: number;
  /** Silence on a connection during a request: a client that takes nothing of its answer is cut off. */
  readonly socketIdleMs: number;
  /** After a refusal: time and bytes to read on, so that a client still sending gets to see the answer. */
  readonly lingerMs: number;
  readonly lingerBytesMax: number;
  /** At close: connections that stay open are ended once nobody has asked anything for so long; answers given meanwhile end theirs. */
  readonly partingMs: number;
  /** At close: however much is asked, no longer than this. */
  readonly partingMsMax: number;
  /** At close: time for running requests to finish. */
  readonly drainMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headBytesMax: 128 * 1024,
  connectionsMax: 16_384,
  bufferedBytesMax: 512 * 1024 * 1024,
  headMs: 10_000,
  bodyMs: 60_000,
  requestMs: 3_600_000,
  bulkIdleMs: 30_000,
  bulkRequestsMax: 8,
  bulkWritesMax: 256,
  bulkBytesMax: 32 * 1024 * 1024,
  bulkErrorsMax: 10,
  keepAliveMs: 65_000,
  socketIdleMs: 75_000,
  lingerMs: 2_000,
  lingerBytesMax: 64 * 1024 * 1024,
  partingMs: 200,
  partingMsMax: 1_500,
  drainMs: 10_000,
};

/** Bytes that may be held at once, over many holders. */
export class ByteBudget {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get taken(): number {
    return this.#taken;
  }

  /** `false`: the budget is spent, nothing was taken. */
  take(bytes: number): boolean {
    if (this.#taken + bytes > this.#max) return false;
    this.#taken += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
  }
}
