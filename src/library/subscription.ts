/** Listening: messages of channels, as they are published at any node. */
import { textFromBinary } from "../base/binary.ts";
import type { SubscriptionKind } from "../model/publication.ts";
import type { Delivery, Subscriber, Subscriptions } from "../node/subscriptions.ts";
import { StoredValue } from "./entry.ts";

/** Something that was said on a channel. */
export class Message extends StoredValue {
  readonly #binary: string;

  constructor({ channel, message }: Delivery) {
    // Others who listen are given the same bytes, and these are the caller's to change.
    super(Uint8Array.from(message));
    this.#binary = channel;
  }

  /** The channel as text, `undefined` if it is not UTF-8. */
  get channel(): string | undefined {
    return textFromBinary(this.#binary);
  }

  /** The channel as bytes: a fresh copy. */
  get channelBytes(): Uint8Array {
    return Buffer.from(this.#binary, "latin1");
  }
}

/** Listens from the moment it is there until it is closed. */
export class Subscription implements Subscriber {
  readonly #subscriptions: Subscriptions;
  readonly #kind: SubscriptionKind;
  readonly #name: string;
  readonly #listener: (message: Message) => void;
  #isClosed = false;

  /** Use `node.subscribe` or `node.subscribePattern`. */
  constructor(
    subscriptions: Subscriptions,
    of: { readonly kind: SubscriptionKind; readonly name: string },
    listener: (message: Message) => void,
  ) {
    this.#subscriptions = subscriptions;
    this.#kind = of.kind;
    this.#name = of.name;
    this.#listener = listener;
    subscriptions.add(this.#kind, this.#name, this);
  }

  /** For the node's own use. */
  deliver(delivery: Delivery): void {
    const message = new Message(delivery);
    // Not within the node's own turn: a listener may throw, and may publish.
    queueMicrotask(() => {
      if (!this.#isClosed) this.#listener(message);
    });
  }

  /** The listener is not called any more. May be called twice. */
  close(): void {
    this.#isClosed = true;
    this.#subscriptions.remove(this.#kind, this.#name, this);
  }

  /** `using subscription = node.subscribe(...)` closes it at the end of the block. */
  [Symbol.dispose](): void {
    this.close();
  }
}
