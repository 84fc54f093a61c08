/**
 * Requests and their bytes that may be under way at once, over all connections of a door.
 *
 * Invariant: room is given in the order it was asked for, so nobody waits for ever; what is under way never exceeds the bounds,
 * except for a single request.
 */
import { assert } from "../../base/assert.ts";

/** Told, once, that the room it asked for is its own now. Must give it back, wanted or not. */
export interface BudgetWaiter {
  onGranted(): void;
}

/** Those before the first that waits are dropped from the list when there are so many. */
const GRANTED_KEPT_MAX = 1_024;

export class RequestBudget {
  readonly #requestsMax: number;
  readonly #bytesMax: number;
  readonly #waiting: { readonly waiter: BudgetWaiter; readonly bytes: number }[] = [];
  #first = 0;
  #requests = 0;
  #bytes = 0;
  #isGranting = false;

  constructor(requestsMax: number, bytesMax: number) {
    this.#requestsMax = requestsMax;
    this.#bytesMax = bytesMax;
  }

  /** Requests that have room. */
  get requests(): number {
    return this.#requests;
  }

  /** Takes room for a request, if there is any and nobody waits for it; `false`: `waiter` will be told. */
  take(bytes: number, waiter: BudgetWaiter): boolean {
    if (this.#first === this.#waiting.length && this.#fits(bytes)) {
      this.#requests += 1;
      this.#bytes += bytes;
      return true;
    }
    this.#waiting.push({ waiter, bytes });
    return false;
  }

  give(bytes: number): void {
    this.#requests -= 1;
    this.#bytes -= bytes;
    assert(this.#requests >= 0 && this.#bytes >= 0, "no more is given back than was taken");
    // Who is granted room may be done with it within the call: that must not nest as deep as there are connections.
    if (this.#first < this.#waiting.length && !this.#isGranting) this.#grant();
  }

  #grant(): void {
    this.#isGranting = true;
    for (;;) {
      const next = this.#waiting[this.#first];
      if (next === undefined || !this.#fits(next.bytes)) break;
      this.#first += 1;
      this.#requests += 1;
      this.#bytes += next.bytes;
      next.waiter.onGranted();
    }
    if (this.#first === this.#waiting.length || this.#first > GRANTED_KEPT_MAX) {
      this.#waiting.splice(0, this.#first);
      this.#first = 0;
    }
    this.#isGranting = false;
  }

  #fits(bytes: number): boolean {
    if (this.#requests === 0) return true;
    return this.#requests < this.#requestsMax && this.#bytes + bytes <= this.#bytesMax;
  }
}
