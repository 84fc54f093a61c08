/**
 * What this node believes of the cluster, itself included, and the effects gathered in the current step.
 *
 * Shared by the parts of the membership machine. Invariants: a member with a record has a belief; this node's own belief
 * is that it is alive, until it says goodbye; liveness never changes a record.
 */
import { assert } from "../../base/assert.ts";
import {
  GOSSIP_UPDATES_BYTES_MAX,
  type GossipSender,
  type GossipUpdate,
  gossipUpdateBytes,
  INCARNATIONS_PER_BOOT,
} from "../../model/gossip-message.ts";
import type { Address, NodeId } from "../../model/ids.ts";
import type { Liveness, LivenessRecord, Member, MemberRecord } from "../../model/member.ts";
import type { Random } from "../../ports/random.ts";
import { Dissemination, type Topic } from "./dissemination.ts";
import { IntentTable, isGone } from "./intent-table.ts";
import type { MembershipEffect, MembershipEvent, MembershipTimer } from "./membership-event.ts";
import { sample } from "./probe-order.ts";
import type { SwimConfig } from "./swim-config.ts";

export interface Belief {
  readonly liveness: Liveness;
  readonly incarnation: number;
  /** Who found out; the member itself for `alive`. */
  readonly by: NodeId;
}

/** A message before its sender and its news are added. */
type Part<Message> = Message extends unknown ? Omit<Message, "sender" | "updates"> : never;
type BareMessage = Part<Extract<MembershipEffect, { kind: "send-datagram" }>["message"]>;

const LIVENESS_ORDER: Readonly<Record<Liveness, number>> = { alive: 0, suspect: 1, dead: 2 };

/** Whether the first claim replaces the second: greater incarnation, then the worse. */
export function supersedes(a: Omit<LivenessRecord, "id">, b: Omit<LivenessRecord, "id">): boolean {
  return (
    a.incarnation > b.incarnation ||
    (a.incarnation === b.incarnation && LIVENESS_ORDER[a.liveness] > LIVENESS_ORDER[b.liveness])
  );
}

export class ClusterView {
  readonly config: SwimConfig;
  readonly random: Random;
  readonly intents = new IntentTable();
  readonly news: Dissemination<GossipUpdate>;
  readonly selfId: NodeId;
  #self: MemberRecord;
  #incarnation: number;
  #isStopping = false;
  readonly #beliefs = new Map<NodeId, Belief>();
  #effects: MembershipEffect[] = [];
  #recordsChanged = false;
  #reachable: readonly NodeId[] | undefined;
  #dead: readonly NodeId[] | undefined;

  constructor(parts: {
    readonly self: MemberRecord;
    readonly config: SwimConfig;
    readonly random: Random;
  }) {
    this.config = parts.config;
    this.random = parts.random;
    this.selfId = parts.self.id;
    this.#self = parts.self;
    this.#incarnation = parts.self.boots * INCARNATIONS_PER_BOOT;
    this.intents.merge(parts.self);
    this.news = new Dissemination({
      look: (topic, id) => this.update(topic, id),
      bytesOf: gossipUpdateBytes,
      retransmitFactor: parts.config.retransmitFactor,
    });
  }

