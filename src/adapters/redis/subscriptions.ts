/**
 * Who listens to what at this node: channels, patterns, and sharded channels, which are a world of their own.
 *
 * Invariant: a subscriber stands here as long as it says so itself; a name nobody listens to takes no memory.
 */
import { matchesGlob } from "../../protocol/resp/glob.ts";
import type { Reply } from "../../protocol/resp/reply.ts";

export type SubscriptionKind = "channel" | "pattern" | "shard";

/** Whom messages are delivered to, within the call that publishes them. */
export interface Subscriber {
  deliver(message: Reply): void;
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
  deliver(channel: string, message: Uint8Array, isSharded: boolean): number {
    const kind = isSharded ? "shard" : "channel";
    let receivers = 0;
    const direct = this.#subscribers[kind].get(channel);
    if (direct !== undefined) {
      const push = pushOf([isSharded ? "smessage" : "message", channel], message);
      // Before the messages: who cannot take them is closed, and does not listen any more.
      receivers += direct.size;
      for (const subscriber of direct) subscriber.deliver(push);
    }
    if (isSharded) return receivers;
    for (const [pattern, subscribers] of this.#subscribers.pattern) {
      if (!matchesGlob(pattern, channel)) continue;
      const push = pushOf(["pmessage", pattern, channel], message);
      receivers += subscribers.size;
      for (const subscriber of subscribers) subscriber.deliver(push);
    }
    return receivers;
  }

  /** How many listen to just this. */
  count(kind: SubscriptionKind, name: string): number {
    return this.#subscribers[kind].get(name)?.size ?? 0;
  }

  /** All that is listened to, each once. */
  names(kind: SubscriptionKind): readonly string[] {
    return [...this.#subscribers[kind].keys()];
  }

  /** How many names are listened to. */
  size(kind: SubscriptionKind): number {
    return this.#subscribers[kind].size;
  }
}

function pushOf(words: readonly string[], message: Uint8Array): Reply {
  const head = words.map((binary): Reply => ({ kind: "binary", binary }));
  return { kind: "push", items: [...head, { kind: "bulk", bytes: message }] };
}
