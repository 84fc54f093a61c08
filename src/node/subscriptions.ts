/**
 * Who listens to what at this node: channels, patterns, and sharded channels, which are a world of
 * their own.
 *
 * Invariant: a subscriber stands here as long as it says so itself; a name nobody listens to takes
 * no memory.
 */
import { SUBSCRIPTION_NAMES_BYTES_MAX } from "../model/limits.ts";
import {
  bytesOfName,
  type Publication,
  type SubscriptionCounts,
  type SubscriptionKind,
  type SubscriptionQuery,
} from "../model/publication.ts";
import { matchesGlob } from "../protocol/resp/glob.ts";

/** A message, as one who listens gets it. */
export interface Delivery {
  readonly kind: SubscriptionKind;
  /** What was listened to: the channel, or the pattern that its name matches. */
  readonly name: string;
  readonly channel: string;
  /** The same bytes for all who listen: not to be changed. */
  readonly message: Uint8Array;
}

/**
 * Whom messages are delivered to, in their order. It must not throw, nor publish within the call.
 */
export interface Subscriber {
  deliver(delivery: Delivery): void;
}

/** Names are binary strings. */
export class Subscriptions {
  readonly #subscribers: Readonly<Record<SubscriptionKind, Map<string, Set<Subscriber>>>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };

  add(kind: SubscriptionKind, name: string, subscriber: Subscriber): void {
    const names = this.#subscribers[kind];
    const known = names.get(name);
    if (known === undefined) names.set(name, new Set([subscriber]));
    else known.add(subscriber);
  }

  remove(kind: SubscriptionKind, name: string, subscriber: Subscriber): void {
    const names = this.#subscribers[kind];
    const known = names.get(name);
    known?.delete(subscriber);
    if (known?.size === 0) names.delete(name);
  }

  /** Gives a message to all who listen here: how many times it was given. */
  deliver({ channel, message, isSharded }: Publication): number {
    const kind = isSharded ? "shard" : "channel";
    const direct = this.#subscribers[kind].get(channel);
    let receivers =
      direct === undefined ? 0 : deliverTo(direct, { kind, name: channel, channel, message });
    if (isSharded) return receivers;
    for (const [name, subscribers] of this.#subscribers.pattern) {
      if (!matchesGlob(name, channel)) continue;
      receivers += deliverTo(subscribers, { kind: "pattern", name, channel, message });
    }
    return receivers;
  }

  /** How many listen to just this. */
  count(kind: SubscriptionKind, name: string): number {
    return this.#subscribers[kind].get(name)?.size ?? 0;
  }

  /** How many names are listened to. */
  size(kind: SubscriptionKind): number {
    return this.#subscribers[kind].size;
  }

  /** Who listens here. */
  survey(query: SubscriptionQuery): SubscriptionCounts {
    const counts = new Map<string, number>();
    if (query.kind === "named") {
      for (const name of query.names) counts.set(name, this.count(query.of, name));
      return { counts, isWhole: true };
    }
    let bytes = 0;
    for (const [name, subscribers] of this.#subscribers[query.of]) {
      if (query.glob !== "*" && !matchesGlob(query.glob, name)) continue;
      bytes += bytesOfName(name);
      if (bytes > SUBSCRIPTION_NAMES_BYTES_MAX) return { counts, isWhole: false };
      counts.set(name, subscribers.size);
    }
    return { counts, isWhole: true };
  }
}

function deliverTo(subscribers: ReadonlySet<Subscriber>, delivery: Delivery): number {
  // Before the messages: who cannot take them is closed, and does not listen any more.
  const receivers = subscribers.size;
  for (const subscriber of subscribers) subscriber.deliver(delivery);
  return receivers;
}