  get self(): MemberRecord {
    return this.#self;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** From now on this node calls itself dead: peers need not find out. */
  sayGoodbye(): void {
    this.#isStopping = true;
    this.news.tell("liveness", this.selfId);
  }

  /** Replaces this node's own record by a greater one, and tells it. */
  setSelf(record: MemberRecord): void {
    assert(record.id === this.selfId, "a node keeps its id");
    this.#self = record;
    this.raiseIncarnation(record.boots * INCARNATIONS_PER_BOOT);
    const isGreater = this.intents.merge(record);
    assert(isGreater, "this node's own record only grows");
    this.#onRecordChanged(record.id);
  }

  /** To at least `incarnation`, one of this start's; told. */
  raiseIncarnation(incarnation: number): void {
    const { boots } = this.#self;
    assert(incarnation < (boots + 1) * INCARNATIONS_PER_BOOT, "an incarnation is of its start");
    if (incarnation <= this.#incarnation) return;
    this.#incarnation = incarnation;
    this.news.tell("liveness", this.selfId);
  }

  /** Takes over another member's record if it is greater; whether it was. */
  mergeRecord(record: MemberRecord): boolean {
    assert(record.id !== this.selfId, "this node alone changes its own record");
    if (!this.intents.merge(record)) return false;
    if (!this.#beliefs.has(record.id)) {
      // Dead until heard of: nobody may count on a member that this node has never met. Incarnation 0 is
      // below any real claim, so the first word about it replaces this.
      this.#beliefs.set(record.id, { liveness: "dead", incarnation: 0, by: record.id });
    }
    this.#onRecordChanged(record.id);
    return true;
  }

  belief(id: NodeId): Belief | undefined {
    if (id !== this.selfId) return this.#beliefs.get(id);
    const liveness = this.#isStopping ? "dead" : "alive";
    return { liveness, incarnation: this.#incarnation, by: this.selfId };
  }

  livenessOf(id: NodeId): Liveness | undefined {
    if (id === this.selfId) return this.#isStopping ? "dead" : "alive";
    return this.#beliefs.get(id)?.liveness;
  }

  /** Believes something new about another member, tells it, and reports a change of liveness. */
  believe(id: NodeId, belief: Belief): void {
    const before = this.#beliefs.get(id);
    assert(before !== undefined, "beliefs are about members");
    this.#beliefs.set(id, belief);
    this.news.tell("liveness", id);
    if (before.liveness === belief.liveness) return;
    this.#forgetLists();
    const isGoodbye = belief.liveness === "dead" && belief.by === id;
    this.emit({ kind: "liveness-changed", id, liveness: belief.liveness, isGoodbye });
  }

  /** A belief that is not for others: what push/pull says of the past. */
  correctIncarnation(id: NodeId, incarnation: number): void {
    const belief = this.#beliefs.get(id);
    if (belief !== undefined) this.#beliefs.set(id, { ...belief, incarnation });
  }

  /** Other members that are alive or suspect and not gone, in the order of ids. */
  reachable(): readonly NodeId[] {
    this.#reachable ??= this.#others((belief) => belief.liveness !== "dead");
    return this.#reachable;
  }

  /** Other members that are dead and not gone, in the order of ids. */
  dead(): readonly NodeId[] {
    this.#dead ??= this.#others((belief) => belief.liveness === "dead");
    return this.#dead;
  }

  /** Members alive or suspect, this node included: what logarithms are taken of. */
  get memberCount(): number {
    return this.reachable().length + 1;
  }

  /** Other members that are believed alive, not counting `except`: who could confirm a suspicion of it. */
  aliveCountWithout(except: NodeId): number {
    let count = 0;
    for (const id of this.reachable()) {
      if (id !== except && this.#beliefs.get(id)?.liveness === "alive") count += 1;
    }
    return count;
  }

  /** At most `count` random members that are believed alive, none of `except`. */
  sampleAlive(count: number, except: NodeId): NodeId[] {
    const alive = this.reachable().filter(
      (id) => id !== except && this.#beliefs.get(id)?.liveness === "alive",
    );
    return sample(alive, count, this.random);
  }

  address(id: NodeId): Address | undefined {
    return this.intents.get(id)?.address;
  }

  members(): Member[] {
    return this.intents.sorted().map((record) => {
      const belief = this.belief(record.id);
      assert(belief !== undefined, "a member with a record has a belief");
      return { record, liveness: belief.liveness, incarnation: belief.incarnation };
    });
  }

  /** What a message would say now about a member. */
  update(topic: Topic, id: NodeId): GossipUpdate | undefined {
    const belief = this.belief(id);
    const record = this.intents.get(id);
    if (belief === undefined || record === undefined) return undefined;
    const { liveness, incarnation } = belief;
    return topic === "record"
      ? { kind: "record", record, liveness, incarnation }
      : { kind: "liveness", id, liveness, incarnation, by: belief.by };
  }

  /** Sends a message with `first` and as much waiting news as fits. */
  send(to: Address, message: BareMessage, first: readonly (GossipUpdate | undefined)[] = []): void {
    const updates = first.filter((update) => update !== undefined);
    let bytesLeft = GOSSIP_UPDATES_BYTES_MAX;
    for (const update of updates) bytesLeft -= gossipUpdateBytes(update);
    updates.push(...this.news.take(bytesLeft, this.memberCount));
    const sender: GossipSender = {
      id: this.selfId,
      boot: this.#self.boot,
      boots: this.#self.boots,
      version: this.#self.version,
      incarnation: this.#incarnation,
    };
    this.emit({ kind: "send-datagram", to, message: { ...message, sender, updates } });
  }

  setTimer(timer: MembershipTimer, atMs: number): void {
    const event: MembershipEvent = { kind: "timer", timer, dueMs: atMs };
    this.emit({ kind: "set-timer", atMs, event });
  }

  emit(effect: MembershipEffect): void {
    this.#effects.push(effect);
  }

  /** Ends a step: its effects, in order; persistence last and once. */
  takeEffects(): MembershipEffect[] {
    if (this.#recordsChanged) this.emit({ kind: "records-changed" });
    this.#recordsChanged = false;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #onRecordChanged(id: NodeId): void {
    this.news.tell("record", id);
    this.#recordsChanged = true;
    this.#forgetLists();
  }

  #forgetLists(): void {
    this.#reachable = undefined;
    this.#dead = undefined;
  }

  #others(isMeant: (belief: Belief) => boolean): NodeId[] {
    const ids: NodeId[] = [];
    for (const record of this.intents.sorted()) {
      const belief = this.#beliefs.get(record.id);
      if (belief !== undefined && !isGone(record) && isMeant(belief)) ids.push(record.id);
    }
    return ids;
  }
}
