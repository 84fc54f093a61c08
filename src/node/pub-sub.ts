/**
 * Publishing over the whole cluster: each message goes to who listens here, and once to every member this node is connected to,
 * which gives it to who listens there. Nobody tells others who listens: a frame for each member is the price of each message.
 *
 * At most once, and in the order in which a node published: a message that cannot be sent, or is overtaken by a later one of its
 * sender's (over a connection that took the place of its own), is dropped. Nothing is kept, nothing is sent again.
 */
import type { BootId, NodeId } from "../model/ids.ts";
import { MEMBERS_MAX } from "../model/limits.ts";
import type { PeerRequest } from "../model/peer-message.ts";
import type { Publication, SubscriptionCounts, SubscriptionQuery } from "../model/publication.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import type { Counters } from "./counters.ts";
import type { Everybody } from "./everybody.ts";
import type { Reply } from "./reply.ts";
import { Subscriptions } from "./subscriptions.ts";

/** How far a sender has come. */
interface Heard {
  boot: BootId;
  sequence: number;
}

export class PubSub {
  readonly subscriptions = new Subscriptions();
  readonly #everybody: Everybody;
  readonly #counters: Counters;
  readonly #boot: () => BootId;
  readonly #heard = new Map<NodeId, Heard>();
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
  receive(from: NodeId, message: Extract<PeerRequest, { kind: "publish" }>, reply: Reply): void {
    const isNext = this.#note(from, message);
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
  #note(from: NodeId, { boot, sequence }: Heard): boolean {
    const heard = this.#heard.get(from);
    if (heard?.boot === boot) {
      const isNext = sequence > heard.sequence;
      if (isNext) heard.sequence = sequence;
      return isNext;
    }
    // Members come and go: the one that was heard first is the likeliest to be gone.
    const [first] = this.#heard.keys();
    if (this.#heard.size >= MEMBERS_MAX && first !== undefined) this.#heard.delete(first);
    this.#heard.set(from, { boot, sequence });
    return true;
  }
}
