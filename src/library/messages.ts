/**
 * Publishing and listening from within the process: handlers are called one message after another, in the order of the messages.
 *
 * Invariant: no handler runs within a call of the node's, so that one may publish, end itself or others; none is called after it
 * was ended, or after the node was closed.
 */
import { bytesFromBinary, textFromBinary } from "../base/binary.ts";
import { CHANNEL_BYTES_MAX, MESSAGE_BYTES_MAX } from "../model/limits.ts";
import type { SubscriptionKind } from "../model/publication.ts";
import type { Store } from "../node/store.ts";
import type { Delivery, Subscriber } from "../node/subscriptions.ts";
import { binaryOf, bytesOf } from "./arguments.ts";
import { StoredValue } from "./entry.ts";
import { badArgument } from "./errors.ts";
import type { ChannelInput, PatternInput, ValueInput } from "./options.ts";

/** A message that was published. `value` is the handler's to keep and change. */
export class Message extends StoredValue {
  readonly #channel: string;

  constructor({ channel, message }: Delivery) {
    super(Uint8Array.from(message));
    this.#channel = channel;
  }

  /** The channel as text, `undefined` if it is not UTF-8. */
  get channel(): string | undefined {
    return textFromBinary(this.#channel);
  }

  /** The channel as bytes: a fresh copy. */
  get channelBytes(): Uint8Array {
    return bytesFromBinary(this.#channel);
  }
}

export type MessageHandler = (message: Message) => void;

/** One call of `subscribe`. */
class Listener implements Subscriber {
  readonly kind: SubscriptionKind;
  readonly name: string;
  isEnded = false;
  readonly #handler: MessageHandler;

  constructor(kind: SubscriptionKind, name: string, handler: MessageHandler) {
    this.kind = kind;
    this.name = name;
    this.#handler = handler;
  }

  deliver(delivery: Delivery): void {
    // A copy at once: who published may have the bytes back once it is told how many got them.
    const message = new Message(delivery);
    queueMicrotask(() => {
      if (!this.isEnded) this.#handler(message);
    });
  }
}

export class Messages {
  readonly #store: Store;
  readonly #listeners = new Set<Listener>();

  constructor(store: Store) {
    this.#store = store;
  }

  publish(channel: ChannelInput, message: ValueInput): Promise<number> {
    return new Promise((resolve) => {
      const name = channelOf("channel", channel);
      // A copy: it waits to be sent, also to clients of this node, longer than the call lasts.
      const bytes = Uint8Array.from(bytesOf(message, MESSAGE_BYTES_MAX));
      this.#store.publish({ channel: name, message: bytes, isSharded: false }, resolve);
    });
  }

  subscribe(channel: ChannelInput | PatternInput, handler: MessageHandler): () => void {
    if (typeof handler !== "function") throw badArgument("a handler is a function");
    const isPattern = typeof channel === "object" && !(channel instanceof Uint8Array);
    const listener = isPattern
      ? new Listener("pattern", channelOf("pattern", channel.pattern), handler)
      : new Listener("channel", channelOf("channel", channel), handler);
    this.#listeners.add(listener);
    this.#store.subscriptions.add(listener.kind, listener.name, listener);
    return () => this.#end(listener);
  }

  /** Nobody listens any more. */
  close(): void {
    for (const listener of this.#listeners) this.#end(listener);
  }

  #end(listener: Listener): void {
    listener.isEnded = true;
    if (!this.#listeners.delete(listener)) return;
    this.#store.subscriptions.remove(listener.kind, listener.name, listener);
  }
}

function channelOf(what: "channel" | "pattern", raw: unknown): string {
  const binary = binaryOf(what, raw);
  if (binary.length <= CHANNEL_BYTES_MAX) return binary;
  throw badArgument(`${what} ${binary.length} bytes, max ${CHANNEL_BYTES_MAX}`);
}
