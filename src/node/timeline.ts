/**
 * What happened to the cluster of late, as this node saw it: for people who look now and want to know what came before.
 *
 * Members that come, go, fall silent and answer again are noted as they do; what happens many times a second is summed up
 * over COUNT_MS. Invariant: at most EVENTS_MAX of either are kept, the latest, and a later event has a greater number.
 */
import type { NodeId } from "../model/ids.ts";
import type { Intent, Liveness, MemberRecord } from "../model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { Counters } from "./counters.ts";
import type { CounterName } from "./metric-catalogue.ts";

/** Of members, and of counts: neither drives the other out. */
const EVENTS_MAX = 200;
const COUNT_MS = 5_000;

export type TimelineKind =
  | "joining"
  | "joined"
  | "leaving"
  | "left"
  | "removing"
  | "removed"
  | "suspected"
  | "refuted" // a suspect answered in time
  | "died"
  | "returned" // a dead one answers again
  | "handed-over" // slots whose foreign cells their owners have taken
  | "repaired" // cells exchanged with others
  | "collected" // cells that were deleted or had expired
  | "discarded" // values that lost to concurrent ones
  | "mended"; // damaged cells

export interface TimelineEvent {
  /** From 1. */
  readonly number: number;
  /** Wall clock. */
  readonly atMs: number;
  readonly kind: TimelineKind;
  /** The member it is about. */
  readonly node?: NodeId;
  /** How many, within about five seconds. */
  readonly count?: number;
}

/** Counters that make an event when they grow. */
const COUNTED: readonly (readonly [TimelineKind, readonly CounterName[]])[] = [
  ["handed-over", ["slots-handed-over"]],
  ["repaired", ["exchange-cells-pulled", "exchange-cells-pushed", "read-repairs"]],
  ["collected", ["cells-collected"]],
  ["discarded", ["values-discarded", "values-discarded-in-merges"]],
  ["mended", ["cells-mended"]],
];

const BY_INTENT: Readonly<Record<Intent, TimelineKind>> = {
  joining: "joining",
  active: "joined",
  leaving: "leaving",
  left: "left",
  removing: "removing",
  removed: "removed",
};

export class Timeline {
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #ofMembers: TimelineEvent[] = [];
  readonly #ofCounts: TimelineEvent[] = [];
  readonly #liveness = new Map<NodeId, Liveness>();
  readonly #intents = new Map<NodeId, Intent>();
  readonly #counted = new Map<TimelineKind, number>();
  #number = 0;
  #countMs: number;

  constructor(clock: Clock, counters: Counters) {
    this.#clock = clock;
    this.#counters = counters;
    this.#countMs = clock.monotonicMs() + COUNT_MS;
  }

  /** Events above a number, in order; 0 is below all. */
  since(number: number): readonly TimelineEvent[] {
    return [...this.#ofMembers, ...this.#ofCounts]
      .filter((event) => event.number > number)
      .sort((a, b) => a.number - b.number);
  }

  noteLiveness(node: NodeId, liveness: Liveness): void {
    const before = this.#liveness.get(node) ?? "alive";
    this.#liveness.set(node, liveness);
    if (before === liveness) return;
    if (liveness === "suspect") this.#addOfMember("suspected", node);
    else if (liveness === "dead") this.#addOfMember("died", node);
    else this.#addOfMember(before === "dead" ? "returned" : "refuted", node);
  }

  /** The members as they are now. Those that are there at first did not come just now. */
  noteRecords(records: readonly MemberRecord[]): void {
    const isFirst = this.#intents.size === 0;
    for (const { id, intent } of records) {
      const before = this.#intents.get(id);
      if (before === intent) continue;
      this.#intents.set(id, intent);
      if (!isFirst) this.#addOfMember(BY_INTENT[intent], id);
    }
    if (this.#intents.size > records.length) this.#forget(records);
  }

  /** To be called now and then: looks at what was counted. */
  tick(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#countMs) return;
    this.#countMs = nowMs + COUNT_MS;
    for (const [kind, names] of COUNTED) {
      const total = names.reduce((sum, name) => sum + this.#counters.get(name), 0);
      const count = total - (this.#counted.get(kind) ?? 0);
      this.#counted.set(kind, total);
      if (count > 0) push(this.#ofCounts, { ...this.#next(), kind, count });
    }
  }

  #addOfMember(kind: TimelineKind, node: NodeId): void {
    push(this.#ofMembers, { ...this.#next(), kind, node });
  }

  #next(): { readonly number: number; readonly atMs: number } {
    this.#number += 1;
    return { number: this.#number, atMs: this.#clock.wallMs() };
  }

  #forget(records: readonly MemberRecord[]): void {
    const known = new Set(records.map(({ id }) => id));
    for (const id of this.#intents.keys()) if (!known.has(id)) this.#intents.delete(id);
    for (const id of this.#liveness.keys()) if (!known.has(id)) this.#liveness.delete(id);
  }
}

function push(events: TimelineEvent[], event: TimelineEvent): void {
  events.push(event);
  if (events.length > EVENTS_MAX) events.shift();
}
