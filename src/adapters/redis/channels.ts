/**
 * Publishing: what is said on a channel, to all who listen to it, wherever they are. The seam between this door and the cluster.
 *
 * At most once, and in order from one publisher to one subscriber, as in Redis; nothing is kept.
 */
import type { Subscriptions } from "./subscriptions.ts";

export interface Channels {
  /**
   * Gives `message` to every subscriber. `done` is told once, perhaps within the call, how many received it, as far as is
   * known. The bytes must stay as they are.
   */
  publish(
    channel: string,
    message: Uint8Array,
    isSharded: boolean,
    done: (receivers: number) => void,
  ): void;
}

/** Channels that end at this node. */
export class LocalChannels implements Channels {
  readonly #subscriptions: Subscriptions;

  constructor(subscriptions: Subscriptions) {
    this.#subscriptions = subscriptions;
  }

  publish(
    channel: string,
    message: Uint8Array,
    isSharded: boolean,
    done: (receivers: number) => void,
  ): void {
    done(this.#subscriptions.deliver(channel, message, isSharded));
  }
}
