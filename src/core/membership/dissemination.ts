/**
 * What still has to be told: at most one piece of news of each kind about each member.
 *
 * Only the subject is queued; what is said is looked up when it is sent, so that old news is never spread once newer
 * is known. Each piece is sent retransmitFactor x ceil(log2(n + 1)) times, the least told first, then the newest.
 * Source: Das et al., "SWIM" (DSN 2002), section 4.1.
 */
import type { NodeId } from "../../model/ids.ts";
import { MEMBERS_MAX } from "../../model/limits.ts";
import { ceilLog2 } from "./swim-config.ts";

export type Topic = "record" | "liveness";

/** One record and one liveness of every member. */
const NEWS_MAX = 2 * MEMBERS_MAX;

interface News {
  readonly topic: Topic;
  readonly id: NodeId;
  readonly order: number;
  timesTold: number;
}

export class Dissemination<Update> {
  readonly #look: (topic: Topic, id: NodeId) => Update | undefined;
  readonly #bytesOf: (update: Update) => number;
  readonly #retransmitFactor: number;
  readonly #news = new Map<string, News>();
  #order = 0;

  /** `look` gives what is believed at the moment; `undefined` drops the news. */
  constructor(parts: {
    readonly look: (topic: Topic, id: NodeId) => Update | undefined;
    readonly bytesOf: (update: Update) => number;
    readonly retransmitFactor: number;
  }) {
    this.#look = parts.look;
    this.#bytesOf = parts.bytesOf;
    this.#retransmitFactor = parts.retransmitFactor;
  }

  get isEmpty(): boolean {
    return this.#news.size === 0;
  }

  /** Begins to tell, or begins anew. Never overflows: ids come from a table of at most MEMBERS_MAX. */
  tell(topic: Topic, id: NodeId): void {
    const key = `${topic}:${id}`;
    if (!this.#news.has(key) && this.#news.size >= NEWS_MAX) return;
    this.#order += 1;
    this.#news.set(key, { topic, id, order: this.#order, timesTold: 0 });
  }

  /** Nothing waits any more. */
  clear(): void {
    this.#news.clear();
  }

  /** Takes news for one message of at most `bytesMax` bytes among `memberCount` members, and counts it as told. */
  take(bytesMax: number, memberCount: number): Update[] {
    if (this.#news.size === 0) return [];
    const timesMax = this.#retransmitFactor * ceilLog2(memberCount + 1);
    const candidates = [...this.#news.entries()].sort(
      ([, a], [, b]) => a.timesTold - b.timesTold || b.order - a.order,
    );
    const taken: Update[] = [];
    let bytesLeft = bytesMax;
    for (const [key, news] of candidates) {
      const update = this.#look(news.topic, news.id);
      if (update === undefined) {
        this.#news.delete(key);
        continue;
      }
      const bytes = this.#bytesOf(update);
      if (bytes > bytesLeft) continue;
      taken.push(update);
      bytesLeft -= bytes;
      news.timesTold += 1;
      if (news.timesTold >= timesMax) this.#news.delete(key);
    }
    return taken;
  }
}
