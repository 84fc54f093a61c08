/**
 * One connection as its commands see it, without its socket: who it is, what it listens to, what it has queued and watches.
 *
 * Invariant: everything here changes only while no other command of the connection is under way, or by commands that answer
 * within the call; so a command finds what those before it left.
 */
import type { Key } from "../../model/key.ts";
import type { QuorumReport } from "../../model/outcome.ts";
import type { SubscriptionKind } from "../../model/publication.ts";
import type { Stamp } from "../../model/stamp.ts";
import type { Delivery, Subscriber, Subscriptions } from "../../node/subscriptions.ts";
import type { ProtocolVersion, Reply } from "../../protocol/resp/reply.ts";

/** The way to the client. */
export interface Wire {
  /** Of what is written from here on. */
  protocol: ProtocolVersion;
  /** Whether so much waits to be sent that nothing more should be begun for this client. */
  readonly isFull: boolean;
  /** Bytes written and not sent yet; bytes received and not taken up yet. */
  readonly outputBytes: number;
  readonly inputBytes: number;
  /** Gathers, to be sent at the end of the turn. */
  write(reply: Reply): void;
  /** Gathers what was not asked for: closes at once where too much of it waits. */
  push(reply: Reply): void;
  /** Told when requests were taken up, or could not be: more may be read, or should not. */
  noteTaken(): void;
  /** Sends what was written, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** Between MULTI and EXEC. */
export interface Transaction {
  /** In order; each its arguments, the name first. */
  readonly queue: (readonly Uint8Array[])[];
  /** Bytes of all their arguments. */
  bytes: number;
  /** A command was refused: EXEC runs nothing. */
  isAborted: boolean;
}

/** What a message is called, by what was listened to. */
const WORDS: Readonly<Record<SubscriptionKind, string>> = {
  channel: "message",
  pattern: "pmessage",
  shard: "smessage",
};

export class Session implements Subscriber {
  /** From 1, in the order of the connections. */
  readonly id: number;
  /** Both ends, as CLIENT LIST has them. */
  readonly address: string;
  readonly localAddress: string;
  /** Wall clock, in milliseconds. */
  readonly openedAtMs: number;
  lastActiveMs: number;
  /** Full name of the last command that was begun. */
  lastCommand = "NULL";
  name = "";
  libName = "";
  libVersion = "";
  isNoEvict = false;
  isNoTouch = false;
  isReadOnly = false;

  /** `off`: nothing is answered. `skip-next`: the next request is not. */
  replies: "on" | "off" | "skip-next" = "on";
  /** No more requests are taken; the connection ends when those before have been answered. */
  isEnding = false;
  transaction: Transaction | undefined;
  /** What each watched key held: its stamp, or nothing. */
  readonly watched = new Map<Key, Stamp | undefined>();
  /** What became of the last write; `undefined` before there was one. */
  lastWrite: QuorumReport | undefined;

  readonly #wire: Wire;
  readonly #subscriptions: Subscriptions;
  readonly #names: Readonly<Record<SubscriptionKind, Set<string>>> = {
    channel: new Set(),
    pattern: new Set(),
    shard: new Set(),
  };

  constructor(options: {
    readonly id: number;
    readonly address: string;
    readonly localAddress: string;
    readonly nowMs: number;
    readonly wire: Wire;
    readonly subscriptions: Subscriptions;
  }) {
    this.id = options.id;
    this.address = options.address;
    this.localAddress = options.localAddress;
    this.openedAtMs = options.nowMs;
    this.lastActiveMs = options.nowMs;
    this.#wire = options.wire;
    this.#subscriptions = options.subscriptions;
  }

  get protocol(): ProtocolVersion {
    return this.#wire.protocol;
  }

  /** Of the reply that comes next, too. */
  set protocol(version: ProtocolVersion) {
    this.#wire.protocol = version;
  }

  get wire(): Wire {
    return this.#wire;
  }

  /** In version 2 whoever listens may do little else: replies could not be told from messages. */
  get isListening(): boolean {
    return this.protocol === 2 && this.subscriptionCount > 0;
  }

  get subscriptionCount(): number {
    const { channel, pattern, shard } = this.#names;
    return channel.size + pattern.size + shard.size;
  }

  /** What it listens to, of a kind, in the order it began to. */
  subscribed(kind: SubscriptionKind): ReadonlySet<string> {
    return this.#names[kind];
  }

  subscribe(kind: SubscriptionKind, name: string): void {
    this.#names[kind].add(name);
    this.#subscriptions.add(kind, name, this);
  }

  unsubscribe(kind: SubscriptionKind, name: string): void {
    if (this.#names[kind].delete(name)) this.#subscriptions.remove(kind, name, this);
  }

  unsubscribeAll(): void {
    for (const kind of ["channel", "pattern", "shard"] as const) {
      for (const name of this.#names[kind]) this.unsubscribe(kind, name);
    }
  }

  /** As it was when it connected, but for its id. */
  reset(): void {
    this.unsubscribeAll();
    this.protocol = 2;
    this.transaction = undefined;
    this.watched.clear();
    this.name = "";
    this.replies = "on";
    this.isNoEvict = false;
    this.isNoTouch = false;
    this.isReadOnly = false;
  }

  deliver({ kind, name, channel, message }: Delivery): void {
    const head = kind === "pattern" ? [WORDS[kind], name, channel] : [WORDS[kind], channel];
    const items = head.map((binary): Reply => ({ kind: "binary", binary }));
    this.#wire.push({ kind: "push", items: [...items, { kind: "bulk", bytes: message }] });
  }

  /** Tells the session what became of a write, for WAIT. */
  noteWrite(quorum: QuorumReport): void {
    this.lastWrite = quorum;
  }
}
