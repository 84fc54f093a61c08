/**
 * Publishing over the whole cluster: each message goes to who listens here, and once to every
 * member this node is connected to, which gives it to who listens there. Nobody tells others who
 * listens: a frame for each member is the price of each message.
 *
 * At most once, and in the order in which a node published: a message that cannot be sent, or is
 * overtaken by a later one of its sender's (over a connection that took the place of its own), is
 * dropped. Nothing is kept, nothing is sent again.
 */
import type { BootId } from "../model/ids.ts";
import { MEMBERS_MAX } from "../model/limits.ts";
import type { PeerRequest } from "../model/peer-message.ts";
import type { Publication, SubscriptionCounts, SubscriptionQuery } from "../model/publication.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import type { Counters } from "./counters.ts";
import type { Everybody } from "./everybody.ts";
import type { Reply } from "./reply.ts";
import { Subscriptions } from "./subscriptions.ts";

/** Starts of senders that are remembered. */
const HEARD_MAX = 4 * MEMBERS_MAX;

export class PubSub {
  readonly subscriptions = new Subscriptions();
  readonly #everybody: Everybody;
  readonly #counters: Counters;
  readonly #boot: () => BootId;
  /**
   * How far each start of a sender has come; also starts that have ended, of which something may
   * still arrive.
   */
  readonly #heard = new Map<BootId, number>();
  #sequence = 0;

  constructor(options: {
    readonly everybody: Everybody;
    readonly counters: Counters;
    /** This start of this node. */
    readonly boot: () => BootId;
  }) {
    this.#everybody = options.everybody;
    this.#counters = options.counters;
    this.#boot = options.boot;
  }

  publish(publication: Publication, done: (receivers: number) => void): void {
    this.#counters.add("messages-published");
    let receivers = this.subscriptions.deliver(publication);
    if (!this.#everybody.isThere) return done(receivers);
    this.#sequence += 1;
    const body = encodeMessage({
      kind: "publish",
      boot: this.#boot(),
      sequence: this.#sequence,
      ...publication,
    });
    return this.#everybody.ask(
      body,
      (reply) => {
        if (reply.kind === "publish-reply") receivers += reply.receivers;
      },
      () => done(receivers),
    );
  }

  survey(query: SubscriptionQuery, done: (found: SubscriptionCounts) => void): void {
    const found = this.subscriptions.survey(query);
    const counts = new Map(found.counts);
    let { isWhole } = found;
    this.#everybody.ask(
      encodeMessage({ kind: "subscriptions", query }),
      (reply) => {
        if (reply.kind !== "subscriptions-reply") return;
        for (const [name, count] of reply.counts) counts.set(name, (counts.get(name) ?? 0) + count);
        isWhole &&= reply.isWhole;
      },
      () => done({ counts, isWhole }),
    );
  }

  /** A message that another node published. */
  receive(message: Extract<PeerRequest, { kind: "publish" }>, reply: Reply): void {
    const isNext = this.#note(message.boot, message.sequence);
    this.#counters.add(isNext ? "messages-received" : "messages-overtaken");
    reply({
      kind: "publish-reply",
      receivers: isNext ? this.subscriptions.deliver(message) : 0,
    });
  }

  tell({ query }: Extract<PeerRequest, { kind: "subscriptions" }>, reply: Reply): void {
    reply({ kind: "subscriptions-reply", ...this.subscriptions.survey(query) });
  }

  /** Whether nothing that its sender published later has come before it. */
  #note(boot: BootId, sequence: number): boolean {
    const last = this.#heard.get(boot);
    if (last !== undefined && sequence <= last) return false;
    if (last === undefined && this.#heard.size >= HEARD_MAX) {
      const [first] = this.#heard.keys();
      if (first !== undefined) this.#heard.delete(first);
    }
    this.#heard.set(boot, sequence);
    return true;
  }
}
